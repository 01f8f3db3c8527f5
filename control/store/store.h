#pragma once
// The SQL store: SQLite in WAL mode through SOCI. SOCI stays inside control/store/*.cc.
// One writer at a time (serialised), readers in parallel on their own connections, each seeing one snapshot.
// A write is durable when write() has returned: synchronous=FULL.

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "common/json.h"
#include "common/result.h"

namespace hanok::store {

using Null = std::monostate;
using Value = std::variant<Null, std::int64_t, double, std::string>;

// Arguments bind to ? in order. Implicit from the usual types; optional<T> gives NULL when empty; bool is 0
// or 1.
class Arg {
 public:
  Arg(std::nullptr_t) {}                                     // NOLINT: implicit by intent
  Arg(const char* text) : value_(std::string(text)) {}       // NOLINT
  Arg(std::string text) : value_(std::move(text)) {}         // NOLINT
  Arg(std::string_view text) : value_(std::string(text)) {}  // NOLINT
  Arg(double number) : value_(number) {}                     // NOLINT
  template <typename T, std::enable_if_t<std::is_integral_v<T>, int> = 0>
  Arg(T number) : value_(static_cast<std::int64_t>(number)) {}  // NOLINT
  template <typename T>
  Arg(const std::optional<T>& maybe) {  // NOLINT
    if (maybe) value_ = Arg(*maybe).value_;
  }
  // JSON is kept as text.
  Arg(const Json& json) : value_(dump_json(json)) {}  // NOLINT

  [[nodiscard]] const Value& value() const { return value_; }

 private:
  Value value_;
};
using Args = std::vector<Arg>;

// One row; columns by name. A column that the statement does not name is a bug (assertion).
class Row {
 public:
  Row(std::shared_ptr<const std::vector<std::string>> names, std::vector<Value> values)
      : names_(std::move(names)), values_(std::move(values)) {}

  [[nodiscard]] bool is_null(std::string_view column) const;
  [[nodiscard]] std::string text(std::string_view column) const;      // NULL reads as ""
  [[nodiscard]] std::int64_t integer(std::string_view column) const;  // NULL reads as 0
  [[nodiscard]] bool boolean(std::string_view column) const { return integer(column) != 0; }
  [[nodiscard]] std::optional<std::string> maybe_text(std::string_view column) const;
  [[nodiscard]] std::optional<std::int64_t> maybe_integer(std::string_view column) const;
  [[nodiscard]] Json json(std::string_view column) const;  // stored JSON text; NULL or "" reads as null
  [[nodiscard]] Json text_or_null(std::string_view column) const;  // for building replies

 private:
  [[nodiscard]] const Value& at(std::string_view column) const;
  std::shared_ptr<const std::vector<std::string>> names_;
  std::vector<Value> values_;
};
using Rows = std::vector<Row>;

// One transaction. SQL that the program writes cannot fail but for constraints and the disk:
// a UNIQUE or CHECK or FOREIGN KEY violation is kConflict, everything else kInternal (logged).
class Tx {
 public:
  virtual ~Tx() = default;
  [[nodiscard]] virtual Result<Rows> query(std::string_view sql, const Args& args = {}) = 0;
  // Number of rows changed.
  [[nodiscard]] virtual Result<std::int64_t> execute(std::string_view sql, const Args& args = {}) = 0;

  [[nodiscard]] Result<std::optional<Row>> query_one(std::string_view sql, const Args& args = {});

  // Records that object (kind, id) changed, with the next generation, so that agents fetch it
  // (bus/changes.h). The generation counter moves once per transaction. Only in write transactions.
  [[nodiscard]] Status touch(std::string_view kind, std::string_view id);
  // The generation that this transaction's touches carry; 0 when it touched nothing.
  [[nodiscard]] std::int64_t generation() const { return generation_; }

 private:
  std::int64_t generation_ = 0;
};

struct Migration {
  int version;      // 1, 2, 3 ... within its module
  std::string sql;  // one or more statements
};
struct Module {
  std::string name;  // "identity", "network" ...
  std::vector<Migration> migrations;
};

class Database {
 public:
  virtual ~Database() = default;

  // fn: Result<T>(Tx&). An error rolls back. Do not keep the Tx. Do not nest write() in write().
  template <typename F>
  auto write(F&& fn) -> std::invoke_result_t<F, Tx&> {
    return run<std::invoke_result_t<F, Tx&>>(true, std::forward<F>(fn));
  }
  template <typename F>
  auto read(F&& fn) -> std::invoke_result_t<F, Tx&> {
    return run<std::invoke_result_t<F, Tx&>>(false, std::forward<F>(fn));
  }

  // Called after each commit that touched something, with its generation; from the committing thread.
  virtual void on_commit(std::function<void(std::int64_t generation)> listener) = 0;

 protected:
  // Runs fn in a transaction; commits when it returned a good status.
  [[nodiscard]] virtual Status transact(bool writing, const std::function<Status(Tx&)>& fn) = 0;

 private:
  template <typename R, typename F>
  R run(bool writing, F&& fn) {
    std::optional<R> out;
    Status status = transact(writing, [&](Tx& tx) -> Status {
      out.emplace(fn(tx));
      if (!out->ok()) return out->error();
      return {};
    });
    if (!status.ok()) return status.take_error();
    return std::move(*out);
  }
};

// Opens (creates) the database file, mode 0600, and brings each module's schema to its newest version.
// A database that is newer than the program is refused. ":memory:" gives a private one for tests.
[[nodiscard]] Result<std::unique_ptr<Database>> open_database(const std::string& path,
                                                              const std::vector<Module>& modules);

}  // namespace hanok::store
