#pragma once
// Keyset paging over one table: a page starts behind the row that the marker names, in the order of any
// number of columns in mixed directions. Expressions use unqualified column names of that table, are never
// NULL (COALESCE) and come from the program, never from a client.

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

// Appends " AND (...)" that holds for the rows behind the marker. The last key must be unique (the id).
inline void add_marker(const std::string& table, const std::vector<SortKey>& keys,
                       const std::string& marker_id, std::string& where, Args& args) {
  const auto of_marker = [&](const std::string& expression) {
    args.emplace_back(marker_id);
    return "(SELECT " + expression + " FROM " + table + " WHERE id = ?)";
  };
  where += " AND (";
  for (std::size_t last = 0; last < keys.size(); ++last) {
    where += last == 0 ? "(" : " OR (";
    for (std::size_t i = 0; i < last; ++i) {
      where += keys[i].expression + " = " + of_marker(keys[i].expression) + " AND ";
    }
    where += keys[last].expression + (keys[last].descending ? " < " : " > ") +
             of_marker(keys[last].expression) + ")";
  }
  where += ")";
}

}  // namespace hanok::store
