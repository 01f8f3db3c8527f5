#pragma once
// One connection to the database: a SOCI session with its prepared statements. Only for control/store/*.cc.
//
// SOCI opens, configures and closes; statements go to the SQLite handle of the session, because SOCI 4.0
// reads a column declared INTEGER as 32 bits and an expression (count(*)) as text, and splits no script.

#include <soci/soci.h>
#include <sqlite3.h>

#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "control/store/store.h"

namespace hanok::store {

// A statement may not give more rows than this: lists are paged, so more is a bug.
constexpr std::size_t kMaxRows = 500'000;

struct OpenOptions {
  std::string path;
  bool read_only = false;
  bool durable = true;  // false: for private databases of tests
};

// Not thread-safe; one user at a time.
class Connection {
 public:
  [[nodiscard]] static Result<std::unique_ptr<Connection>> open(const OpenOptions& options);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] Result<Rows> query(std::string_view sql, const Args& args);
  [[nodiscard]] Result<std::int64_t> execute(std::string_view sql, const Args& args);
  // Several statements, with no arguments; for migrations and pragmas.
  [[nodiscard]] Status script(const std::string& sql);
  [[nodiscard]] bool in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

 private:
  Connection() = default;
  struct Prepared {
    sqlite3_stmt* statement = nullptr;
    std::shared_ptr<const std::vector<std::string>> names;
    std::list<std::string>::iterator age;
  };
  [[nodiscard]] Result<Prepared*> prepare(std::string_view sql);
  [[nodiscard]] Status bind(sqlite3_stmt* statement, const Args& args, std::string_view sql);
  [[nodiscard]] Error failure(int code, std::string_view what) const;

  soci::session session_;
  sqlite3* handle_ = nullptr;  // owned by session_
  std::unordered_map<std::string, Prepared> statements_;
  std::list<std::string> ages_;  // least recently used last
};

}  // namespace hanok::store
