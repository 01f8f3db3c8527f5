#include "control/network/subnetpools.h"

#include <algorithm>

#include "common/uuid.h"
#include "control/network/body.h"
#include "control/network/errors.h"
#include "control/network/handlers.h"
#include "control/network/listing.h"
#include "control/network/networks.h"
#include "control/network/quotas.h"

namespace hanok::network {
namespace {

constexpr std::size_t kMaxPrefixes = 100;
constexpr int kMaxSkips = 100'000;

const Fields& pool_fields() {
  static const Fields fields = {
      {"name", FieldType::kText, kPost | kPut | kRequired},
      {"description", FieldType::kText, kPost | kPut},
      {"prefixes", FieldType::kArray, kPost | kPut | kRequired},
      {"default_prefixlen", FieldType::kInteger, kPost | kPut},
      {"min_prefixlen", FieldType::kInteger, kPost | kPut},
      {"max_prefixlen", FieldType::kInteger, kPost | kPut},
      {"default_quota", FieldType::kIntegerOrNull, kPost | kPut},
      {"shared", FieldType::kBool, kPost | kAdminOnly},
      {"is_default", FieldType::kBool, kPost | kPut | kAdminOnly},
  };
  return fields;
}

const Listing& subnetpool_listing() {
  static const Listing pools = {"subnetpools",
                                "subnetpools",
                                std::string("SELECT t.*, ") + kTagsSql + " FROM subnetpools t",
                                {{"name", "t.name"},
                                 {"project_id", "t.project_id"},
                                 {"description", "t.description"},
                                 {"ip_version", "t.ip_version", ColumnType::kInteger},
                                 {"default_prefixlen", "t.default_prefixlen", ColumnType::kInteger},
                                 {"min_prefixlen", "t.min_prefixlen", ColumnType::kInteger},
                                 {"max_prefixlen", "t.max_prefixlen", ColumnType::kInteger},
                                 {"shared", "t.shared", ColumnType::kBool},
                                 {"is_default", "t.is_default", ColumnType::kBool}},
                                subnetpool_not_found};
  return pools;
}

Json pool_json(const store::Row& row, const http::Caller&) {
  Json quota;
  if (!row.is_null("default_quota")) quota = row.integer("default_quota");
  Json out = {{"name", row.text("name")},
              {"ip_version", row.integer("ip_version")},
              {"prefixes", row.json("prefixes")},
              {"default_prefixlen", row.integer("default_prefixlen")},
              {"min_prefixlen", row.integer("min_prefixlen")},
              {"max_prefixlen", row.integer("max_prefixlen")},
              {"default_quota", std::move(quota)},
              {"shared", row.boolean("shared")},
              {"is_default", row.boolean("is_default")},
              {"address_scope_id", nullptr}};
  add_standard_fields(out, row);
  return out;
}

Result<std::vector<Prefix>> read_prefixes(const Json& value) {
  std::vector<Prefix> out;
  if (value.empty() || value.size() > kMaxPrefixes)
    return invalid_value("prefixes", "it is not a list of 1 to 100 subnets");
  for (const Json& item : value) {
    const auto prefix = item.is_string() ? parse_prefix(item.get<std::string>()) : std::nullopt;
    if (!prefix)
      return invalid_value("prefixes", "'" + dump_json(item).substr(0, 100) + "' is not a valid IP subnet");
    if (!out.empty() && out.front().address.version != prefix->address.version) {
      return bad_request("Cannot mix IPv4 and IPv6 prefixes in a subnet pool.", "PrefixVersionMismatch");
    }
    out.push_back({prefix->first(), prefix->length});
  }
  return out;
}

// Adjacent prefixes are one for clients: Neutron shows the pool compacted and in order.
Json compact(std::vector<Prefix> prefixes) {
  std::sort(prefixes.begin(), prefixes.end(), [](const Prefix& a, const Prefix& b) {
    return a.address != b.address ? a.address < b.address : a.length < b.length;
  });
  std::vector<Prefix> out;
  for (const Prefix& prefix : prefixes) {
    if (!out.empty() && out.back().contains(prefix.first())) continue;
    out.push_back(prefix);
    while (out.size() >= 2) {
      const Prefix& low = out[out.size() - 2];
      const Prefix joined{low.address, low.length - 1};
      if (low.length != out.back().length || low.length == 0 || joined.has_host_bits() ||
          !joined.contains(out.back().first())) {
        break;
      }
      out.pop_back();
      out.back() = joined;
    }
  }
  Json texts = Json::array();
  for (const Prefix& prefix : out) texts.push_back(prefix.text());
  return texts;
}

struct Lengths {
  std::int64_t shortest, longest, standard;  // min_prefixlen, max_prefixlen, default_prefixlen
};

Status check_lengths(const Lengths& lengths, std::int64_t bits) {
  for (const std::int64_t length : {lengths.shortest, lengths.longest, lengths.standard}) {
    if (length < 0 || length > bits) {
      return bad_request("Unable to specify prefix length " + std::to_string(length) + ": it must be 0 to " +
                             std::to_string(bits) + ".",
                         "InvalidPrefixLength");
    }
  }
  const auto illegal = [](const char* what, std::int64_t length, const char* base, std::int64_t limit) {
    return bad_request(std::string("Illegal prefix bounds: ") + what + "=" + std::to_string(length) + ", " +
                           base + "=" + std::to_string(limit) + ".",
                       "IllegalSubnetPoolPrefixBounds");
  };
  if (lengths.shortest > lengths.longest)
    return illegal("min_prefixlen", lengths.shortest, "max_prefixlen", lengths.longest);
  if (lengths.standard < lengths.shortest)
    return illegal("default_prefixlen", lengths.standard, "min_prefixlen", lengths.shortest);
  if (lengths.standard > lengths.longest)
    return illegal("default_prefixlen", lengths.standard, "max_prefixlen", lengths.longest);
  return {};
}

Status check_default(store::Tx& tx, std::int64_t ip_version, const std::string& except_id) {
  HANOK_TRY(other,
            tx.query_one("SELECT id FROM subnetpools WHERE is_default = 1 AND ip_version = ? AND id <> ?",
                         {ip_version, except_id}));
  if (!other) return {};
  return invalid_input(
      "A default subnetpool for this IP family has already been set. Only one default may exist per IP"
      " family");
}

Result<std::string> insert_pool(store::Tx& tx, const Context& context, const Json& body) {
  HANOK_TRY(prefixes, read_prefixes(body["prefixes"]));
  const int version = prefixes.front().address.version;
  const int bits = prefixes.front().address.bits();
  Lengths lengths{};
  lengths.shortest = body.value("min_prefixlen", std::int64_t{version == 4 ? 8 : 64});
  lengths.longest = body.value("max_prefixlen", std::int64_t{bits});
  lengths.standard = body.value("default_prefixlen", lengths.shortest);
  HANOK_CHECK(check_lengths(lengths, bits));
  if (flag_of(body, "is_default", false)) HANOK_CHECK(check_default(tx, version, ""));
  HANOK_CHECK(check_quota(tx, "subnetpool", text_of(body, "project_id")));
  std::optional<std::int64_t> quota;
  if (body.contains("default_quota") && !body["default_quota"].is_null())
    quota = body["default_quota"].get<std::int64_t>();
  const std::string id = new_uuid();
  const std::int64_t now_us = context.clock.now_us();
  HANOK_CHECK(tx.execute(
      "INSERT INTO subnetpools (id, project_id, name, description, ip_version, prefixes, default_prefixlen,"
      " min_prefixlen, max_prefixlen, shared, is_default, default_quota, created_us, updated_us, revision)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
      {id, text_of(body, "project_id"), text_of(body, "name"), text_of(body, "description"), version,
       compact(std::move(prefixes)), lengths.standard, lengths.shortest, lengths.longest,
       flag_of(body, "shared", false), flag_of(body, "is_default", false), quota, now_us, now_us}));
  return id;
}

Status apply_update(store::Tx& tx, const store::Row& row, const Json& body, std::int64_t now_us) {
  RowUpdate update("subnetpools");
  if (body.contains("prefixes")) {
    HANOK_TRY(prefixes, read_prefixes(body["prefixes"]));
    if (prefixes.front().address.version != row.integer("ip_version")) {
      return bad_request("Cannot mix IPv4 and IPv6 prefixes in a subnet pool.", "PrefixVersionMismatch");
    }
    for (const Json& old : row.json("prefixes")) {
      const Prefix kept = *parse_prefix(old.get<std::string>());
      const bool there = std::any_of(prefixes.begin(), prefixes.end(), [&](const Prefix& p) {
        return p.contains(kept.first()) && p.contains(kept.last());
      });
      if (!there) {
        return bad_request("Illegal update to prefixes: existing prefixes must remain in the subnet pool.",
                           "IllegalSubnetPoolPrefixUpdate");
      }
    }
    update.set("prefixes", compact(std::move(prefixes)));
  }
  const Lengths lengths{body.value("min_prefixlen", row.integer("min_prefixlen")),
                        body.value("max_prefixlen", row.integer("max_prefixlen")),
                        body.value("default_prefixlen", row.integer("default_prefixlen"))};
  HANOK_CHECK(check_lengths(lengths, row.integer("ip_version") == 4 ? 32 : 128));
  if (flag_of(body, "is_default", false))
    HANOK_CHECK(check_default(tx, row.integer("ip_version"), row.text("id")));
  for (const char* key : {"name", "description", "min_prefixlen", "max_prefixlen", "default_prefixlen",
                          "default_quota", "is_default"}) {
    update.copy(body, key);
  }
  return update.apply(tx, row.text("id"), now_us);
}

// The last address of a subnet of this pool (or of another network's subnet with the pool) that overlaps.
Result<std::optional<std::string>> overlap_end(store::Tx& tx, const std::string& pool_id,
                                               const Prefix& prefix) {
  HANOK_TRY(
      row,
      tx.query_one("SELECT last_key FROM subnets WHERE subnetpool_id = ? AND first_key <= ? AND last_key >= ?"
                   " ORDER BY last_key DESC LIMIT 1",
                   {pool_id, to_key(prefix.last()), to_key(prefix.first())}));
  if (!row) return std::optional<std::string>();
  return std::optional<std::string>(row->text("last_key"));
}

Error no_prefix() {
  return bad_request("Failed to allocate subnet: Insufficient prefix space to allocate subnet size.",
                     "SubnetAllocationError");
}

Result<Prefix> exact_prefix(store::Tx& tx, const store::Row& pool, const Prefix& wanted) {
  bool inside = false;
  for (const Json& text : pool.json("prefixes")) {
    const Prefix prefix = *parse_prefix(text.get<std::string>());
    inside = inside || (prefix.contains(wanted.first()) && prefix.contains(wanted.last()));
  }
  HANOK_TRY(taken, overlap_end(tx, pool.text("id"), wanted));
  if (inside && !taken) return wanted;
  return bad_request(
      "Failed to allocate subnet: Cannot allocate requested subnet from the available set of prefixes.",
      "SubnetAllocationError");
}

Result<Prefix> any_prefix(store::Tx& tx, const store::Row& pool, int length) {
  for (const Json& text : pool.json("prefixes")) {
    const Prefix whole = *parse_prefix(text.get<std::string>());
    if (length < whole.length) continue;
    Prefix candidate{whole.first(), length};
    for (int skip = 0; skip < kMaxSkips && whole.contains(candidate.last()); ++skip) {
      HANOK_TRY(end, overlap_end(tx, pool.text("id"), candidate));
      if (!end) return candidate;
      const auto last = std::max(from_key(*end), candidate.last());
      const auto next = plus(Prefix{last, length}.last(), 1);
      if (!next || !whole.contains(*next)) break;
      candidate.address = *next;
    }
  }
  return no_prefix();
}

Status check_length(const store::Row& pool, std::int64_t length) {
  if (length < pool.integer("min_prefixlen")) {
    return bad_request("Unable to allocate subnet with prefix length " + std::to_string(length) +
                           ", minimum allowed prefix is " + std::to_string(pool.integer("min_prefixlen")) +
                           ".",
                       "MinPrefixSubnetAllocationError");
  }
  if (length > pool.integer("max_prefixlen")) {
    return bad_request("Unable to allocate subnet with prefix length " + std::to_string(length) +
                           ", maximum allowed prefix is " + std::to_string(pool.integer("max_prefixlen")) +
                           ".",
                       "MaxPrefixSubnetAllocationError");
  }
  return {};
}

}  // namespace

Result<Prefix> allocate_prefix(store::Tx& tx, const PoolRequest& request, const http::Caller& caller) {
  HANOK_TRY(pool, find_row(tx, subnetpool_listing(), request.subnetpool_id));
  if (!owns(caller, pool) && !pool.boolean("shared")) return subnetpool_not_found(request.subnetpool_id);
  const std::int64_t length =
      request.cidr ? request.cidr->length : request.prefixlen.value_or(pool.integer("default_prefixlen"));
  HANOK_CHECK(check_length(pool, length));
  if (!request.cidr) return any_prefix(tx, pool, static_cast<int>(length));
  if (request.cidr->address.version != pool.integer("ip_version")) {
    return invalid_input("cidr does not match the ip_version of the subnet pool");
  }
  return exact_prefix(tx, pool, *request.cidr);
}

Result<std::string> default_subnetpool(store::Tx& tx, std::int64_t ip_version) {
  HANOK_TRY(row,
            tx.query_one("SELECT id FROM subnetpools WHERE is_default = 1 AND ip_version = ?", {ip_version}));
  if (row) return row->text("id");
  return bad_request("Bad subnets request: No default pool found for IPv" + std::to_string(ip_version) + ".",
                     "BadRequest");
}

Reply list_subnetpools(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) {
    Condition visible = own_rows(request.caller);
    if (!request.caller.is_admin) visible.sql = "(t.project_id = ? OR t.shared = 1)";
    return list_rows(tx, request, subnetpool_listing(), visible, pool_json);
  });
}

Reply show_subnetpool(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, find_row(tx, subnetpool_listing(), request.param("id")));
    if (!owns(request.caller, row) && !row.boolean("shared"))
      return subnetpool_not_found(request.param("id"));
    return show(request, "subnetpool", pool_json(row, request.caller));
  });
}

Reply create_subnetpool(const Context& context, http::Request& request) {
  HANOK_TRY(creation, read_creation(request, "subnetpool", "subnetpools", pool_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    Json made = Json::array();
    for (const Json& body : creation.objects) {
      HANOK_TRY(id, insert_pool(tx, context, body));
      HANOK_TRY(row, find_row(tx, subnetpool_listing(), id));
      made.push_back(pool_json(row, request.caller));
    }
    if (creation.bulk) return http::created({{"subnetpools", std::move(made)}});
    return http::created({{"subnetpool", std::move(made[0])}});
  });
}

Reply update_subnetpool(const Context& context, http::Request& request) {
  HANOK_TRY(body, read_update(request, "subnetpool", pool_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, find_own_row(tx, subnetpool_listing(), request.param("id"), request.caller));
    HANOK_CHECK(apply_update(tx, row, body, context.clock.now_us()));
    HANOK_TRY(fresh, find_row(tx, subnetpool_listing(), row.text("id")));
    return http::ok({{"subnetpool", pool_json(fresh, request.caller)}});
  });
}

Reply delete_subnetpool(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, find_own_row(tx, subnetpool_listing(), request.param("id"), request.caller));
    HANOK_TRY(user, tx.query_one("SELECT id FROM subnets WHERE subnetpool_id = ? LIMIT 1", {row.text("id")}));
    if (user) {
      return conflict("Unable to complete operation on subnet pool " + row.text("id") +
                          ". Subnet pool has existing allocations.",
                      "SubnetPoolDeleteError");
    }
    HANOK_CHECK(tx.execute("DELETE FROM subnetpools WHERE id = ?", {row.text("id")}));
    return http::no_content();
  });
}

}  // namespace hanok::network
