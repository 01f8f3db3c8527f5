#include "control/store/migrate.h"

#include <fmt/format.h>

#include "common/log.h"

namespace hanok::store {
namespace {

// The generation is one row; `changes` has one row per object, the newest generation wins.
const Module& store_module() {
  static const Module module{"store",
                             {{1,
                               "CREATE TABLE generation (one INTEGER PRIMARY KEY CHECK (one = 1),"
                               "  value INTEGER NOT NULL);"
                               "INSERT INTO generation VALUES (1, 0);"
                               "CREATE TABLE changes (kind TEXT NOT NULL, id TEXT NOT NULL,"
                               "  generation INTEGER NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;"
                               "CREATE INDEX changes_by_generation ON changes (generation);"}}};
  return module;
}

Status apply(Connection& connection, const Module& module, const Migration& migration) {
  HANOK_CHECK(connection.script("BEGIN IMMEDIATE"));
  Status status = connection.script(migration.sql);
  if (status.ok()) {
    auto noted = connection.execute("INSERT INTO schema_migrations (module, version) VALUES (?, ?)",
                                    {module.name, migration.version});
    if (!noted.ok()) status = noted.take_error();
  }
  if (status.ok()) status = connection.script("COMMIT");
  if (status.ok()) return {};
  if (connection.in_transaction()) (void)connection.script("ROLLBACK");
  return internal_error(fmt::format("migration {} of module {} failed: {}", migration.version, module.name,
                                    status.error().message));
}

Status migrate_module(Connection& connection, const Module& module) {
  HANOK_TRY(rows, connection.query("SELECT max(version) AS version FROM schema_migrations WHERE module = ?",
                                   {module.name}));
  const std::int64_t have = rows.front().integer("version");
  const std::int64_t newest = module.migrations.empty() ? 0 : module.migrations.back().version;
  if (have > newest) {
    return conflict(fmt::format(
        "the database has version {} of module {}, this program knows {}: start the newer program", have,
        module.name, newest));
  }
  std::int64_t previous = 0;
  for (const Migration& migration : module.migrations) {
    HANOK_ASSERT(migration.version == previous + 1);
    previous = migration.version;
    if (migration.version <= have) continue;
    HANOK_CHECK(apply(connection, module, migration));
    spdlog::info("store: module {} is at version {}", module.name, migration.version);
  }
  return {};
}

}  // namespace

Status migrate(Connection& connection, const std::vector<Module>& modules) {
  HANOK_CHECK(connection.script(
      "CREATE TABLE IF NOT EXISTS schema_migrations (module TEXT NOT NULL, version INTEGER NOT NULL,"
      " PRIMARY KEY (module, version)) WITHOUT ROWID"));
  HANOK_CHECK(migrate_module(connection, store_module()));
  for (const Module& module : modules) HANOK_CHECK(migrate_module(connection, module));
  return {};
}

}  // namespace hanok::store
