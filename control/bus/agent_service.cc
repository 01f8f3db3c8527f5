#include "control/bus/agent_service.h"

#include <algorithm>
#include <charconv>
#include <memory>

#include "common/log.h"
#include "common/secret.h"
#include "control/bus/changes.h"
#include "control/bus/hosts.h"

namespace hanok::bus {
namespace {

constexpr std::int64_t kHeartbeatSeconds = 10;
constexpr std::int64_t kMaxWaitMs = 30'000;

struct Context {
  store::Database& database;
  const Clock& clock;
  Sessions& sessions;
  std::vector<Kind> kinds;
  std::string authorization;  // the whole header that agents send
};
using Shared = std::shared_ptr<const Context>;

Status check_agent(const Context& context, const http::Request& request) {
  if (equal_constant_time(request.header("Authorization"), context.authorization)) return {};
  spdlog::warn("[{}] bus: a request with a wrong agent secret", request.request_id);
  return unauthorized("The agent secret is wrong.");
}

Result<std::int64_t> query_number(const http::Request& request, const std::string& name) {
  const std::string text = request.query_one(name).value_or("0");
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size())
    return bad_request(name + " must be a number");
  return out;
}

Result<Host> parse_host(const Json& body, std::int64_t now_us) {
  Host out;
  HANOK_TRY(name, need_string(body, "host", 64));
  if (name.empty()) return bad_request("host must not be empty");
  out.name = std::move(name);
  HANOK_TRY(roles, get_array(body, "roles", 8));
  for (const Json& role : roles == nullptr ? Json::array() : *roles) {
    const bool known = role == "network" || role == "compute" || role == "volume";
    if (!known) return bad_request("roles: only network, compute and volume are known");
    out.roles.push_back(role.get<std::string>());
  }
  HANOK_TRY(vtep, get_string(body, "vtep", 64));
  out.vtep = vtep.value_or("");
  HANOK_TRY(capacity, get_object(body, "capacity"));
  if (capacity != nullptr) {
    HANOK_TRY(vcpus, get_int(*capacity, "vcpus"));
    HANOK_TRY(ram_mib, get_int(*capacity, "ram_mib"));
    HANOK_TRY(disk_gib, get_int(*capacity, "disk_gib"));
    out.vcpus = vcpus.value_or(0);
    out.ram_mib = ram_mib.value_or(0);
    out.disk_gib = disk_gib.value_or(0);
  }
  HANOK_TRY(details, get_object(body, "details"));
  out.details = details == nullptr ? Json::object() : *details;
  out.last_seen_us = now_us;
  return out;
}

Result<http::Response> session(const Context& context, const http::Request& request) {
  HANOK_TRY(host, parse_host(request.json, context.clock.now_us()));
  HANOK_TRY(generation, context.database.write([&](store::Tx& tx) -> Result<std::int64_t> {
    HANOK_CHECK(announce_host(tx, host));
    return newest_generation(tx);
  }));
  return http::ok({{"generation", generation}, {"heartbeat_s", kHeartbeatSeconds}});
}

Result<http::Response> changes(const Context& context, const http::Request& request) {
  const std::string host = request.query_one("host").value_or("");
  HANOK_TRY(since, query_number(request, "since"));
  HANOK_TRY(wait_ms, query_number(request, "wait_ms"));
  const Json asks =
      context.sessions.wait(host, since, since <= 0 ? 0 : std::clamp<std::int64_t>(wait_ms, 0, kMaxWaitMs));
  HANOK_TRY(found, context.database.read(
                       [&](store::Tx& tx) { return changes_since(tx, context.kinds, host, since); }));
  return http::ok({{"generation", found.generation},
                   {"whole", found.whole},
                   {"objects", std::move(found.objects)},
                   {"asks", asks}});
}

Status observe_one(const Context& context, const std::string& host, const Json& observation) {
  HANOK_TRY(name, need_string(observation, "kind", 64));
  HANOK_TRY(id, need_string(observation, "id", 64));
  HANOK_TRY(observed, need_object(observation, "observed"));
  const auto kind = std::find_if(context.kinds.begin(), context.kinds.end(),
                                 [&](const Kind& each) { return each.name == name; });
  if (kind == context.kinds.end() || !kind->observe) return bad_request("kind " + name + " has no reports");
  HANOK_TRY(done, context.database.write([&](store::Tx& tx) -> Result<bool> {
    HANOK_CHECK(kind->observe(tx, host, id, *observed));
    return true;
  }));
  HANOK_ASSERT(done);
  return {};
}

Result<http::Response> observed(const Context& context, const http::Request& request) {
  HANOK_TRY(host, need_string(request.json, "host", 64));
  HANOK_TRY(observations, get_array(request.json, "observations"));
  Json results = Json::array();
  for (const Json& observation : observations == nullptr ? Json::array() : *observations) {
    const Status status = observe_one(context, host, observation);
    if (!status.ok()) {
      spdlog::warn("[{}] bus: a report of {} is refused: {}: {}", request.request_id, host,
                   status.error().message, dump_json(observation).substr(0, 500));
      results.push_back({{"ok", false}, {"error", status.error().message}});
    } else {
      results.push_back({{"ok", true}});
    }
  }
  return http::ok({{"results", std::move(results)}});
}

Result<http::Response> answer(const Context& context, const http::Request& request) {
  HANOK_TRY(id, need_string(request.json, "id", 64));
  HANOK_CHECK(context.sessions.answer(id, request.json));
  return http::no_content();
}

using Action = Result<http::Response> (*)(const Context&, const http::Request&);

http::Route row(http::Method method, const char* pattern, const Shared& context, Action action) {
  // Public to the dispatcher: agents have a secret of their own instead of a token.
  return {method, pattern, http::Access::kPublic,
          [context, action](http::Request& request) -> Result<http::Response> {
            HANOK_CHECK(check_agent(*context, request));
            return action(*context, request);
          }};
}

}  // namespace

http::Service agent_service(store::Database& database, const Clock& clock, Sessions& sessions,
                            std::vector<Kind> kinds, std::string agent_token) {
  kinds.push_back(host_kind());
  const auto context = std::make_shared<const Context>(
      Context{database, clock, sessions, std::move(kinds), "Bearer " + std::move(agent_token)});
  http::Service out;
  out.name = "agent";
  out.envelope = http::Envelope::kIdentity;
  out.routes = {
      row(http::Method::kPost, "/agent/v1/session", context, session),
      row(http::Method::kGet, "/agent/v1/changes", context, changes),
      row(http::Method::kPost, "/agent/v1/observed", context, observed),
      row(http::Method::kPost, "/agent/v1/answer", context, answer),
  };
  return out;
}

}  // namespace hanok::bus
