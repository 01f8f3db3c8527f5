#include "control/compute/hosts.h"

namespace hanok::compute {
namespace {

Json zone_json(const char* name, bool available, Json hosts) {
  return {{"zoneName", name}, {"zoneState", {{"available", available}}}, {"hosts", std::move(hosts)}};
}

}  // namespace

Answer list_zones(Context&, http::Request&) {
  return http::ok({{"availabilityZoneInfo", Json::array({zone_json("nova", true, nullptr)})}});
}

Answer list_zones_detail(Context& context, http::Request&) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(hosts, compute_hosts(tx, context.clock.now_us()));
    Json list = Json::object();
    for (const auto& one : hosts) {
      list[one.host.name] = {{"nova-compute",
                              {{"available", one.host.alive && !one.forced_down},
                               {"active", !one.disabled},
                               {"updated_at", iso8601_micro(one.host.last_seen_us)}}}};
    }
    return http::ok({{"availabilityZoneInfo", Json::array({zone_json("nova", true, std::move(list))})}});
  });
}

}  // namespace hanok::compute
