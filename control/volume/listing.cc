#include "control/volume/listing.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace hanok::volume {
namespace {

constexpr std::int64_t kMaxLimit = 1000;

Result<std::int64_t> number(const http::Request& request, const char* name, std::int64_t otherwise) {
  const auto text = request.query_one(name);
  if (!text) return otherwise;
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), out);
  if (error != std::errc() || end != text->data() + text->size() || out < 0) {
    return bad_request(fmt::format("{} param must be a non-negative integer", name));
  }
  return out;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> out(1);
  for (const char c : text) {
    if (c == separator) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

std::string escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return out;
}

// Python's dict spelling to JSON: single quotes become double ones.
std::string to_json_text(const std::string& text) {
  if (text.find('"') != std::string::npos) return text;
  std::string out = text;
  std::replace(out.begin(), out.end(), '\'', '"');
  return out;
}

}  // namespace

Result<Page> page_of(const http::Request& request) {
  Page out;
  HANOK_TRY(limit, number(request, "limit", kMaxLimit));
  HANOK_TRY(offset, number(request, "offset", 0));
  HANOK_TRY(count,
            get_bool(Json{{"with_count", request.query_one("with_count").value_or("false")}}, "with_count"));
  out.limit = std::min(limit, kMaxLimit);
  out.offset = offset;
  out.marker = request.query_one("marker").value_or("");
  out.count = request.minor_version >= 45 && count.value_or(false);
  return out;
}

Result<std::vector<store::SortKey>> sort_keys(const http::Request& request,
                                              const std::map<std::string, std::string>& columns) {
  std::vector<std::pair<std::string, std::string>> wanted;
  if (const auto sort = request.query_one("sort"); sort && !sort->empty()) {
    for (const auto& item : split(*sort, ',')) {
      const std::size_t colon = item.find(':');
      wanted.emplace_back(item.substr(0, colon),
                          colon == std::string::npos ? "desc" : item.substr(colon + 1));
    }
  } else {
    wanted.emplace_back(request.query_one("sort_key").value_or("created_at"),
                        request.query_one("sort_dir").value_or("desc"));
  }
  std::vector<store::SortKey> out;
  for (auto& [name, direction] : wanted) {
    name.erase(0, name.find_first_not_of(' '));
    const auto column = columns.find(name);
    if (column == columns.end()) return bad_request("Invalid input received: Sort key is invalid.");
    if (direction != "asc" && direction != "desc")
      return bad_request("Invalid input received: Unknown sort direction.");
    out.push_back({column->second, direction == "desc"});
  }
  if (out.back().expression != "id") out.push_back({"id", out.back().descending});
  return out;
}

Status filter_metadata(Select& select, const std::string& text) {
  auto json = parse_json(to_json_text(text));
  if (!json.ok() || !json->is_object() || json->size() > 32) return bad_request("Invalid metadata filter.");
  for (const auto& [key, value] : json->items()) {
    if (!value.is_string()) return bad_request("Invalid metadata filter: values are strings.");
    select.add("json_extract(metadata, '$.\"' || replace(?, '\"', '') || '\"') = ?", key);
    select.args.emplace_back(value.get<std::string>());
  }
  return {};
}

void filter_project(Select& select, const http::Request& request) {
  const std::string all = request.query_one("all_tenants").value_or("0");
  const bool everybody = all == "1" || all == "True" || all == "true";
  if (request.caller.is_admin && everybody) {
    if (const auto project = request.query_one("project_id"); project) select.add("project_id = ?", *project);
    return;
  }
  select.add("project_id = ?", request.caller.project_id);
}

Result<Selected> select_page(store::Tx& tx, const std::string& table, Select select,
                             const std::vector<store::SortKey>& keys, const Page& page) {
  Selected out;
  if (page.count) {
    HANOK_TRY(row,
              tx.query_one("SELECT COUNT(*) AS n FROM " + table + " WHERE " + select.where, select.args));
    out.count = row->integer("n");
  }
  if (!page.marker.empty()) {
    HANOK_TRY(known, tx.query_one("SELECT id FROM " + table + " WHERE " + select.where + " AND id = ?", [&] {
      store::Args args = select.args;
      args.emplace_back(page.marker);
      return args;
    }()));
    if (!known) return not_found(fmt::format("Marker {} could not be found.", page.marker.substr(0, 64)));
    store::add_marker(table, keys, page.marker, select.where, select.args);
  }
  select.args.emplace_back(page.limit);
  select.args.emplace_back(page.offset);
  HANOK_TRY(rows, tx.query("SELECT * FROM " + table + " WHERE " + select.where + store::order_by(keys) +
                               " LIMIT ? OFFSET ?",
                           select.args));
  out.rows = std::move(rows);
  return out;
}

Json next_links(const http::Request& request, const Page& page, const store::Rows& rows) {
  if (rows.empty() || static_cast<std::int64_t>(rows.size()) < page.limit) return nullptr;
  std::string query;
  const auto add = [&](const std::string& name, const std::string& value) {
    query += (query.empty() ? "?" : "&") + escape(name) + "=" + escape(value);
  };
  for (const auto& [name, value] : request.query) {
    if (name != "marker" && name != "offset") add(name, value);
  }
  add("marker", rows.back().text("id"));
  return Json::array({{{"rel", "next"}, {"href", request.base_url + request.path + query}}});
}

Answer answer_list(const Context& context, const http::Request& request, const List& list,
                   const Render& render) {
  HANOK_TRY(page, page_of(request));
  HANOK_TRY(keys, sort_keys(request, list.columns));
  Select select;
  filter_project(select, request);
  for (const auto& [name, value] : request.query) HANOK_CHECK(list.filter(select, name, value));
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(selected, select_page(tx, list.table, select, keys, page));
    HANOK_TRY(items, render(tx, selected.rows));
    Json body = {{list.collection, std::move(items)}};
    Json links = next_links(request, page, selected.rows);
    if (!links.is_null()) body[list.links] = std::move(links);
    if (selected.count) body["count"] = *selected.count;
    return http::ok(std::move(body));
  });
}

}  // namespace hanok::volume
