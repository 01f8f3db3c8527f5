#pragma once
// Lists as every Neutron collection gives them: filters, tags, sorting, paging with links, and chosen fields.
// All of it is SQL, so that a list costs by page, not by table.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "control/http/http.h"
#include "control/store/store.h"

namespace hanok::network {

enum class ColumnType { kText, kBool, kInteger };
struct Column {
  std::string_view name;  // as clients name it; "fixed_ips.ip_address" answers ?fixed_ips=ip_address=X
  std::string_view sql;   // an expression; or, with a ? in it, a whole predicate (which cannot be sorted by)
  ColumnType type = ColumnType::kText;
};

struct Condition {
  std::string sql;  // "1 = 1" when there is none
  store::Args args{};
};

struct Listing {
  std::string table;            // "floating_ips"
  std::string collection;       // "floatingips"
  std::string select;           // "SELECT ... FROM networks t"; the table's alias is t, its key t.id
  std::vector<Column> columns;  // id is always there
  Error (*missing)(const std::string& id);
};

// How one row is shown to the caller.
using Render = std::function<Json(const store::Row&, const http::Caller&)>;

[[nodiscard]] Result<http::Response> list_rows(store::Tx& tx, const http::Request& request,
                                               const Listing& listing, const Condition& visible,
                                               const Render& render);
// One row by id, or the listing's error.
[[nodiscard]] Result<store::Row> find_row(store::Tx& tx, const Listing& listing, const std::string& id);
// The row if the caller's project owns it, or an administrator asks; the listing's error otherwise.
[[nodiscard]] Result<store::Row> find_own_row(store::Tx& tx, const Listing& listing, const std::string& id,
                                              const http::Caller& caller);
[[nodiscard]] Condition own_rows(const http::Caller& caller);

// Leaves only the fields that the query asked for (?fields=id&fields=name).
[[nodiscard]] Json pick_fields(const http::Request& request, Json object);
[[nodiscard]] http::Response show(const http::Request& request, const std::string& name, Json object);

// id, description, created_at, updated_at, revision_number: on every resource.
void add_history_fields(Json& object, const store::Row& row);
// And project_id, tenant_id, tags: on what belongs to a project.
void add_standard_fields(Json& object, const store::Row& row);
// Goes into a Listing's select: the tags as a JSON array.
constexpr const char* kTagsSql =
    "(SELECT json_group_array(tag) FROM network_tags WHERE resource_id = t.id) AS tags";

// Gathers the columns of an UPDATE.
class RowUpdate {
 public:
  explicit RowUpdate(std::string table) : table_(std::move(table)) {}
  void set(const std::string& column, store::Arg value);
  // Copies body[key] into the column of that name (or `column`) when the body has it.
  void copy(const Json& body, const char* key, const char* column = nullptr);
  [[nodiscard]] bool empty() const { return sql_.empty(); }
  // Also moves updated_us and the revision.
  [[nodiscard]] Status apply(store::Tx& tx, const std::string& id, std::int64_t now_us);

 private:
  std::string table_, sql_;
  store::Args args_;
};

}  // namespace hanok::network
