#include "control/store/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "common/log.h"
#include "common/uuid.h"
#include "control/store/connection.h"
#include "control/store/migrate.h"

namespace hanok::store {

Result<std::optional<Row>> Tx::query_one(std::string_view sql, const Args& args) {
  HANOK_TRY(rows, query(sql, args));
  if (rows.empty()) return std::optional<Row>{};
  return std::optional<Row>{std::move(rows.front())};
}

Status Tx::touch(std::string_view kind, std::string_view id) {
  if (generation_ == 0) {
    HANOK_TRY(rows, query("UPDATE generation SET value = value + 1 RETURNING value"));
    generation_ = rows.front().integer("value");
  }
  HANOK_CHECK(
      execute("INSERT INTO changes (kind, id, generation) VALUES (?, ?, ?)"
              " ON CONFLICT (kind, id) DO UPDATE SET generation = excluded.generation",
              {kind, id, generation_}));
  return {};
}

namespace {

// More readers than this wait for one another. Above the number of HTTP workers, so that they never do.
constexpr std::size_t kMaxReaders = 32;

class ConnectionTx final : public Tx {
 public:
  explicit ConnectionTx(Connection& connection) : connection_(connection) {}
  Result<Rows> query(std::string_view sql, const Args& args) override { return connection_.query(sql, args); }
  Result<std::int64_t> execute(std::string_view sql, const Args& args) override {
    return connection_.execute(sql, args);
  }

 private:
  Connection& connection_;
};

// Rolls back when it goes out of scope uncommitted: an error, or an exception on its way to the edge.
class Transaction {
 public:
  explicit Transaction(Connection& connection) : connection_(connection) {}
  ~Transaction() {
    if (connection_.in_transaction()) (void)connection_.script("ROLLBACK");
  }
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  [[nodiscard]] Status begin(const std::string& how) { return connection_.script(how); }
  [[nodiscard]] Status commit() { return connection_.script("COMMIT"); }

 private:
  Connection& connection_;
};

Status run_in(Connection& connection, const std::string& begin, const std::function<Status(Tx&)>& fn,
              std::int64_t& generation) {
  Transaction transaction(connection);
  HANOK_CHECK(transaction.begin(begin));
  ConnectionTx tx(connection);
  HANOK_CHECK(fn(tx));
  HANOK_CHECK(transaction.commit());
  generation = tx.generation();
  return {};
}

// A private database for tests lives in files too, because only WAL gives readers a snapshot beside the
// writer.
class PrivateFolder {
 public:
  [[nodiscard]] Status create() {
    std::string pattern = access("/dev/shm", W_OK) == 0 ? "/dev/shm/hanok-XXXXXX" : "/tmp/hanok-XXXXXX";
    if (mkdtemp(pattern.data()) == nullptr) return internal_error("cannot make a folder for the database");
    path_ = pattern;
    return {};
  }
  ~PrivateFolder() {
    if (path_.empty()) return;
    for (const char* suffix : {"", "-wal", "-shm"}) unlink((file() + suffix).c_str());
    rmdir(path_.c_str());
  }
  PrivateFolder() = default;
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  [[nodiscard]] std::string file() const { return path_ + "/db"; }

 private:
  std::string path_;
};

class SqliteDatabase final : public Database {
 public:
  [[nodiscard]] Status open(const std::string& path, const std::vector<Module>& modules) {
    path_ = path;
    durable_ = path != ":memory:";
    if (!durable_) {
      HANOK_CHECK(folder_.create());
      path_ = folder_.file();
    }
    // Made here so that nobody else can read it; SQLite gives its WAL the same mode.
    const int fd = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return internal_error(fmt::format("{}: cannot open: {}", path_, std::strerror(errno)));
    close(fd);
    HANOK_TRY(writer, Connection::open({.path = path_, .read_only = false, .durable = durable_}));
    writer_ = std::move(writer);
    return migrate(*writer_, modules);
  }

  void on_commit(std::function<void(std::int64_t)> listener) override {
    const std::lock_guard lock(listeners_mutex_);
    listeners_.push_back(std::move(listener));
  }

 protected:
  Status transact(bool writing, const std::function<Status(Tx&)>& fn) override {
    std::int64_t generation = 0;
    if (!writing) {
      HANOK_TRY(reader, take_reader());
      const Lease lease(*this, std::move(reader));
      return run_in(lease.connection(), "BEGIN", fn, generation);
    }
    {
      const std::lock_guard lock(writer_mutex_);
      HANOK_CHECK(run_in(*writer_, "BEGIN IMMEDIATE", fn, generation));
    }
    if (generation != 0) announce(generation);
    return {};
  }

 private:
  class Lease {
   public:
    Lease(SqliteDatabase& owner, std::unique_ptr<Connection> connection)
        : owner_(owner), connection_(std::move(connection)) {}
    ~Lease() { owner_.give_back(std::move(connection_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    [[nodiscard]] Connection& connection() const { return *connection_; }

   private:
    SqliteDatabase& owner_;
    mutable std::unique_ptr<Connection> connection_;
  };

  Result<std::unique_ptr<Connection>> take_reader() {
    {
      std::unique_lock lock(readers_mutex_);
      reader_free_.wait(lock, [&] { return !idle_readers_.empty() || readers_ < kMaxReaders; });
      if (!idle_readers_.empty()) {
        auto reader = std::move(idle_readers_.back());
        idle_readers_.pop_back();
        return reader;
      }
      ++readers_;
    }
    auto opened = Connection::open({.path = path_, .read_only = true, .durable = durable_});
    if (!opened.ok()) give_back(nullptr);
    return opened;
  }

  void give_back(std::unique_ptr<Connection> reader) {
    {
      const std::lock_guard lock(readers_mutex_);
      if (reader) {
        idle_readers_.push_back(std::move(reader));
      } else {
        --readers_;
      }
    }
    reader_free_.notify_one();
  }

  void announce(std::int64_t generation) {
    std::vector<std::function<void(std::int64_t)>> listeners;
    {
      const std::lock_guard lock(listeners_mutex_);
      listeners = listeners_;
    }
    for (const auto& listener : listeners) listener(generation);
  }

  PrivateFolder folder_;  // first, so that it goes after the connections
  std::string path_;
  bool durable_ = true;
  std::mutex writer_mutex_;
  std::unique_ptr<Connection> writer_;
  std::mutex readers_mutex_;
  std::condition_variable reader_free_;
  std::vector<std::unique_ptr<Connection>> idle_readers_;
  std::size_t readers_ = 0;
  std::mutex listeners_mutex_;
  std::vector<std::function<void(std::int64_t)>> listeners_;
};

}  // namespace

Result<std::unique_ptr<Database>> open_database(const std::string& path, const std::vector<Module>& modules) {
  auto database = std::make_unique<SqliteDatabase>();
  HANOK_CHECK(database->open(path, modules));
  return std::unique_ptr<Database>(std::move(database));
}

}  // namespace hanok::store
