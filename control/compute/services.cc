#include <fmt/format.h>

#include <algorithm>

#include "common/uuid.h"
#include "control/compute/hosts.h"

namespace hanok::compute {
namespace {

constexpr const char* kBinary = "nova-compute";

Json service_json(const http::Request& request, const ComputeHost& one) {
  Json out = {{"id", host_id(request, one)},
              {"binary", kBinary},
              {"host", one.host.name},
              {"zone", "nova"},
              {"status", one.disabled ? "disabled" : "enabled"},
              {"state", one.host.alive && !one.forced_down ? "up" : "down"},
              {"updated_at", iso8601_micro(one.host.last_seen_us)},
              {"disabled_reason", one.reason ? Json(*one.reason) : Json()}};
  if (request.minor_version >= 11) out["forced_down"] = one.forced_down;
  return out;
}

Status save(store::Tx& tx, const ComputeHost& one) {
  HANOK_CHECK(
      tx.execute("UPDATE compute_services SET disabled = ?, reason = ?, forced_down = ? WHERE host = ?",
                 {one.disabled, one.reason, one.forced_down, one.host.name}));
  return {};
}

// PUT /os-services/{uuid} {"status","disabled_reason","forced_down"} since 2.53.
Status apply_body(const Json& body, ComputeHost& one) {
  if (!body.is_object()) return bad_request("The request body must be a JSON object.");
  HANOK_CHECK(only_fields(body, {"status", "disabled_reason", "forced_down"}));
  HANOK_TRY(status, get_string(body, "status"));
  HANOK_TRY(reason, get_string(body, "disabled_reason"));
  HANOK_TRY(down, get_bool(body, "forced_down"));
  if (status && *status != "enabled" && *status != "disabled")
    return bad_request("Invalid input for field/attribute status.");
  if (reason && status != "disabled")
    return bad_request("Specifying disabled_reason requires that status is 'disabled'.");
  if (status) {
    one.disabled = *status == "disabled";
    one.reason = reason;
  }
  if (down) one.forced_down = *down;
  return {};
}

// PUT /os-services/{enable|disable|disable-log-reason|force-down} {"host","binary",...} before 2.53.
Status apply_word(const std::string& word, const Json& body, ComputeHost& one) {
  if (word == "enable") {
    one.disabled = false;
    one.reason.reset();
  } else if (word == "disable") {
    one.disabled = true;
  } else if (word == "disable-log-reason") {
    HANOK_TRY(reason, need_string(body, "disabled_reason"));
    one.disabled = true;
    one.reason = reason;
  } else if (word == "force-down") {
    HANOK_TRY(down, get_bool(body, "forced_down"));
    one.forced_down = down.value_or(true);
  } else {
    return not_found("Unknown action");
  }
  return {};
}

}  // namespace

Result<std::vector<ComputeHost>> compute_hosts(store::Tx& tx, std::int64_t now_us) {
  HANOK_TRY(hosts, bus::list_hosts(tx, now_us));
  std::vector<ComputeHost> out;
  for (auto& host : hosts) {
    if (std::find(host.roles.begin(), host.roles.end(), "compute") == host.roles.end()) continue;
    HANOK_TRY(row, tx.query_one("SELECT * FROM compute_services WHERE host = ?", {host.name}));
    if (!row) {
      HANOK_CHECK(
          tx.execute("INSERT INTO compute_services (host, id, seq, disabled, reason, forced_down) VALUES"
                     " (?, ?, (SELECT COALESCE(MAX(seq), 0) + 1 FROM compute_services), 0, NULL, 0)",
                     {host.name, new_uuid()}));
      HANOK_TRY(made, tx.query_one("SELECT * FROM compute_services WHERE host = ?", {host.name}));
      row = std::move(made);
    }
    out.push_back({.host = std::move(host),
                   .id = row->text("id"),
                   .seq = row->integer("seq"),
                   .disabled = row->boolean("disabled"),
                   .forced_down = row->boolean("forced_down"),
                   .reason = row->maybe_text("reason")});
  }
  return out;
}

Answer list_services(Context& context, http::Request& request) {
  const auto host = request.query_one("host");
  const auto binary = request.query_one("binary");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(hosts, compute_hosts(tx, context.clock.now_us()));
    Json list = Json::array();
    for (const auto& one : hosts) {
      if ((host && *host != one.host.name) || (binary && *binary != kBinary)) continue;
      list.push_back(service_json(request, one));
    }
    return http::ok({{"services", std::move(list)}});
  });
}

Answer update_service(Context& context, http::Request& request) {
  const std::string& id = request.param("id");
  const bool by_id = request.minor_version >= kHostUuidSince;
  std::string name;
  if (!by_id) {
    HANOK_TRY(host, need_string(request.json, "host"));
    name = host;
  }
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(hosts, compute_hosts(tx, context.clock.now_us()));
    for (auto& one : hosts) {
      if (by_id ? one.id != id : one.host.name != name) continue;
      HANOK_CHECK(by_id ? apply_body(request.json, one) : apply_word(id, request.json, one));
      HANOK_CHECK(save(tx, one));
      if (by_id) return http::ok({{"service", service_json(request, one)}});
      Json out = {{"host", name}, {"binary", kBinary}, {"status", one.disabled ? "disabled" : "enabled"}};
      if (id == "disable-log-reason") out["disabled_reason"] = *one.reason;
      if (id == "force-down") out = {{"host", name}, {"binary", kBinary}, {"forced_down", one.forced_down}};
      return http::ok({{"service", std::move(out)}});
    }
    return not_found(fmt::format("Service {} could not be found.", by_id ? id.substr(0, 64) : name));
  });
}

}  // namespace hanok::compute
