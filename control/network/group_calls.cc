// The calls of network.h about security groups, for the compute service.

#include "common/uuid.h"
#include "control/network/errors.h"
#include "control/network/network.h"
#include "control/network/quotas.h"
#include "control/network/security_group_rules.h"
#include "control/network/security_groups.h"

namespace hanok::network {
namespace {

constexpr const char* kSelectRules =
    "SELECT r.*, g.name AS remote_name, g.project_id AS remote_project FROM security_group_rules r"
    " LEFT JOIN security_groups g ON g.id = r.remote_group_id";

SecurityGroupRuleView rule_view(const store::Row& row) {
  SecurityGroupRuleView view;
  view.id = row.text("id");
  view.group_id = row.text("group_id");
  view.direction = row.text("direction");
  view.ethertype = row.text("ethertype");
  view.protocol = row.maybe_text("protocol");
  view.remote_cidr = row.maybe_text("remote_cidr");
  view.remote_group_id = row.maybe_text("remote_group_id");
  view.remote_group_name = row.maybe_text("remote_name");
  view.remote_group_project = row.maybe_text("remote_project");
  view.port_min = row.maybe_integer("port_min");
  view.port_max = row.maybe_integer("port_max");
  return view;
}

Result<SecurityGroupView> group_view(store::Tx& tx, const store::Row& row) {
  SecurityGroupView view{
      row.text("id"), row.text("name"), row.text("description"), row.text("project_id"), {}};
  HANOK_TRY(rules, tx.query(std::string(kSelectRules) + " WHERE r.group_id = ? ORDER BY r.created_us, r.id",
                            {view.id}));
  for (const store::Row& rule : rules) view.rules.push_back(rule_view(rule));
  return view;
}

}  // namespace

Result<std::string> find_security_group(store::Tx& tx, const std::string& id_or_name,
                                        const std::string& project_id) {
  HANOK_TRY(by_id, tx.query_one("SELECT id FROM security_groups WHERE id = ? AND project_id = ?",
                                {id_or_name, project_id}));
  if (by_id) return by_id->text("id");
  HANOK_TRY(rows, tx.query("SELECT id FROM security_groups WHERE project_id = ? AND name = ? LIMIT 2",
                           {project_id, id_or_name}));
  if (rows.empty()) return group_not_found(id_or_name);
  if (rows.size() > 1) {
    return conflict(
        "Multiple security_groups match the name '" + id_or_name + "'. Use an ID to be more specific.",
        "NoUniqueMatch");
  }
  return rows.front().text("id");
}

Result<std::vector<SecurityGroupView>> list_security_groups(store::Tx& tx, const std::string& project_id,
                                                            std::int64_t now_us) {
  HANOK_CHECK(ensure_default_group(tx, project_id, now_us));
  HANOK_TRY(rows, tx.query("SELECT * FROM security_groups WHERE project_id = ? ORDER BY created_us, id",
                           {project_id}));
  std::vector<SecurityGroupView> out;
  for (const store::Row& row : rows) {
    HANOK_TRY(view, group_view(tx, row));
    out.push_back(std::move(view));
  }
  return out;
}

Result<SecurityGroupView> get_security_group(store::Tx& tx, const std::string& group_id,
                                             const std::string& project_id, bool is_admin) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM security_groups WHERE id = ?", {group_id}));
  if (!row || (!is_admin && row->text("project_id") != project_id)) return group_not_found(group_id);
  return group_view(tx, *row);
}

Result<SecurityGroupView> create_security_group(store::Tx& tx, const std::string& project_id,
                                                const std::string& name, const std::string& description,
                                                std::int64_t now_us) {
  HANOK_CHECK(ensure_default_group(tx, project_id, now_us));
  if (name == "default") {
    return conflict("Default security group already exists.", "SecurityGroupDefaultAlreadyExists");
  }
  HANOK_CHECK(check_quota(tx, "security_group", project_id));
  HANOK_TRY(id, insert_group(tx, project_id, name, description, false, now_us));
  return get_security_group(tx, id, project_id, false);
}

Status update_security_group(store::Tx& tx, const std::string& group_id, const std::string& name,
                             const std::string& description, std::int64_t now_us) {
  HANOK_TRY(row, tx.query_one("SELECT name, is_default FROM security_groups WHERE id = ?", {group_id}));
  if (!row) return group_not_found(group_id);
  if (row->boolean("is_default") && name != row->text("name")) {
    return conflict("Updating default security group not allowed.", "SecurityGroupCannotUpdateDefault");
  }
  HANOK_CHECK(tx.execute(
      "UPDATE security_groups SET name = ?, description = ?, updated_us = ?, revision = revision + 1"
      " WHERE id = ?",
      {name, description, now_us, group_id}));
  return {};
}

Status delete_security_group(store::Tx& tx, const std::string& group_id) {
  HANOK_TRY(row, tx.query_one("SELECT is_default, updated_us FROM security_groups WHERE id = ?", {group_id}));
  if (!row) return group_not_found(group_id);
  if (row->boolean("is_default")) return cannot_remove_default();
  return remove_group(tx, group_id, row->integer("updated_us"));
}

Result<SecurityGroupRuleView> create_security_group_rule(store::Tx& tx, const SecurityGroupRuleView& rule,
                                                         std::int64_t now_us) {
  SecurityGroupRuleView checked = rule;
  HANOK_CHECK(normalize_rule(checked));
  HANOK_TRY(id, insert_rule(tx, checked, "", now_us));
  return get_security_group_rule(tx, id);
}

Result<SecurityGroupRuleView> get_security_group_rule(store::Tx& tx, const std::string& rule_id) {
  HANOK_TRY(row, tx.query_one(std::string(kSelectRules) + " WHERE r.id = ?", {rule_id}));
  if (!row) return rule_not_found(rule_id);
  return rule_view(*row);
}

Status delete_security_group_rule(store::Tx& tx, const std::string& rule_id) {
  HANOK_TRY(row,
            tx.query_one("SELECT group_id, updated_us FROM security_group_rules WHERE id = ?", {rule_id}));
  if (!row) return rule_not_found(rule_id);
  return remove_rule(tx, rule_id, row->text("group_id"), row->integer("updated_us"));
}

}  // namespace hanok::network
