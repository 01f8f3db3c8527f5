// The hosts of the agent sessions, as Neutron's agents and availability zones.

#include <fmt/format.h>

#include "control/bus/bus.h"
#include "control/network/errors.h"
#include "control/network/handlers.h"
#include "control/network/listing.h"

namespace hanok::network {
namespace {

constexpr const char* kZone = "nova";

// FNV-1a (64 bits): a host has no id of its own; clients want a UUID that stays.
std::uint64_t fnv1a(const std::string& text, std::uint64_t state) {
  for (const char c : text) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return state;
}

std::string agent_id(const std::string& host) {
  const std::uint64_t high = fnv1a(host, 0xcbf29ce484222325ULL),
                      low = fnv1a(host, high ^ 0x9e3779b97f4a7c15ULL);
  return fmt::format("{:08x}-{:04x}-5{:03x}-8{:03x}-{:012x}", high >> 32U, (high >> 16U) & 0xffffU,
                     high & 0xfffU, low >> 52U, low & 0xffffffffffffULL);
}

Json agent_json(const bus::Host& host) {
  return {{"id", agent_id(host.name)},
          {"agent_type", "Hanok agent"},
          {"binary", "hanok-agent"},
          {"host", host.name},
          {"topic", "N/A"},
          {"alive", host.alive},
          {"admin_state_up", true},
          {"availability_zone", kZone},
          {"description", nullptr},
          {"heartbeat_timestamp", iso8601_z(host.last_seen_us)},
          {"configurations", {{"tunneling_ip", host.vtep}, {"roles", host.roles}}}};
}

bool has_role(const bus::Host& host) {
  for (const std::string& role : host.roles) {
    if (role == "network") return true;
  }
  return false;
}

bool matches(const http::Request& request, const Json& agent) {
  for (const char* key : {"host", "agent_type", "binary", "id", "availability_zone"}) {
    if (const auto wanted = request.query_one(key); wanted && agent[key] != *wanted) return false;
  }
  if (const auto alive = request.query_one("alive")) {
    const bool wanted = *alive == "True" || *alive == "true" || *alive == "1";
    if (agent["alive"] != wanted) return false;
  }
  return true;
}

Result<Json> all_agents(const Context& context) {
  return context.database.read([&](store::Tx& tx) -> Result<Json> {
    HANOK_TRY(hosts, bus::list_hosts(tx, context.clock.now_us()));
    Json out = Json::array();
    for (const bus::Host& host : hosts) {
      if (has_role(host)) out.push_back(agent_json(host));
    }
    return out;
  });
}

}  // namespace

Reply list_agents(const Context& context, http::Request& request) {
  HANOK_TRY(agents, all_agents(context));
  Json picked = Json::array();
  for (Json& agent : agents) {
    if (matches(request, agent)) picked.push_back(pick_fields(request, std::move(agent)));
  }
  return http::ok({{"agents", std::move(picked)}});
}

Reply show_agent(const Context& context, http::Request& request) {
  HANOK_TRY(agents, all_agents(context));
  for (Json& agent : agents) {
    if (agent["id"] == request.param("id")) return show(request, "agent", std::move(agent));
  }
  return not_found("Agent " + request.param("id") + " could not be found.", "AgentNotFound");
}

Reply list_availability_zones(const Context&, http::Request&) {
  Json zones = Json::array();
  for (const char* resource : {"network", "router"}) {
    zones.push_back({{"name", kZone}, {"resource", resource}, {"state", "available"}});
  }
  return http::ok({{"availability_zones", std::move(zones)}});
}

}  // namespace hanok::network
