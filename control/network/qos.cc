#include "control/network/qos.h"

#include "control/network/body.h"
#include "control/network/qos_rows.h"

namespace hanok::network {
namespace {

Result<Json> render_policy(store::Tx& tx, const std::string& policy_id) {
  HANOK_TRY(rules, tx.query("SELECT * FROM qos_rules WHERE policy_id = ? ORDER BY id", {policy_id}));
  Json out = Json::object();
  for (const store::Row& rule : rules) {
    if (rule.text("type") == "dscp_marking") {
      out["dscp"] = rule.integer("dscp_mark");
    } else {
      out[rule.text("direction")] = {{"kbps", rule.integer("max_kbps")},
                                     {"burst_kbits", rule.integer("max_burst_kbps")}};
    }
  }
  return out.empty() ? Json() : out;
}

Status touch_ports_of(store::Tx& tx, const std::string& network_id) {
  HANOK_TRY(ports, tx.query("SELECT id FROM ports WHERE network_id = ? AND host <> ''", {network_id}));
  for (const store::Row& port : ports) HANOK_CHECK(tx.touch("port", port.text("id")));
  return {};
}

}  // namespace

Status bind_qos_policy(store::Tx& tx, const Json& body, const std::string& kind,
                       const std::string& resource_id, const http::Caller& caller) {
  if (!body.contains("qos_policy_id")) return {};
  const std::string policy_id = text_of(body, "qos_policy_id");
  HANOK_CHECK(tx.execute("DELETE FROM qos_bindings WHERE resource_id = ?", {resource_id}));
  if (!policy_id.empty()) {
    HANOK_CHECK(visible_qos_policy(tx, policy_id, caller));
    HANOK_CHECK(tx.execute("INSERT INTO qos_bindings (resource_id, kind, policy_id) VALUES (?, ?, ?)",
                           {resource_id, kind, policy_id}));
  }
  if (kind == "network") return touch_ports_of(tx, resource_id);
  return {};
}

Status touch_qos_users(store::Tx& tx, const std::string& policy_id) {
  HANOK_TRY(users, tx.query("SELECT resource_id, kind FROM qos_bindings WHERE policy_id = ?", {policy_id}));
  for (const store::Row& user : users) {
    if (user.text("kind") == "network") {
      HANOK_CHECK(touch_ports_of(tx, user.text("resource_id")));
    } else {
      HANOK_CHECK(tx.touch(user.text("kind"), user.text("resource_id")));
    }
  }
  return {};
}

Result<Json> render_port_qos(store::Tx& tx, const std::string& port_id, const std::string& network_id) {
  HANOK_TRY(row, tx.query_one("SELECT policy_id FROM qos_bindings WHERE resource_id IN (?, ?)"
                              " ORDER BY kind = 'port' DESC LIMIT 1",
                              {port_id, network_id}));
  if (!row) return Json();
  return render_policy(tx, row->text("policy_id"));
}

Result<Json> render_floating_ip_qos(store::Tx& tx, const std::string& floating_ip_id) {
  HANOK_TRY(row, tx.query_one("SELECT policy_id FROM qos_bindings WHERE resource_id = ?", {floating_ip_id}));
  if (!row) return Json();
  HANOK_TRY(out, render_policy(tx, row->text("policy_id")));
  if (out.is_object()) out.erase("dscp");  // Neutron marks by port only
  return out.empty() ? Json() : out;
}

}  // namespace hanok::network
