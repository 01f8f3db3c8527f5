// GET /v2/images: filters, sorting (both spellings), paging by marker.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "control/http/url.h"
#include "control/image/context.h"
#include "control/store/keyset.h"

namespace hanok::image {
namespace {

constexpr std::int64_t kDefaultLimit = 25;
constexpr std::int64_t kMaxLimit = 1000;

struct Select {
  std::string where = "status <> 'deleted'";
  store::Args args;
};

const std::map<std::string, std::string>& sort_columns() {
  static const std::map<std::string, std::string> kColumns = {
      {"name", "COALESCE(name, '')"},
      {"status", "status"},
      {"container_format", "COALESCE(container_format, '')"},
      {"disk_format", "COALESCE(disk_format, '')"},
      {"size", "COALESCE(size_bytes, 0)"},
      {"id", "id"},
      {"created_at", "created_us"},
      {"updated_at", "updated_us"},
      {"owner", "owner"},
      {"visibility", "visibility"}};
  return kColumns;
}

Result<std::int64_t> number(const std::string& name, const std::string& text) {
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size() || out < 0) {
    return bad_request(fmt::format("{} must be a non-negative integer", name));
  }
  return out;
}

// `a,b,"c,d"`: the values of an in: filter.
std::vector<std::string> split_values(const std::string& text) {
  std::vector<std::string> out(1);
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

Status filter_text(Select& select, const std::string& column, const std::string& value) {
  std::vector<std::string> values = {value};
  if (value.rfind("in:", 0) == 0) values = split_values(value.substr(3));
  select.where += " AND " + column + " IN (";
  for (std::size_t i = 0; i < values.size(); ++i) {
    select.where += i == 0 ? "?" : ", ?";
    select.args.emplace_back(values[i]);
  }
  select.where += ")";
  return {};
}

// created_at=gt:2026-01-01T00:00:00Z and its like.
Status filter_time(Select& select, const std::string& name, const std::string& column,
                   const std::string& value) {
  static const std::map<std::string, std::string> kOperators = {{"gt", ">"},   {"gte", ">="}, {"eq", "="},
                                                                {"neq", "<>"}, {"lt", "<"},   {"lte", "<="}};
  const std::size_t colon = value.find(':');
  const auto found = kOperators.find(value.substr(0, colon));
  const bool prefixed = colon != std::string::npos && found != kOperators.end();
  HANOK_TRY(time_us, parse_iso8601(prefixed ? value.substr(colon + 1) : value));
  select.where += fmt::format(" AND {} / 1000000 {} ?", column, prefixed ? found->second : "=");
  select.args.emplace_back(time_us / kSecond_us);
  static_cast<void>(name);
  return {};
}

Status filter_visible(Select& select, const http::Request& request) {
  const std::string visibility = request.query_one("visibility").value_or("");
  const std::string member_status = request.query_one("member_status").value_or("accepted");
  if (!visibility.empty() && visibility != "all" && visibility != "public" && visibility != "private" &&
      visibility != "shared" && visibility != "community") {
    return bad_request(fmt::format("Invalid visibility value: {}", visibility.substr(0, 64)));
  }
  if (!visibility.empty() && visibility != "all") HANOK_CHECK(filter_text(select, "visibility", visibility));
  if (request.caller.is_admin) return {};
  select.where += " AND (owner = ? OR visibility = 'public'";
  select.args.emplace_back(request.caller.project_id);
  if (visibility == "community" || visibility == "all") select.where += " OR visibility = 'community'";
  select.where +=
      " OR (visibility = 'shared' AND id IN (SELECT image_id FROM image_members WHERE member_id = ?";
  select.args.emplace_back(request.caller.project_id);
  if (member_status != "all") {
    select.where += " AND status = ?";
    select.args.emplace_back(member_status);
  }
  select.where += ")))";
  return {};
}

Status filter_flag(Select& select, const std::string& name, const std::string& column,
                   const std::string& value) {
  HANOK_TRY(on, get_bool(Json{{name, value}}, name));
  select.where += " AND " + column + " = ?";
  select.args.emplace_back(on.value_or(false));
  return {};
}

Status filter_one(Select& select, const std::string& name, const std::string& value) {
  static const std::map<std::string, std::string> kText = {{"name", "name"},
                                                           {"status", "status"},
                                                           {"id", "id"},
                                                           {"owner", "owner"},
                                                           {"checksum", "checksum"},
                                                           {"os_hash_value", "hash"},
                                                           {"disk_format", "disk_format"},
                                                           {"container_format", "container_format"}};
  static const std::map<std::string, std::string> kNumbers = {{"size", "size_bytes = ?"},
                                                              {"size_min", "size_bytes >= ?"},
                                                              {"size_max", "size_bytes <= ?"},
                                                              {"min_disk", "min_disk_gib = ?"},
                                                              {"min_ram", "min_ram_mib = ?"}};
  static constexpr std::array kPaging = {"limit",    "marker",     "sort",         "sort_key",
                                         "sort_dir", "visibility", "member_status"};
  if (std::find(kPaging.begin(), kPaging.end(), name) != kPaging.end()) return {};
  if (const auto text = kText.find(name); text != kText.end())
    return filter_text(select, text->second, value);
  if (const auto compared = kNumbers.find(name); compared != kNumbers.end()) {
    HANOK_TRY(wanted, number(name, value));
    select.where += " AND " + compared->second;
    select.args.emplace_back(wanted);
    return {};
  }
  if (name == "created_at") return filter_time(select, name, "created_us", value);
  if (name == "updated_at") return filter_time(select, name, "updated_us", value);
  if (name == "protected") return filter_flag(select, name, "protected", value);
  if (name == "os_hidden") return filter_flag(select, name, "hidden", value);
  if (name == "tag") {
    select.where += " AND id IN (SELECT image_id FROM image_tags WHERE tag = ?)";
  } else {  // a property of the client's own
    select.where += " AND json_extract(properties, '$.\"' || replace(?, '\"', '') || '\"') = ?";
    select.args.emplace_back(name);
  }
  select.args.emplace_back(value);
  return {};
}

Result<std::vector<store::SortKey>> sort_keys(const http::Request& request) {
  std::vector<std::pair<std::string, std::string>> wanted;
  if (const auto sort = request.query_one("sort"); sort) {
    for (const auto& item : split_values(*sort)) {
      const std::size_t colon = item.find(':');
      wanted.emplace_back(item.substr(0, colon),
                          colon == std::string::npos ? "desc" : item.substr(colon + 1));
    }
  } else {
    const auto keys = request.query_all("sort_key");
    const auto directions = request.query_all("sort_dir");
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const std::string direction =
          directions.empty() ? "desc" : directions[std::min(i, directions.size() - 1)];
      wanted.emplace_back(keys[i], direction);
    }
    if (keys.empty() && !directions.empty()) wanted.emplace_back("created_at", directions.front());
  }
  if (wanted.empty()) wanted.emplace_back("created_at", "desc");
  std::vector<store::SortKey> out;
  for (const auto& [name, direction] : wanted) {
    const auto column = sort_columns().find(name);
    if (column == sort_columns().end()) return bad_request("Invalid sort key: " + name.substr(0, 64));
    if (direction != "asc" && direction != "desc")
      return bad_request("Invalid sort direction: " + direction.substr(0, 64));
    out.push_back({column->second, direction == "desc"});
  }
  if (out.back().expression != "id") out.push_back({"id", out.back().descending});
  return out;
}

std::string page_link(const http::Request& request, const std::string& marker) {
  std::string query;
  const auto add = [&](const std::string& name, const std::string& value) {
    query += (query.empty() ? "?" : "&") + http::percent_encode(name) + "=" + http::percent_encode(value);
  };
  for (const auto& [name, value] : request.query) {
    if (name != "marker") add(name, value);
  }
  if (!marker.empty()) add("marker", marker);
  return "/v2/images" + query;
}

Status attach_tags(store::Tx& tx, std::vector<Record>& records) {
  if (records.empty()) return {};
  std::map<std::string, Record*> by_id;
  std::string marks;
  store::Args args;
  for (auto& record : records) {
    by_id[record.id] = &record;
    marks += marks.empty() ? "?" : ", ?";
    args.emplace_back(record.id);
  }
  HANOK_TRY(
      rows,
      tx.query("SELECT image_id, tag FROM image_tags WHERE image_id IN (" + marks + ") ORDER BY tag", args));
  for (const auto& row : rows) by_id[row.text("image_id")]->tags.push_back(row.text("tag"));
  return {};
}

}  // namespace

Answer list_images(const Context& context, http::Request& request) {
  if (request.path.ends_with('/')) return not_found("The resource could not be found.");
  std::int64_t limit = kDefaultLimit;
  if (const auto text = request.query_one("limit"); text) {
    HANOK_TRY(wanted, number("limit param", *text));
    limit = std::min(wanted, kMaxLimit);
  }
  Select select;
  HANOK_CHECK(filter_visible(select, request));
  if (!request.query_one("os_hidden")) select.where += " AND hidden = 0";
  for (const auto& [name, value] : request.query) HANOK_CHECK(filter_one(select, name, value));
  HANOK_TRY(keys, sort_keys(request));
  return context.database.read([&](store::Tx& tx) -> Answer {
    if (const auto marker = request.query_one("marker"); marker && !marker->empty()) {
      auto known = load_visible(tx, *marker, request.caller.project_id, request.caller.is_admin);
      if (!known.ok())
        return bad_request("Invalid marker: image " + marker->substr(0, 64) + " could not be found.");
      store::add_marker("images", keys, *marker, select.where, select.args);
    }
    select.args.emplace_back(limit);
    HANOK_TRY(rows,
              tx.query("SELECT * FROM images WHERE " + select.where + store::order_by(keys) + " LIMIT ?",
                       select.args));
    std::vector<Record> records;
    for (const auto& row : rows) records.push_back(record_from(row));
    HANOK_CHECK(attach_tags(tx, records));
    Json list = Json::array();
    for (const auto& record : records) list.push_back(image_json(record));
    Json body = {{"images", list}, {"first", page_link(request, "")}, {"schema", "/v2/schemas/images"}};
    if (limit > 0 && static_cast<std::int64_t>(records.size()) == limit)
      body["next"] = page_link(request, records.back().id);
    return http::ok(std::move(body));
  });
}

}  // namespace hanok::image
