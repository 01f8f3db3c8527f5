#pragma once
// What the lists of volumes, snapshots and backups share: paging, sorting, links (Cinder's conventions).

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "control/store/keyset.h"
#include "control/volume/context.h"

namespace hanok::volume {

struct Page {
  std::int64_t limit = 1000;  // at most 1000
  std::int64_t offset = 0;
  std::string marker;
  bool count = false;  // with_count, 3.45
};
[[nodiscard]] Result<Page> page_of(const http::Request& request);
// `sort=name:asc,created_at` or sort_key, sort_dir; newest first by default. `columns`: API name to SQL
// expression.
[[nodiscard]] Result<std::vector<store::SortKey>> sort_keys(
    const http::Request& request, const std::map<std::string, std::string>& columns);
// A condition under construction.
struct Select {
  std::string where = "1 = 1";
  store::Args args;
  void add(const std::string& condition) { where += " AND " + condition; }
  void add(const std::string& condition, store::Arg arg) {
    where += " AND " + condition;
    args.push_back(std::move(arg));
  }
};
// metadata={'k': 'v'} as the clients spell it (a Python or a JSON object of strings).
[[nodiscard]] Status filter_metadata(Select& select, const std::string& text);
// all_tenants and project_id for administrators; the caller's own project for everybody else.
void filter_project(Select& select, const http::Request& request);
// The page of `table`, and the number of all rows when it was asked for.
struct Selected {
  store::Rows rows;
  std::optional<std::int64_t> count;
};
[[nodiscard]] Result<Selected> select_page(store::Tx& tx, const std::string& table, Select select,
                                           const std::vector<store::SortKey>& keys, const Page& page);
// {"rel": "next"} when the page is full.
[[nodiscard]] Json next_links(const http::Request& request, const Page& page, const store::Rows& rows);

// One of these lists, and how its rows are shown.
struct List {
  std::string table;                                  // or view
  std::string collection, links;                      // names in the answer: "volumes", "volumes_links"
  const std::map<std::string, std::string>& columns;  // to sort by
  Status (*filter)(Select& select, const std::string& name,
                   const std::string& value);  // each part of the query
};
using Render = std::function<Result<Json>(store::Tx& tx, const store::Rows& rows)>;
[[nodiscard]] Answer answer_list(const Context& context, const http::Request& request, const List& list,
                                 const Render& render);

}  // namespace hanok::volume
