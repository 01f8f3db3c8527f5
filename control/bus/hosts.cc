#include "control/bus/hosts.h"

#include "common/log.h"

namespace hanok::bus {
namespace {

constexpr std::int64_t kAliveUs = 30'000'000;

Host from_row(const store::Row& row, std::int64_t now_us) {
  Host out;
  out.name = row.text("name");
  for (const Json& role : row.json("roles")) out.roles.push_back(role.get<std::string>());
  out.vtep = row.text("vtep");
  out.vcpus = row.integer("vcpus");
  out.ram_mib = row.integer("ram_mib");
  out.disk_gib = row.integer("disk_gib");
  out.last_seen_us = row.integer("last_seen_us");
  out.alive = now_us - out.last_seen_us < kAliveUs;
  out.details = row.json("details");
  return out;
}

// A tunnel end belongs to one host: the one that announces it takes it from hosts that are silent
// (reinstalled under another name, moved), or the others would go on sending to neither.
Status take_vtep(store::Tx& tx, const Host& host, bool news) {
  if (host.vtep.empty()) return {};
  HANOK_TRY(rows, tx.query("SELECT name, last_seen_us FROM hosts WHERE vtep = ? AND name <> ? ORDER BY name",
                           {host.vtep, host.name}));
  for (const store::Row& row : rows) {
    const std::string other = row.text("name");
    if (host.last_seen_us - row.integer("last_seen_us") < kAliveUs) {
      if (news)
        spdlog::warn("bus: hosts {} and {} both announce the tunnel end {}", host.name, other, host.vtep);
      continue;
    }
    spdlog::warn("bus: host {} takes the tunnel end {} from {}, which is silent", host.name, host.vtep,
                 other);
    HANOK_TRY(changed, tx.execute("UPDATE hosts SET vtep = '' WHERE name = ?", {other}));
    HANOK_ASSERT(changed == 1);
    HANOK_CHECK(tx.touch("host", other));
  }
  return {};
}

}  // namespace

store::Module bus_module() {
  return {"bus",
          {{1,
            "CREATE TABLE hosts (name TEXT PRIMARY KEY, roles TEXT NOT NULL, vtep TEXT NOT NULL DEFAULT '',"
            " vcpus INTEGER NOT NULL, ram_mib INTEGER NOT NULL, disk_gib INTEGER NOT NULL,"
            " last_seen_us INTEGER NOT NULL, details TEXT NOT NULL);"}}};
}

Result<std::vector<Host>> list_hosts(store::Tx& tx, std::int64_t now_us) {
  HANOK_TRY(rows, tx.query("SELECT * FROM hosts ORDER BY name"));
  std::vector<Host> out;
  for (const store::Row& row : rows) out.push_back(from_row(row, now_us));
  return out;
}

Status announce_host(store::Tx& tx, const Host& host) {
  HANOK_TRY(known, tx.query_one("SELECT roles, vtep FROM hosts WHERE name = ?", {host.name}));
  const Json roles = host.roles;
  const bool changed = !known || known->json("roles") != roles || known->text("vtep") != host.vtep;
  HANOK_TRY(
      rows,
      tx.execute(
          "INSERT INTO hosts (name, roles, vtep, vcpus, ram_mib, disk_gib, last_seen_us, details)"
          " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET roles = excluded.roles,"
          " vtep = excluded.vtep, vcpus = excluded.vcpus, ram_mib = excluded.ram_mib,"
          " disk_gib = excluded.disk_gib, last_seen_us = excluded.last_seen_us, details = excluded.details",
          {host.name, roles, host.vtep, host.vcpus, host.ram_mib, host.disk_gib, host.last_seen_us,
           host.details}));
  HANOK_ASSERT(rows == 1);
  HANOK_CHECK(take_vtep(tx, host, changed));
  // A heartbeat is no news to the other hosts; a new tunnel end is.
  if (!changed) return {};
  spdlog::info("bus: host {} with {}, tunnel end {}", host.name, dump_json(roles), host.vtep);
  return tx.touch("host", host.name);
}

Kind host_kind() {
  Kind out;
  out.name = "host";
  out.render = [](store::Tx& tx, const std::string& id, const std::string&) -> Result<Json> {
    HANOK_TRY(row, tx.query_one("SELECT vtep FROM hosts WHERE name = ?", {id}));
    if (!row || row->text("vtep").empty()) return Json();
    return Json{{"vtep", row->text("vtep")}};
  };
  return out;
}

}  // namespace hanok::bus
