#include "control/compute/server_filter.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/compute/validate.h"

namespace hanok::compute {
namespace {

constexpr std::size_t kMaxPattern = 255;

// Neither bounds ("{2,5}") nor back references: those make matching or compiling expensive.
bool is_linear(const std::string& pattern) {
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    if (pattern[at] == '{') return false;
    if (pattern[at] == '\\' && ++at < pattern.size() && pattern[at] >= '1' && pattern[at] <= '9')
      return false;
  }
  return true;
}

enum class Kind { kText, kFlag, kNumber };
struct Column {
  const char* query;
  const char* column;
  Kind kind;
  bool admin_only;
};
constexpr std::array kFilterColumns = {
    Column{"uuid", "id", Kind::kText, false},
    Column{"image", "image_id", Kind::kText, false},
    Column{"flavor", "json_extract(flavor, '$.id')", Kind::kText, false},
    Column{"reservation_id", "reservation_id", Kind::kText, false},
    Column{"user_id", "user_id", Kind::kText, true},
    Column{"host", "host", Kind::kText, true},
    Column{"node", "host", Kind::kText, true},
    Column{"hostname", "hostname", Kind::kText, false},
    Column{"key_name", "key_name", Kind::kText, false},
    Column{"availability_zone", "zone", Kind::kText, false},
    Column{"vm_state", "vm_state", Kind::kText, false},
    Column{"task_state", "task_state", Kind::kText, false},
    Column{"power_state", "power_state", Kind::kNumber, false},
    Column{"launch_index", "launch_index", Kind::kNumber, true},
    Column{"config_drive", "config_drive", Kind::kFlag, false},
    Column{"locked", "locked", Kind::kFlag, false},
    Column{"description", "description", Kind::kText, false},
};

void add(ServerFilter& out, const std::string& condition, store::Arg arg) {
  out.where += " AND " + condition;
  out.args.push_back(std::move(arg));
}

Status add_columns(const http::Request& request, ServerFilter& out) {
  for (const auto& column : kFilterColumns) {
    const auto text = request.query_one(column.query);
    if (!text || (column.admin_only && !request.caller.is_admin)) continue;
    const std::string condition = fmt::format("{} = ?", column.column);
    if (column.kind == Kind::kText) {
      add(out, condition, *text);
    } else if (column.kind == Kind::kFlag) {
      HANOK_TRY(flag, get_bool(Json{{column.query, *text}}, column.query));
      add(out, condition, flag.value_or(false));
    } else {
      HANOK_TRY(number, get_int(Json{{column.query, *text}}, column.query));
      add(out, condition, number.value_or(0));
    }
  }
  return {};
}

Status add_times(const http::Request& request, ServerFilter& out) {
  for (const auto& [name, sign] : {std::pair{"changes-since", ">="}, std::pair{"changes-before", "<="}}) {
    const auto text = request.query_one(name);
    if (!text) continue;
    if (std::string(name) == "changes-before" && request.minor_version < 66) {
      return bad_request("Invalid query parameter changes-before at this API version.");
    }
    auto time = parse_iso8601(*text);
    if (!time.ok()) return bad_request(fmt::format("Invalid input for query parameters {}.", name));
    add(out, fmt::format("updated_us {} ?", sign), *time);
  }
  return {};
}

Status add_projects(const http::Request& request, ServerFilter& out) {
  HANOK_TRY(all, query_flag(request, "all_tenants"));
  if (all && !request.caller.is_admin) {
    return forbidden("Policy doesn't allow os_compute_api:servers:detail:get_all_tenants to be performed.");
  }
  std::optional<std::string> project = request.query_one("project_id");
  if (!project) project = request.query_one("tenant_id");
  if (request.caller.is_admin && (all || project)) {
    if (project) add(out, "project_id = ?", *project);
    return {};
  }
  add(out, "project_id = ?", request.caller.project_id);
  return {};
}

Status add_status(const http::Request& request, ServerFilter& out) {
  const auto status = request.query_one("status");
  if (!status) return {};
  std::string upper = *status;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (!known_status(upper)) {
    if (request.minor_version >= 38) return bad_request("Invalid status value");
    out.nothing = true;
    return {};
  }
  if (upper == "DELETED" && !request.caller.is_admin) {
    return forbidden("Only administrators may list deleted instances");
  }
  out.status = upper;
  return {};
}

// Deleted servers: for administrators who ask, and in lists of what changed.
Status add_deleted(const http::Request& request, ServerFilter& out) {
  HANOK_TRY(deleted, query_flag(request, "deleted"));
  if ((deleted && request.caller.is_admin) || out.status == "DELETED") {
    add(out, "deleted = ?", 1);
  } else if (!request.query_one("changes-since")) {
    add(out, "deleted = ?", 0);
  }
  return {};
}

Status add_patterns(const http::Request& request, ServerFilter& out) {
  for (const char* key : {"name", "ip", "ip6"}) {
    auto text = request.query_one(key);
    if (!text && std::string(key) == "name") text = request.query_one("display_name");
    if (!text || text->empty()) continue;
    if (std::string(key) == "ip6" && !request.caller.is_admin && request.minor_version < 5) continue;
    HANOK_TRY(pattern, Pattern::make(*text));
    out.patterns.emplace_back(key, std::move(pattern));
  }
  return {};
}

Status add_tags(const http::Request& request, ServerFilter& out) {
  if (request.minor_version < 26) return {};
  static constexpr std::array<std::tuple<const char*, bool, bool>, 4> kKinds = {
      {{"tags", true, true},
       {"tags-any", false, true},
       {"not-tags", true, false},
       {"not-tags-any", false, false}}};
  for (const auto& [key, every, positive] : kKinds) {
    const auto text = request.query_one(key);
    if (!text) continue;
    std::string marks;
    std::int64_t count = 0;
    store::Args tags;
    for (std::size_t from = 0; from <= text->size();) {
      const auto comma = std::min(text->find(',', from), text->size());
      tags.emplace_back(text->substr(from, comma - from));
      marks += count++ == 0 ? "?" : ", ?";
      from = comma + 1;
    }
    if (count > static_cast<std::int64_t>(kMaxTags)) return bad_request("Invalid input: too many tags.");
    out.where += fmt::format(
        " AND {}((SELECT COUNT(*) FROM server_tags WHERE server_id = servers.id AND tag IN ({})) >= {})",
        positive ? "" : "NOT ", marks, every ? count : 1);
    out.args.insert(out.args.end(), tags.begin(), tags.end());
  }
  return {};
}

Status add_order(const http::Request& request, ServerFilter& out) {
  static const std::map<std::string, std::string> kKeys = {{"created_at", "seq"},
                                                           {"uuid", "id"},
                                                           {"display_name", "name"},
                                                           {"name", "name"},
                                                           {"updated_at", "updated_us"},
                                                           {"vm_state", "vm_state"},
                                                           {"task_state", "task_state"},
                                                           {"power_state", "power_state"},
                                                           {"host", "host"},
                                                           {"launched_at", "launched_us"},
                                                           {"display_description", "description"},
                                                           {"image_ref", "image_id"},
                                                           {"key_name", "key_name"},
                                                           {"project_id", "project_id"},
                                                           {"user_id", "user_id"},
                                                           {"availability_zone", "zone"},
                                                           {"terminated_at", "terminated_us"},
                                                           {"launch_index", "launch_index"},
                                                           {"config_drive", "config_drive"}};
  if (const auto key = request.query_one("sort_key")) {
    const auto known = kKeys.find(*key);
    if (known == kKeys.end()) return bad_request("Invalid input for query parameters sort_key.");
    if (known->second == "host" && !request.caller.is_admin)
      return forbidden("Only administrators can sort by host.");
    out.order = known->second;
  }
  if (const auto direction = request.query_one("sort_dir")) {
    if (*direction != "asc" && *direction != "desc") {
      return bad_request("Invalid input for query parameters sort_dir.");
    }
    out.descending = *direction == "desc";
  }
  return {};
}

}  // namespace

Result<Pattern> Pattern::make(const std::string& text) {
  const bool bounded = text.size() <= kMaxPattern && text.find('\0') == std::string::npos;
  const bool linear = is_linear(text);
  Pattern out;
  auto* compiled = new regex_t{};
  if (!bounded || !linear || regcomp(compiled, text.c_str(), REG_EXTENDED | REG_NOSUB | REG_ICASE) != 0) {
    delete compiled;
    return bad_request("Invalid input for query parameters: it is no usable regular expression.");
  }
  out.compiled_ = std::shared_ptr<regex_t>(compiled, Free{});
  return out;
}

bool Pattern::matches(const std::string& text) const {
  return regexec(compiled_.get(), text.c_str(), 0, nullptr, 0) == 0;
}

Result<ServerFilter> parse_filter(const http::Request& request) {
  ServerFilter out;
  HANOK_CHECK(add_projects(request, out));
  HANOK_CHECK(add_status(request, out));
  HANOK_CHECK(add_deleted(request, out));
  HANOK_CHECK(add_columns(request, out));
  HANOK_CHECK(add_times(request, out));
  HANOK_CHECK(add_patterns(request, out));
  HANOK_CHECK(add_tags(request, out));
  HANOK_CHECK(add_order(request, out));
  return out;
}

Result<bool> passes(store::Tx& tx, const ServerFilter& filter, const Server& server) {
  if (filter.status && status_of(server) != *filter.status) return false;
  for (const auto& [what, pattern] : filter.patterns) {
    if (what == "name") {
      if (!pattern.matches(server.name)) return false;
      continue;
    }
    HANOK_TRY(ports, network::ports_of_device(tx, server.id));
    const int version = what == "ip" ? 4 : 6;
    bool found = false;
    for (const auto& port : ports) {
      for (const auto* list : {&port.addresses, &port.floating}) {
        found =
            found || std::any_of(list->begin(), list->end(), [&, &matcher = pattern](const auto& address) {
              return address.ip_version == version && matcher.matches(address.ip);
            });
      }
    }
    if (!found) return false;
  }
  return true;
}

}  // namespace hanok::compute
