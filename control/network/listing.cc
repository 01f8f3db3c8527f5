#include "control/network/listing.h"

#include <algorithm>
#include <charconv>
#include <map>

#include "common/clock.h"
#include "control/http/url.h"
#include "control/network/errors.h"
#include "control/store/keyset.h"

namespace hanok::network {
namespace {

constexpr std::size_t kMaxFilterValues = 1000;

const Column* find_column(const Listing& listing, std::string_view name) {
  static const Column id_column{"id", "t.id"};
  if (name == "id") return &id_column;
  if (name == "tenant_id") name = "project_id";
  for (const Column& column : listing.columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

bool is_predicate(const Column& column) {
  return column.sql.find('?') != std::string_view::npos;
}

Result<store::Arg> filter_value(const Column& column, const std::string& text) {
  if (column.type == ColumnType::kText) return store::Arg(text);
  if (column.type == ColumnType::kBool) {
    const Json holder = {{"value", text}};
    auto read = get_bool(holder, "value");
    if (!read.ok() || !read->has_value())
      return invalid_input("'" + text + "' cannot be converted to boolean");
    return store::Arg(**read);
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
    return invalid_input("'" + text + "' is not an integer");
  }
  return store::Arg(number);
}

struct Filter {
  const Column* column;
  std::vector<std::string> values;
};

// Query keys in the order of their first occurrence; keys that name no column are not filters.
std::vector<Filter> collect_filters(const http::Request& request, const Listing& listing) {
  std::vector<Filter> out;
  for (const auto& [key, value] : request.query) {
    const Column* column = find_column(listing, key);
    std::string text = value;
    if (column == nullptr) {
      const auto equals = value.find('=');
      if (equals == std::string::npos) continue;
      column = find_column(listing, key + "." + value.substr(0, equals));
      if (column == nullptr) continue;
      text = value.substr(equals + 1);
    }
    auto known = std::find_if(out.begin(), out.end(), [&](const Filter& f) { return f.column == column; });
    if (known == out.end()) known = out.insert(out.end(), {column, {}});
    known->values.push_back(std::move(text));
  }
  return out;
}

Status add_filters(const http::Request& request, const Listing& listing, Condition& where) {
  for (const Filter& filter : collect_filters(request, listing)) {
    if (filter.values.size() > kMaxFilterValues) return invalid_input("too many values of one filter");
    where.sql += " AND (";
    const bool predicate = is_predicate(*filter.column);
    if (!predicate) where.sql += std::string(filter.column->sql) + " IN (";
    for (std::size_t i = 0; i < filter.values.size(); ++i) {
      HANOK_TRY(value, filter_value(*filter.column, filter.values[i]));
      where.args.push_back(std::move(value));
      if (predicate) {
        where.sql += std::string(i == 0 ? "" : " OR ") + std::string(filter.column->sql);
      } else {
        where.sql += i == 0 ? "?" : ", ?";
      }
    }
    where.sql += predicate ? ")" : "))";
  }
  return {};
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> out;
  std::size_t start = 0;
  while (start <= text.size()) {
    const auto end = std::min(text.find(separator, start), text.size());
    if (end > start) out.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return out;
}

void add_tag_filters(const http::Request& request, Condition& where) {
  struct Kind {
    const char* key;
    bool negated, any;
  };
  for (const Kind& kind : {Kind{"tags", false, false}, Kind{"tags-any", false, true},
                           Kind{"not-tags", true, false}, Kind{"not-tags-any", true, true}}) {
    for (const std::string& value : request.query_all(kind.key)) {
      const auto tags = split(value, ',');
      if (tags.empty() || tags.size() > kMaxFilterValues) continue;
      where.sql += kind.negated ? " AND NOT (" : " AND (";
      for (std::size_t i = 0; i < tags.size(); ++i) {
        if (i != 0) where.sql += kind.any ? " OR " : " AND ";
        where.sql += "EXISTS (SELECT 1 FROM network_tags WHERE resource_id = t.id AND tag = ?)";
        where.args.emplace_back(tags[i]);
      }
      where.sql += ")";
    }
  }
}

struct Page {
  std::vector<store::SortKey> keys;  // as the page is read: backwards when `reverse`
  std::int64_t limit = 0;            // 0: all
  std::string marker;
  bool reverse = false;
};

Status read_sort(const http::Request& request, const Listing& listing, Page& page) {
  const auto keys = request.query_all("sort_key");
  const auto directions = request.query_all("sort_dir");
  if (!directions.empty() && directions.size() != keys.size()) {
    return bad_request("The number of sort_keys and sort_dirs must be same", "HTTPBadRequest");
  }
  bool total = false;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const Column* column = find_column(listing, keys[i]);
    if (column == nullptr || is_predicate(*column) || i >= 8) {
      return bad_request("'" + keys[i] + "' is an invalid attribute for sort key", "HTTPBadRequest");
    }
    const std::string direction = directions.empty() ? "asc" : directions[i];
    if (direction != "asc" && direction != "desc") {
      return bad_request(
          "'" + direction + "' is an invalid value for sort_dirs, valid value is 'asc' and 'desc'",
          "HTTPBadRequest");
    }
    if (total) continue;  // no two rows have one id: what comes after it orders nothing
    total = column->name == "id";
    // NULL has no order of its own: it sorts as the empty text.
    page.keys.push_back(
        {total ? "t.id" : "coalesce(" + std::string(column->sql) + ", '')", direction == "desc"});
  }
  if (!total) page.keys.push_back({"t.id", false});
  return {};
}

Result<Page> read_page(const http::Request& request, const Listing& listing) {
  Page page;
  HANOK_CHECK(read_sort(request, listing, page));
  if (const auto limit = request.query_one("limit")) {
    const auto [end, error] = std::from_chars(limit->data(), limit->data() + limit->size(), page.limit);
    if (error != std::errc() || end != limit->data() + limit->size() || page.limit < 0) {
      return bad_request("Limit must be an integer 0 or greater and not '" + *limit + "'", "HTTPBadRequest");
    }
  }
  page.marker = request.query_one("marker").value_or("");
  const std::string reverse = request.query_one("page_reverse").value_or("");
  page.reverse = reverse == "True" || reverse == "true" || reverse == "1";
  if (page.reverse) page.keys = store::reversed(std::move(page.keys));
  return page;
}

Status start_behind(store::Tx& tx, const Listing& listing, const Page& page, Condition& where) {
  const std::string table = listing.table + " t";
  HANOK_TRY(row, tx.query_one("SELECT 1 FROM " + table + " WHERE t.id = ?", {page.marker}));
  if (!row) return listing.missing(page.marker);
  store::add_marker(table, page.keys, page.marker, where.sql, where.args);
  return {};
}

Json page_link(const http::Request& request, const char* rel, const std::string& marker, bool reverse) {
  std::string query;
  for (const auto& [key, value] : request.query) {
    if (key == "marker" || key == "page_reverse") continue;
    query += http::percent_encode(key) + "=" + http::percent_encode(value) + "&";
  }
  query += "marker=" + http::percent_encode(marker);
  if (reverse) query += "&page_reverse=True";
  return {{"rel", rel}, {"href", request.base_url + request.path + "?" + query}};
}

}  // namespace

Result<http::Response> list_rows(store::Tx& tx, const http::Request& request, const Listing& listing,
                                 const Condition& visible, const Render& render) {
  HANOK_TRY(page, read_page(request, listing));
  Condition where = visible;
  HANOK_CHECK(add_filters(request, listing, where));
  add_tag_filters(request, where);
  if (!page.marker.empty()) HANOK_CHECK(start_behind(tx, listing, page, where));
  std::string sql = listing.select + " WHERE " + where.sql + store::order_by(page.keys);
  if (page.limit > 0) {
    sql += " LIMIT ?";
    where.args.emplace_back(page.limit);
  }
  HANOK_TRY(rows, tx.query(sql, where.args));
  if (page.reverse) std::reverse(rows.begin(), rows.end());
  Json items = Json::array();
  for (const store::Row& row : rows) items.push_back(pick_fields(request, render(row, request.caller)));
  Json body = {{listing.collection, std::move(items)}};
  if (page.limit > 0 && !rows.empty()) {
    const bool full = static_cast<std::int64_t>(rows.size()) >= page.limit;
    Json links = Json::array();
    if (full || page.reverse) links.push_back(page_link(request, "next", rows.back().text("id"), false));
    if (full || !page.reverse) links.push_back(page_link(request, "previous", rows.front().text("id"), true));
    body[listing.collection + "_links"] = std::move(links);
  }
  return http::ok(std::move(body));
}

Result<store::Row> find_row(store::Tx& tx, const Listing& listing, const std::string& id) {
  HANOK_TRY(row, tx.query_one(listing.select + " WHERE t.id = ?", {id}));
  if (!row) return listing.missing(id);
  return std::move(*row);
}

Result<store::Row> find_own_row(store::Tx& tx, const Listing& listing, const std::string& id,
                                const http::Caller& caller) {
  HANOK_TRY(row, find_row(tx, listing, id));
  if (!caller.is_admin && row.text("project_id") != caller.project_id) return listing.missing(id);
  return row;
}

Condition own_rows(const http::Caller& caller) {
  if (caller.is_admin) return {"1 = 1"};
  return {"t.project_id = ?", {caller.project_id}};
}

Json pick_fields(const http::Request& request, Json object) {
  const auto fields = request.query_all("fields");
  if (fields.empty()) return object;
  Json out = Json::object();
  for (const std::string& field : fields) {
    if (const auto found = object.find(field); found != object.end()) out[field] = *found;
  }
  return out;
}

http::Response show(const http::Request& request, const std::string& name, Json object) {
  return http::ok({{name, pick_fields(request, std::move(object))}});
}

void add_history_fields(Json& object, const store::Row& row) {
  object["id"] = row.text("id");
  object["description"] = row.text("description");
  object["created_at"] = iso8601_z(row.integer("created_us"));
  object["updated_at"] = iso8601_z(row.integer("updated_us"));
  object["revision_number"] = row.integer("revision");
}

void add_standard_fields(Json& object, const store::Row& row) {
  add_history_fields(object, row);
  object["tenant_id"] = row.text("project_id");
  object["project_id"] = row.text("project_id");
  object["tags"] = row.json("tags");
}

void RowUpdate::set(const std::string& column, store::Arg value) {
  sql_ += column + " = ?, ";
  args_.push_back(std::move(value));
}

void RowUpdate::copy(const Json& body, const char* key, const char* column) {
  const auto found = body.find(key);
  if (found == body.end()) return;
  const std::string name = column == nullptr ? key : column;
  if (found->is_null()) {
    set(name, nullptr);
  } else if (found->is_string()) {
    set(name, found->get<std::string>());
  } else if (found->is_boolean()) {
    set(name, found->get<bool>());
  } else if (found->is_number_integer()) {
    set(name, found->get<std::int64_t>());
  } else {
    set(name, *found);
  }
}

Status RowUpdate::apply(store::Tx& tx, const std::string& id, std::int64_t now_us) {
  store::Args args = args_;
  args.emplace_back(now_us);
  args.emplace_back(id);
  HANOK_CHECK(tx.execute(
      "UPDATE " + table_ + " SET " + sql_ + "updated_us = ?, revision = revision + 1 WHERE id = ?", args));
  return {};
}

}  // namespace hanok::network
