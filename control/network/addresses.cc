#include "control/network/addresses.h"

#include <algorithm>

#include "control/network/errors.h"

namespace hanok::network {
namespace {

constexpr std::size_t kMaxFixedIps = 64;

Error exhausted(const std::string& network_id) {
  return conflict("No more IP addresses available on network " + network_id + ".",
                  "IpAddressGenerationFailure");
}

// The first free address in [from, last]; "" when there is none. Runs of used addresses are walked in chunks.
Result<std::string> first_free(store::Tx& tx, const std::string& subnet_id, std::string from,
                               const std::string& last) {
  constexpr std::size_t kChunk = 64;
  while (from <= last) {
    HANOK_TRY(used,
              tx.query("SELECT ip_key FROM port_addresses WHERE subnet_id = ? AND ip_key >= ? AND ip_key <= ?"
                       " ORDER BY ip_key LIMIT ?",
                       {subnet_id, from, last, kChunk}));
    for (const store::Row& row : used) {
      if (row.text("ip_key") != from) return from;
      const auto next = plus(from_key(from), 1);
      if (!next) return std::string();
      from = to_key(*next);
    }
    if (used.size() < kChunk) break;
  }
  return from <= last ? from : std::string();
}

Result<std::string> next_from_pools(store::Tx& tx, const std::string& subnet_id) {
  HANOK_TRY(pools, tx.query("SELECT first_key, last_key, next_key FROM allocation_pools WHERE subnet_id = ?"
                            " AND next_key <> '' ORDER BY first_key",
                            {subnet_id}));
  for (const store::Row& pool : pools) {
    const std::string last = pool.text("last_key");
    HANOK_TRY(key, first_free(tx, subnet_id, pool.text("next_key"), last));
    std::string next;
    if (!key.empty() && key != last) next = to_key(*plus(from_key(key), 1));
    HANOK_CHECK(tx.execute("UPDATE allocation_pools SET next_key = ? WHERE subnet_id = ? AND first_key = ?",
                           {next, subnet_id, pool.text("first_key")}));
    if (!key.empty()) return key;
  }
  return std::string();
}

// A free address of the subnet's pools; "" when there is none.
Result<std::string> next_free(store::Tx& tx, const std::string& subnet_id) {
  HANOK_TRY(fresh, next_from_pools(tx, subnet_id));
  if (!fresh.empty()) return fresh;
  HANOK_TRY(released, tx.query_one("SELECT ip_key FROM released_addresses WHERE subnet_id = ?"
                                   " ORDER BY sequence LIMIT 1",
                                   {subnet_id}));
  return released ? released->text("ip_key") : std::string();
}

Status take(store::Tx& tx, const AddressOwner& owner, const std::string& subnet_id, const std::string& key) {
  const std::string ip = to_text(from_key(key));
  HANOK_TRY(used, tx.query_one("SELECT 1 AS one FROM port_addresses WHERE subnet_id = ? AND ip_key = ?",
                               {subnet_id, key}));
  if (used) {
    return conflict("IP address " + ip + " already allocated in subnet " + subnet_id,
                    "IpAddressAlreadyAllocated");
  }
  HANOK_CHECK(
      tx.execute("DELETE FROM released_addresses WHERE subnet_id = ? AND ip_key = ?", {subnet_id, key}));
  HANOK_CHECK(
      tx.execute("INSERT INTO port_addresses (subnet_id, ip_key, ip, port_id, position) VALUES (?, ?, ?, ?,"
                 " (SELECT coalesce(max(position), 0) + 1 FROM port_addresses WHERE port_id = ?))",
                 {subnet_id, key, ip, owner.port_id, owner.port_id}));
  return {};
}

Status release(store::Tx& tx, const std::string& subnet_id, const std::string& key) {
  HANOK_CHECK(tx.execute("DELETE FROM port_addresses WHERE subnet_id = ? AND ip_key = ?", {subnet_id, key}));
  // Addresses at or above next_key come by themselves.
  HANOK_CHECK(
      tx.execute("INSERT OR IGNORE INTO released_addresses (subnet_id, ip_key)"
                 " SELECT ?, ? FROM allocation_pools WHERE subnet_id = ? AND first_key <= ? AND last_key >= ?"
                 " AND (next_key = '' OR next_key > ?)",
                 {subnet_id, key, subnet_id, key, key, key}));
  return {};
}

Prefix prefix_of(const store::Row& subnet) {
  return parse_prefix(subnet.text("cidr")).value();
}

Result<store::Rows> subnets_of(store::Tx& tx, const std::string& network_id) {
  return tx.query(
      "SELECT id, cidr, ip_version, ipv6_address_mode, first_key, last_key FROM subnets"
      " WHERE network_id = ? ORDER BY created_us, id",
      {network_id});
}

// One address per IP version from the first subnet that has one, plus the automatic ones.
Status assign_any(store::Tx& tx, const AddressOwner& owner, const store::Rows& subnets) {
  const bool floating = owner.device_owner == "network:floatingip";  // IPv4 only: it is for NAT
  for (const std::int64_t version : {4, 6}) {
    if (version == 6 && floating) break;
    bool wanted = false, given = false;
    for (const store::Row& subnet : subnets) {
      if (subnet.integer("ip_version") != version || is_auto_address(subnet)) continue;
      wanted = true;
      HANOK_TRY(key, next_free(tx, subnet.text("id")));
      if (key.empty()) continue;
      HANOK_CHECK(take(tx, owner, subnet.text("id"), key));
      given = true;
      break;
    }
    if (wanted && !given) return exhausted(owner.network_id);
  }
  if (floating || is_router_owner(owner.device_owner)) return {};
  for (const store::Row& subnet : subnets) {
    if (is_auto_address(subnet)) HANOK_CHECK(add_auto_address(tx, owner, subnet));
  }
  return {};
}

const store::Row* subnet_for(const store::Rows& subnets, const FixedIp& wanted, const IpAddress& ip) {
  for (const store::Row& subnet : subnets) {
    if (wanted.subnet_id && subnet.text("id") != *wanted.subnet_id) continue;
    if (prefix_of(subnet).contains(ip)) return &subnet;
  }
  return nullptr;
}

// An address may be anything in the prefix but its network and broadcast address.
bool is_host_address(const Prefix& prefix, const IpAddress& ip) {
  const bool single = prefix.length >= ip.bits() - 1;
  if (single) return true;
  return ip != prefix.first() && (ip.version == 6 || ip != prefix.last());
}

Status assign_exact(store::Tx& tx, const AddressOwner& owner, const store::Rows& subnets,
                    const FixedIp& wanted) {
  const auto ip = parse_ip(*wanted.ip);
  if (!ip) return invalid_value("fixed_ips", "'" + *wanted.ip + "' is not a valid IP address");
  const store::Row* subnet = subnet_for(subnets, wanted, *ip);
  if (subnet == nullptr || !is_host_address(prefix_of(*subnet), *ip)) {
    if (wanted.subnet_id) {
      return bad_request("IP address " + *wanted.ip + " is not a valid IP for the specified subnet.",
                         "InvalidIpForSubnet");
    }
    return bad_request(
        "IP address " + *wanted.ip + " is not a valid IP for any of the subnets on the specified network.",
        "InvalidIpForNetwork");
  }
  if (is_auto_address(*subnet) && !is_router_owner(owner.device_owner)) {
    if (eui64_address(prefix_of(*subnet), owner.mac) == ip) return add_auto_address(tx, owner, *subnet);
    return bad_request("IPv6 address " + *wanted.ip + " can not be directly assigned to a port on subnet " +
                           subnet->text("id") + " as the subnet is configured for automatic addresses",
                       "AllocationOnAutoAddressSubnet");
  }
  return take(tx, owner, subnet->text("id"), to_key(*ip));
}

Status assign_one(store::Tx& tx, const AddressOwner& owner, const store::Rows& subnets,
                  const FixedIp& wanted) {
  if (wanted.subnet_id) {
    const auto known = std::find_if(subnets.begin(), subnets.end(),
                                    [&](const store::Row& s) { return s.text("id") == *wanted.subnet_id; });
    if (known == subnets.end()) {
      HANOK_TRY(elsewhere, tx.query_one("SELECT id FROM subnets WHERE id = ?", {*wanted.subnet_id}));
      if (!elsewhere) return subnet_not_found(*wanted.subnet_id);
      return invalid_input("Failed to create port on network " + owner.network_id +
                           ", because fixed_ips included invalid subnet " + *wanted.subnet_id);
    }
    if (!wanted.ip) {
      if (is_auto_address(*known) && !is_router_owner(owner.device_owner))
        return add_auto_address(tx, owner, *known);
      HANOK_TRY(key, next_free(tx, *wanted.subnet_id));
      if (key.empty()) return exhausted(owner.network_id);
      return take(tx, owner, *wanted.subnet_id, key);
    }
  }
  if (wanted.ip) return assign_exact(tx, owner, subnets, wanted);
  return invalid_input("IP allocation requires subnet_id or ip_address");
}

Status assign_wanted(store::Tx& tx, const AddressOwner& owner, const store::Rows& subnets, FixedIps wanted) {
  if (wanted.size() > kMaxFixedIps) return invalid_input("Exceeded maximum amount of fixed ips per port");
  // Exact addresses first, so that none of them is given away as "any".
  std::stable_partition(wanted.begin(), wanted.end(), [](const FixedIp& f) { return f.ip.has_value(); });
  for (const FixedIp& fixed : wanted) HANOK_CHECK(assign_one(tx, owner, subnets, fixed));
  if (wanted.empty() || owner.device_owner.starts_with("network:")) return {};
  for (const store::Row& subnet : subnets) {
    if (is_auto_address(subnet)) HANOK_CHECK(add_auto_address(tx, owner, subnet));
  }
  return {};
}

}  // namespace

bool is_router_owner(const std::string& device_owner) {
  return device_owner.starts_with("network:router_");
}

bool is_auto_address(const store::Row& subnet) {
  const std::string mode = subnet.text("ipv6_address_mode");
  return mode == "slaac" || mode == "dhcpv6-stateless";
}

Status assign_addresses(store::Tx& tx, const AddressOwner& owner, const std::optional<FixedIps>& wanted) {
  HANOK_TRY(subnets, subnets_of(tx, owner.network_id));
  if (!wanted) return assign_any(tx, owner, subnets);
  return assign_wanted(tx, owner, subnets, *wanted);
}

Status replace_addresses(store::Tx& tx, const AddressOwner& owner, const FixedIps& wanted) {
  HANOK_TRY(subnets, subnets_of(tx, owner.network_id));
  HANOK_TRY(current,
            tx.query("SELECT subnet_id, ip, ip_key FROM port_addresses WHERE port_id = ? ORDER BY position",
                     {owner.port_id}));
  std::vector<bool> kept(current.size(), false);
  const auto keep = [&](const FixedIp& fixed) {
    for (std::size_t i = 0; i < current.size(); ++i) {
      if (kept[i] || (fixed.subnet_id && current[i].text("subnet_id") != *fixed.subnet_id)) continue;
      if (fixed.ip && parse_ip(*fixed.ip) != parse_ip(current[i].text("ip"))) continue;
      if (!fixed.ip && !fixed.subnet_id) continue;
      kept[i] = true;
      return true;
    }
    return false;
  };
  FixedIps missing;
  for (const bool exact : {true, false}) {
    for (const FixedIp& fixed : wanted) {
      if (fixed.ip.has_value() == exact && !keep(fixed)) missing.push_back(fixed);
    }
  }
  for (std::size_t i = 0; i < current.size(); ++i) {
    if (!kept[i]) HANOK_CHECK(release(tx, current[i].text("subnet_id"), current[i].text("ip_key")));
  }
  return assign_wanted(tx, owner, subnets, std::move(missing));
}

Status release_addresses(store::Tx& tx, const std::string& port_id) {
  HANOK_TRY(rows, tx.query("SELECT subnet_id, ip_key FROM port_addresses WHERE port_id = ?", {port_id}));
  for (const store::Row& row : rows) HANOK_CHECK(release(tx, row.text("subnet_id"), row.text("ip_key")));
  return {};
}

Status add_auto_address(store::Tx& tx, const AddressOwner& owner, const store::Row& subnet) {
  const auto ip = eui64_address(prefix_of(subnet), owner.mac);
  HANOK_ASSERT(ip.has_value());  // subnets with an automatic mode are checked to be /64 at most
  const std::string key = to_key(*ip);
  HANOK_TRY(
      mine,
      tx.query_one("SELECT 1 AS one FROM port_addresses WHERE subnet_id = ? AND ip_key = ? AND port_id = ?",
                   {subnet.text("id"), key, owner.port_id}));
  if (mine) return {};
  return take(tx, owner, subnet.text("id"), key);
}

Status set_pools(store::Tx& tx, const std::string& subnet_id, const std::vector<Range>& pools) {
  HANOK_CHECK(tx.execute("DELETE FROM allocation_pools WHERE subnet_id = ?", {subnet_id}));
  HANOK_CHECK(tx.execute("DELETE FROM released_addresses WHERE subnet_id = ?", {subnet_id}));
  for (const Range& pool : pools) {
    const std::string first = to_key(pool.first);
    HANOK_CHECK(tx.execute(
        "INSERT INTO allocation_pools (subnet_id, first_key, last_key, next_key) VALUES (?, ?, ?, ?)",
        {subnet_id, first, to_key(pool.last), first}));
  }
  return {};
}

}  // namespace hanok::network
