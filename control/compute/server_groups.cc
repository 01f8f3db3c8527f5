#include "control/compute/server_groups.h"

#include <fmt/format.h>

#include "common/uuid.h"
#include "control/compute/quota.h"
#include "control/compute/validate.h"

namespace hanok::compute {
namespace {

struct NewGroup {
  std::string name, policy;
  Json rules = Json::object();
};

Result<std::string> parse_policy(const http::Request& request, const Json& body) {
  std::string policy;
  if (request.minor_version >= 64) {
    HANOK_TRY(text, need_string(body, "policy"));
    policy = text;
  } else {
    HANOK_TRY(list, get_array(body, "policies", 1));
    if (list == nullptr || list->size() != 1 || !list->front().is_string()) {
      return bad_request("Invalid input for field/attribute policies: it holds exactly one policy.");
    }
    policy = list->front().get<std::string>();
  }
  const bool soft = policy.rfind("soft-", 0) == 0;
  const std::string hard = soft ? policy.substr(5) : policy;
  if ((hard != "affinity" && hard != "anti-affinity") || (soft && request.minor_version < 15)) {
    return bad_request("Invalid input for field/attribute policy: it is no known policy.");
  }
  return policy;
}

Result<NewGroup> parse_group(const http::Request& request) {
  HANOK_TRY(body, body_of(request, "server_group"));
  HANOK_CHECK(only_fields(*body, {"name", "policy", "policies", "rules"}));
  NewGroup out;
  HANOK_TRY(name, need_name(*body, "name"));
  out.name = name;
  HANOK_TRY(policy, parse_policy(request, *body));
  out.policy = policy;
  if (!body->contains("rules")) return out;
  HANOK_TRY(rules, get_object(*body, "rules"));
  if (rules != nullptr && !rules->empty()) {
    return bad_request("Rules of server groups are not supported.");
  }
  return out;
}

Result<Json> group_json(store::Tx& tx, const http::Request& request, const store::Row& row) {
  HANOK_TRY(rows,
            tx.query("SELECT server_id FROM server_group_members WHERE group_id = ?", {row.text("id")}));
  Json members = Json::array();
  for (const auto& member : rows) members.push_back(member.text("server_id"));
  Json out = {{"id", row.text("id")}, {"name", row.text("name")}, {"members", std::move(members)}};
  if (request.minor_version >= 64) {
    out["policy"] = row.text("policy");
    out["rules"] = row.json("rules");
  } else {
    out["policies"] = Json::array({row.text("policy")});
    out["metadata"] = Json::object();
  }
  if (request.minor_version >= 13) {
    out["project_id"] = row.text("project_id");
    out["user_id"] = row.text("user_id");
  }
  return out;
}

Result<store::Row> find_group(store::Tx& tx, const http::Request& request) {
  const std::string& id = request.param("group");
  HANOK_TRY(row, tx.query_one("SELECT * FROM server_groups WHERE id = ?", {id}));
  if (!row || (!request.caller.is_admin && row->text("project_id") != request.caller.project_id)) {
    return not_found(fmt::format("Instance group {} could not be found.", id.substr(0, 64)));
  }
  return std::move(*row);
}

}  // namespace

Answer list_server_groups(Context& context, http::Request& request) {
  HANOK_TRY(all, query_flag(request, "all_projects"));
  HANOK_TRY(page, page_of(request));
  HANOK_TRY(offset, get_int(Json{{"offset", request.query_one("offset").value_or("0")}}, "offset"));
  if (offset.value_or(0) < 0) return bad_request("Invalid input for query parameters offset.");
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(rows,
              tx.query("SELECT * FROM server_groups WHERE ? OR project_id = ? ORDER BY seq LIMIT ? OFFSET ?",
                       {all && request.caller.is_admin, request.caller.project_id, page.limit,
                        offset.value_or(0)}));
    Json list = Json::array();
    for (const auto& row : rows) {
      HANOK_TRY(group, group_json(tx, request, row));
      list.push_back(std::move(group));
    }
    return http::ok({{"server_groups", std::move(list)}});
  });
}

Answer create_server_group(Context& context, http::Request& request) {
  HANOK_TRY(spec, parse_group(request));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(used, tx.query_one("SELECT COUNT(*) AS n FROM server_groups WHERE project_id = ?",
                                 {request.caller.project_id}));
    HANOK_TRY(most, quota_limit(tx, request.caller.project_id, "server_groups"));
    if (most >= 0 && used->integer("n") >= most) return over_quota("Quota exceeded, too many server groups.");
    const std::string id = new_uuid();
    HANOK_CHECK(tx.execute(
        "INSERT INTO server_groups (id, name, project_id, user_id, policy, rules)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        {id, spec.name, request.caller.project_id, request.caller.user_id, spec.policy, spec.rules}));
    HANOK_TRY(row, tx.query_one("SELECT * FROM server_groups WHERE id = ?", {id}));
    HANOK_TRY(body, group_json(tx, request, *row));
    return http::ok({{"server_group", std::move(body)}});
  });
}

Answer show_server_group(Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, find_group(tx, request));
    HANOK_TRY(body, group_json(tx, request, row));
    return http::ok({{"server_group", std::move(body)}});
  });
}

Answer delete_server_group(Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, find_group(tx, request));
    HANOK_CHECK(tx.execute("DELETE FROM server_group_members WHERE group_id = ?", {row.text("id")}));
    HANOK_CHECK(tx.execute("DELETE FROM server_groups WHERE id = ?", {row.text("id")}));
    return http::no_content();
  });
}

}  // namespace hanok::compute
