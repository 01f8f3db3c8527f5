#pragma once
// What the resources of the identity API have in common: links, lists with filters and pages, free
// attributes.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/identity/context.h"

namespace hanok::identity {

[[nodiscard]] Error missing(const std::string& what, const std::string& id);
// Only administrators, or the user itself.
[[nodiscard]] Status check_self_or_admin(const http::Request& request, const std::string& user_id);

// Adds links.self = <base>/v3/<collection>/<id>.
void add_self(const http::Request& request, Json& object, const std::string& collection);
// {"<collection>": [...], "links": {...}}
[[nodiscard]] http::Response list_response(const http::Request& request, const std::string& collection,
                                           Json objects);

enum class FilterType { kText, kBool };
struct Filter {
  const char* name;  // as in the query
  const char* column;
  FilterType type = FilterType::kText;
};
struct ListQuery {
  std::string table;  // its key is `id`
  std::vector<Filter> filters;
  std::string where;  // more conditions, or empty
  store::Args args;
};
// The rows that the query asks for, in the order of ids; `limit` (1 to 1000) and `marker` page. `more` is set
// when there are others behind.
[[nodiscard]] Result<store::Rows> list_rows(store::Tx& tx, const http::Request& request,
                                            const ListQuery& list, bool* more);
// `links.next` for the page behind these objects.
void add_next(const http::Request& request, http::Response& response, const std::string& collection);

// Attributes that the API does not know are kept and shown as they came (bounded).
[[nodiscard]] Result<Json> extra_attributes(const Json& body, std::span<const std::string_view> known);
void show_extra(Json& object, const store::Row& row);

// 204, or the error.
[[nodiscard]] inline Result<http::Response> no_content(const Status& status) {
  if (!status.ok()) return status.error();
  return http::no_content();
}

// A name that may not be empty.
[[nodiscard]] Result<std::string> need_name(const Json& body, std::size_t max_length);

// The row of that id, or 404 naming `what`.
[[nodiscard]] Result<store::Row> need_row(store::Tx& tx, const std::string& table, const std::string& what,
                                          const std::string& id);
// kConflict of a UNIQUE name gets a message that names it.
template <typename T>
[[nodiscard]] Result<T> name_conflict(Result<T> result, const std::string& what, const std::string& name) {
  if (result.ok() || result.error().code != ErrorCode::kConflict) return result;
  return conflict("Conflict occurred attempting to store " + what + " - Duplicate entry found with name " +
                  name + ".");
}

}  // namespace hanok::identity
