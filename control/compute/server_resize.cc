// resize on the same host: the guest restarts with the new flavor and keeps the old one until it is
// confirmed.
//
//   active/stopped --resize--> resize_finish --(report)--> resized --confirm--> active/stopped
//                                                             `------revert---> resize_reverting -->
//                                                             active/stopped

#include <fmt/format.h>

#include "control/compute/actions.h"
#include "control/compute/quota.h"
#include "control/compute/scheduler.h"
#include "control/compute/server_action.h"
#include "control/compute/tasks.h"

namespace hanok::compute {
namespace {

Status check_room(ActionCall& call, const Flavor& flavor) {
  HANOK_TRY(hosts, bus::list_hosts(call.tx, call.now_us));
  for (const auto& host : hosts) {
    if (host.name != call.server.host) continue;
    HANOK_TRY(why, lack_on_host(call.tx, host, flavor, !call.server.image_id.empty(), &call.server.flavor));
    if (why.empty()) return {};
    return bad_request(fmt::format("No valid host was found. {}: {}", host.name, why));
  }
  return conflict(
      fmt::format("Cannot 'resize' instance {}: its host {} is not known", call.server.id, call.server.host));
}

Status check_quota_for(ActionCall& call, const Flavor& flavor) {
  return check_quota(call.tx, call.server.project_id,
                     {.instances = 0,
                      .cores = std::max<std::int64_t>(0, flavor.vcpus - call.server.flavor.vcpus),
                      .ram_mib = std::max<std::int64_t>(0, flavor.ram_mib - call.server.flavor.ram_mib)});
}

// The guest takes its new size with a hard reboot; one that is off takes it at its next start.
Status restart(ActionCall& call, const char* task) {
  ++call.server.reboot_serial;
  call.server.reboot_type = "HARD";
  begin_task(call.server, task, kResizeSeconds, call.now_us);
  return change_server(call.tx, call.server, call.now_us);
}

}  // namespace

Answer resize_action(ActionCall& call) {
  if (!call.argument.is_object()) return bad_request("Invalid input for field/attribute resize.");
  HANOK_CHECK(only_fields(call.argument, {"flavorRef", "OS-DCF:diskConfig"}));
  HANOK_TRY(ref, need_string(call.argument, "flavorRef"));
  if (ref.empty()) return bad_request("Invalid input for field/attribute flavorRef: it is empty.");
  Server& server = call.server;
  auto found = find_flavor(call.tx, ref.substr(ref.rfind('/') + 1), call.request.caller);
  if (!found.ok()) return bad_request(found.error().message);
  HANOK_CHECK(need_state(call, "resize", {"active", "stopped"}));
  if (found->id == server.flavor.id) {
    return bad_request("When resizing, instances must change flavor!");
  }
  if (!server.image_id.empty() && found->disk_gib < server.flavor.disk_gib) {
    return bad_request("Flavor's disk is smaller than the server's: a root disk can only grow.");
  }
  HANOK_CHECK(check_quota_for(call, *found));
  HANOK_CHECK(check_room(call, *found));
  HANOK_CHECK(begin_action(call.tx, server, call.request, "resize", call.now_us));
  server.old_flavor = server.flavor;
  server.flavor = std::move(*found);
  HANOK_CHECK(restart(call, "resize_finish"));
  return http::accepted();
}

Answer confirm_resize_action(ActionCall& call) {
  Server& server = call.server;
  if (!server.old_flavor) {
    return conflict(fmt::format("Cannot 'confirmResize' instance {} while it is in vm_state {}", server.id,
                                server.vm_state));
  }
  HANOK_CHECK(need_state(call, "confirmResize", {"resized"}));
  HANOK_CHECK(begin_action(call.tx, server, call.request, "confirmResize", call.now_us));
  server.old_flavor.reset();
  server.vm_state = vm_state_of(server.power_wanted);
  HANOK_CHECK(save_server(call.tx, server, call.now_us));
  HANOK_CHECK(finish_action(call.tx, server.id, "", call.now_us));
  return http::no_content();
}

Answer revert_resize_action(ActionCall& call) {
  Server& server = call.server;
  HANOK_CHECK(need_state(call, "revertResize", {"resized"}));
  HANOK_CHECK(begin_action(call.tx, server, call.request, "revertResize", call.now_us));
  std::swap(server.flavor, *server.old_flavor);
  HANOK_CHECK(restart(call, "resize_reverting"));
  return http::accepted();
}

}  // namespace hanok::compute
