#include "control/store/connection.h"

#include <fmt/format.h>

#include "common/log.h"

namespace hanok::store {

void* sqlite_handle(soci::session& session);  // sqlite_handle.cc

namespace {

constexpr std::size_t kMaxPrepared = 512;
constexpr int kBusyTimeoutMs = 10'000;

Value column_value(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return static_cast<std::int64_t>(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_NULL:
      return Null{};
    default: {  // text or blob: bytes
      const void* bytes = sqlite3_column_blob(statement, column);
      const auto length = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
      return length == 0 ? std::string() : std::string(static_cast<const char*>(bytes), length);
    }
  }
}

// A statement is reset when its use ends, so that it holds no lock and can be used again.
class Use {
 public:
  explicit Use(sqlite3_stmt* statement) : statement_(statement) {}
  ~Use() {
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  sqlite3_stmt* statement_;
};

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const OpenOptions& options) {
  std::unique_ptr<Connection> connection(new Connection());
  try {
    // SOCI's connect string splits at spaces; the double quotes keep a path with spaces whole.
    connection->session_.open("sqlite3",
                              fmt::format("dbname=\"{}\" timeout={}", options.path, kBusyTimeoutMs / 1000));
    connection->handle_ = static_cast<sqlite3*>(sqlite_handle(connection->session_));
  } catch (const std::exception& error) {
    return internal_error(fmt::format("{}: cannot open the database: {}", options.path, error.what()));
  }
  sqlite3_extended_result_codes(connection->handle_, 1);
  sqlite3_busy_timeout(connection->handle_, kBusyTimeoutMs);
  HANOK_CHECK(
      connection->script("PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY;"));
  HANOK_CHECK(connection->script(options.durable ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=OFF"));
  if (options.read_only) HANOK_CHECK(connection->script("PRAGMA query_only=ON"));
  return connection;
}

Connection::~Connection() {
  for (auto& [sql, prepared] : statements_) sqlite3_finalize(prepared.statement);
}

Error Connection::failure(int code, std::string_view what) const {
  const std::string cause = sqlite3_errmsg(handle_);
  if ((code & 0xff) == SQLITE_CONSTRAINT) {
    spdlog::debug("store: {}: {}", cause, what);
    return conflict("The request conflicts with an existing object.");
  }
  spdlog::error("store: {} ({}): {}", cause, code, what);
  if ((code & 0xff) == SQLITE_BUSY) return unavailable("The database is busy; try again.");
  return internal_error("The database failed.");
}

Status Connection::script(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failure(code, sql);
  return {};
}

Result<Connection::Prepared*> Connection::prepare(std::string_view sql) {
  const std::string key(sql);
  if (auto found = statements_.find(key); found != statements_.end()) {
    ages_.splice(ages_.begin(), ages_, found->second.age);
    return &found->second;
  }
  Prepared prepared;
  const char* rest = nullptr;
  const int code = sqlite3_prepare_v3(handle_, key.c_str(), static_cast<int>(key.size()) + 1,
                                      SQLITE_PREPARE_PERSISTENT, &prepared.statement, &rest);
  if (code != SQLITE_OK) return failure(code, sql);
  if (prepared.statement == nullptr ||
      std::string_view(rest).find_first_not_of(" \t\n;") != std::string::npos) {
    sqlite3_finalize(prepared.statement);
    spdlog::error("store: not one statement: {}", sql);
    return internal_error("The database failed.");
  }
  std::vector<std::string> names;
  for (int i = 0; i < sqlite3_column_count(prepared.statement); ++i) {
    names.emplace_back(sqlite3_column_name(prepared.statement, i));
  }
  prepared.names = std::make_shared<const std::vector<std::string>>(std::move(names));
  if (statements_.size() >= kMaxPrepared) {
    const auto oldest = statements_.find(ages_.back());
    sqlite3_finalize(oldest->second.statement);
    statements_.erase(oldest);
    ages_.pop_back();
  }
  ages_.push_front(key);
  prepared.age = ages_.begin();
  return &statements_.emplace(key, std::move(prepared)).first->second;
}

Status Connection::bind(sqlite3_stmt* statement, const Args& args, std::string_view sql) {
  if (static_cast<std::size_t>(sqlite3_bind_parameter_count(statement)) != args.size()) {
    spdlog::error("store: {} arguments given: {}", args.size(), sql);
    return internal_error("The database failed.");
  }
  int position = 0;
  for (const Arg& arg : args) {
    ++position;
    int code = SQLITE_OK;
    const Value& value = arg.value();
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      code = sqlite3_bind_int64(statement, position, *number);
    } else if (const auto* real = std::get_if<double>(&value)) {
      code = sqlite3_bind_double(statement, position, *real);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      // `args` outlives the statement's use, so the bytes need no copy.
      code = sqlite3_bind_text64(statement, position, text->data(), text->size(), SQLITE_STATIC, SQLITE_UTF8);
    } else {
      code = sqlite3_bind_null(statement, position);
    }
    if (code != SQLITE_OK) return failure(code, sql);
  }
  return {};
}

Result<Rows> Connection::query(std::string_view sql, const Args& args) {
  HANOK_TRY(prepared, prepare(sql));
  const Use use(prepared->statement);
  HANOK_CHECK(bind(prepared->statement, args, sql));
  Rows rows;
  while (true) {
    const int code = sqlite3_step(prepared->statement);
    if (code == SQLITE_DONE) return rows;
    if (code != SQLITE_ROW) return failure(code, sql);
    if (rows.size() >= kMaxRows) {
      spdlog::error("store: more than {} rows: {}", kMaxRows, sql);
      return internal_error("The result is too large.");
    }
    const int columns = sqlite3_column_count(prepared->statement);
    HANOK_ASSERT(static_cast<std::size_t>(columns) == prepared->names->size());
    std::vector<Value> values;
    values.reserve(static_cast<std::size_t>(columns));
    for (int i = 0; i < columns; ++i) values.push_back(column_value(prepared->statement, i));
    rows.emplace_back(prepared->names, std::move(values));
  }
}

Result<std::int64_t> Connection::execute(std::string_view sql, const Args& args) {
  HANOK_TRY(prepared, prepare(sql));
  const Use use(prepared->statement);
  HANOK_CHECK(bind(prepared->statement, args, sql));
  while (true) {
    const int code = sqlite3_step(prepared->statement);
    if (code == SQLITE_DONE) return static_cast<std::int64_t>(sqlite3_changes64(handle_));
    if (code != SQLITE_ROW) return failure(code, sql);
  }
}

}  // namespace hanok::store
