#pragma once
// Keyset paging over one table, for every list of every service: a page starts behind the row that the marker
// names, in the order of any number of columns in mixed directions. Expressions use column names of that
// table (unqualified, or by the alias that the table's name carries: "ports t"), are never NULL (COALESCE)
// and come from the program, never from a client. The last one is the table's id.

#include <string>
#include <vector>

#include "control/store/store.h"

namespace hanok::store {

struct SortKey {
  std::string expression;
  bool descending = false;
};

[[nodiscard]] inline std::string order_by(const std::vector<SortKey>& keys) {
  std::string out;
  for (const SortKey& key : keys) {
    out += (out.empty() ? " ORDER BY " : ", ") + key.expression + (key.descending ? " DESC" : " ASC");
  }
  return out;
}

// The same order, backwards: for the page before a marker.
[[nodiscard]] inline std::vector<SortKey> reversed(std::vector<SortKey> keys) {
  for (SortKey& key : keys) key.descending = !key.descending;
  return keys;
}

// Appends " AND (...)" that holds for the rows behind the marker. By the id alone, the marker's row need not
// be there any more; by other columns too, its values are looked up, and without it the page is empty.
inline void add_marker(const std::string& table, const std::vector<SortKey>& keys,
                       const std::string& marker_id, std::string& where, Args& args) {
  const auto of_marker = [&](std::size_t key) -> std::string {
    args.emplace_back(marker_id);
    if (key + 1 == keys.size()) return "?";
    return "(SELECT " + keys[key].expression + " FROM " + table + " WHERE id = ?)";
  };
  where += " AND (";
  for (std::size_t last = 0; last < keys.size(); ++last) {
    where += last == 0 ? "(" : " OR (";
    for (std::size_t i = 0; i < last; ++i) {
      where += keys[i].expression + " = " + of_marker(i) + " AND ";
    }
    where += keys[last].expression + (keys[last].descending ? " < " : " > ") + of_marker(last) + ")";
  }
  where += ")";
}

}  // namespace hanok::store
