// The rows of a port: made, removed and announced, whoever asks (API, routers, floating IPs, compute).

#include "common/secret.h"
#include "common/uuid.h"
#include "control/network/errors.h"
#include "control/network/port_forwardings.h"
#include "control/network/ports.h"

namespace hanok::network {
namespace {

constexpr int kMacAttempts = 16;

std::string random_mac() {
  unsigned char bytes[3];
  random_bytes(bytes, sizeof bytes);
  static constexpr const char* kDigits = "0123456789abcdef";
  std::string out = "fa:16:3e";  // the prefix that OpenStack's networks use
  for (const unsigned char byte : bytes) {
    out += ':';
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 0xfU];
  }
  return out;
}

Result<bool> mac_is_used(store::Tx& tx, const std::string& network_id, const std::string& mac) {
  HANOK_TRY(row,
            tx.query_one("SELECT 1 AS one FROM ports WHERE network_id = ? AND mac = ?", {network_id, mac}));
  return row.has_value();
}

Result<std::string> choose_mac(store::Tx& tx, const std::string& network_id, const std::string& wanted) {
  if (!wanted.empty()) {
    HANOK_TRY(used, mac_is_used(tx, network_id, wanted));
    if (!used) return wanted;
    return conflict("Unable to complete operation for network " + network_id + ". The mac address " + wanted +
                        " is in use.",
                    "MacAddressInUse");
  }
  for (int i = 0; i < kMacAttempts; ++i) {
    const std::string mac = random_mac();
    HANOK_TRY(used, mac_is_used(tx, network_id, mac));
    if (!used) return mac;
  }
  return unavailable("Unable to generate unique mac on network " + network_id + ".");
}

}  // namespace

Result<std::string> insert_port(store::Tx& tx, const NewPort& port, std::int64_t now_us) {
  HANOK_TRY(mac, choose_mac(tx, port.network_id, port.mac));
  const std::string id = new_uuid();
  HANOK_CHECK(tx.execute(
      "INSERT INTO ports (id, network_id, project_id, name, description, mac, admin_state_up, status, "
      "device_id,"
      " device_owner, host, hostname, vnic_type, binding_profile, port_security_enabled, "
      "allowed_address_pairs,"
      " created_us, updated_us, revision)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
      {id, port.network_id, port.project_id, port.name, port.description, mac, port.admin_state_up,
       port.status, port.device_id, port.device_owner, port.host, port.hostname, port.vnic_type,
       port.binding_profile, port.port_security_enabled, port.allowed_address_pairs, now_us, now_us}));
  HANOK_CHECK(assign_addresses(tx, {id, port.network_id, mac, port.device_owner}, port.fixed_ips));
  HANOK_CHECK(set_groups(tx, id, port.group_ids));
  HANOK_CHECK(touch_port(tx, id));
  return id;
}

Status set_groups(store::Tx& tx, const std::string& port_id, const std::vector<std::string>& ids) {
  HANOK_CHECK(tx.execute("DELETE FROM port_security_groups WHERE port_id = ?", {port_id}));
  for (const std::string& id : ids) {
    HANOK_CHECK(tx.execute("INSERT OR IGNORE INTO port_security_groups (port_id, group_id) VALUES (?, ?)",
                           {port_id, id}));
  }
  return {};
}

Status drop_stale_floating_ips(store::Tx& tx, const std::string& port_id, std::int64_t now_us) {
  HANOK_TRY(stale, tx.query("SELECT id FROM floating_ips WHERE port_id = ?"
                            " AND fixed_ip NOT IN (SELECT ip FROM port_addresses WHERE port_id = ?)",
                            {port_id, port_id}));
  for (const store::Row& row : stale) {
    HANOK_CHECK(
        tx.execute("UPDATE floating_ips SET port_id = NULL, fixed_ip = NULL, router_id = NULL,"
                   " updated_us = ?, revision = revision + 1 WHERE id = ?",
                   {now_us, row.text("id")}));
    HANOK_CHECK(tx.touch("floating_ip", row.text("id")));
  }
  return drop_stale_forwardings(tx, port_id, now_us);
}

Status remove_port(store::Tx& tx, const std::string& id, std::int64_t now_us) {
  HANOK_CHECK(touch_port(tx, id));
  HANOK_CHECK(release_addresses(tx, id));
  HANOK_CHECK(drop_stale_floating_ips(tx, id, now_us));
  HANOK_CHECK(tx.execute("DELETE FROM network_tags WHERE resource_id = ?", {id}));
  HANOK_CHECK(tx.execute("DELETE FROM ports WHERE id = ?", {id}));
  return {};
}

Status touch_port(store::Tx& tx, const std::string& id, bool was_bound) {
  HANOK_TRY(row, tx.query_one("SELECT host, device_id, device_owner FROM ports WHERE id = ?", {id}));
  if (!row) return {};
  if (is_router_owner(row->text("device_owner"))) return tx.touch("router", row->text("device_id"));
  if (row->text("host").empty() && !was_bound) return {};
  return tx.touch("port", id);
}

}  // namespace hanok::network
