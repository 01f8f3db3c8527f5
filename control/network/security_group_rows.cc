// The rows of a security group: made and checked, whoever asks (API, ports, compute).

#include "common/uuid.h"
#include "control/network/errors.h"
#include "control/network/security_groups.h"

namespace hanok::network {
namespace {

Status insert_default_rule(store::Tx& tx, const std::string& group_id, const std::string& project_id,
                           const char* direction, const char* ethertype, bool from_members,
                           std::int64_t now_us) {
  HANOK_CHECK(tx.execute(
      "INSERT INTO security_group_rules (id, group_id, project_id, description, direction, ethertype,"
      " remote_group_id, created_us, updated_us, revision) VALUES (?, ?, ?, '', ?, ?, ?, ?, ?, 1)",
      {new_uuid(), group_id, project_id, direction, ethertype,
       from_members ? store::Arg(group_id) : store::Arg(nullptr), now_us, now_us}));
  return {};
}

}  // namespace

Result<std::string> insert_group(store::Tx& tx, const std::string& project_id, const std::string& name,
                                 const std::string& description, bool is_default, std::int64_t now_us) {
  const std::string id = new_uuid();
  HANOK_CHECK(
      tx.execute("INSERT INTO security_groups (id, project_id, name, description, is_default,"
                 " created_us, updated_us, revision) VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
                 {id, project_id, name, description, is_default, now_us, now_us}));
  for (const char* ethertype : {"IPv4", "IPv6"}) {
    HANOK_CHECK(insert_default_rule(tx, id, project_id, "egress", ethertype, false, now_us));
    if (is_default) HANOK_CHECK(insert_default_rule(tx, id, project_id, "ingress", ethertype, true, now_us));
  }
  HANOK_CHECK(tx.touch("security_group", id));
  return id;
}

Result<std::string> ensure_default_group(store::Tx& tx, const std::string& project_id, std::int64_t now_us) {
  HANOK_TRY(row, tx.query_one("SELECT id FROM security_groups WHERE project_id = ? AND is_default = 1",
                              {project_id}));
  if (row) return row->text("id");
  return insert_group(tx, project_id, "default", "Default security group", true, now_us);
}

Status check_groups(store::Tx& tx, const std::vector<std::string>& ids, const http::Caller& caller) {
  for (const std::string& id : ids) {
    HANOK_TRY(row, tx.query_one("SELECT project_id FROM security_groups WHERE id = ?", {id}));
    if (!row || (!caller.is_admin && row->text("project_id") != caller.project_id))
      return group_not_found(id);
  }
  return {};
}

Error cannot_remove_default() {
  return conflict("Insufficient rights for removing default security group.",
                  "SecurityGroupCannotRemoveDefault");
}

Status remove_group(store::Tx& tx, const std::string& id, std::int64_t now_us) {
  HANOK_TRY(user, tx.query_one("SELECT port_id FROM port_security_groups WHERE group_id = ? LIMIT 1", {id}));
  if (user) {
    return conflict("Security Group " + id + " in use: port " + user->text("port_id") + " has it.",
                    "SecurityGroupInUse");
  }
  HANOK_TRY(others, tx.query("SELECT DISTINCT group_id FROM security_group_rules WHERE remote_group_id = ?"
                             " AND group_id <> ?",
                             {id, id}));
  HANOK_CHECK(
      tx.execute("DELETE FROM security_group_rules WHERE remote_group_id = ? OR group_id = ?", {id, id}));
  for (const store::Row& other : others) HANOK_CHECK(touch_group(tx, other.text("group_id"), now_us));
  HANOK_CHECK(tx.execute("DELETE FROM network_tags WHERE resource_id = ?", {id}));
  HANOK_CHECK(tx.execute("DELETE FROM security_groups WHERE id = ?", {id}));
  return tx.touch("security_group", id);
}

Status touch_group(store::Tx& tx, const std::string& id, std::int64_t now_us) {
  HANOK_CHECK(tx.execute("UPDATE security_groups SET updated_us = ?, revision = revision + 1 WHERE id = ?",
                         {now_us, id}));
  return tx.touch("security_group", id);
}

}  // namespace hanok::network
