// POST /servers/{id}/action: which actions there are, in which states they may be done.

#include "control/compute/server_action.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/compute/actions.h"
#include "control/compute/servers.h"
#include "control/compute/tasks.h"

namespace hanok::compute {
namespace {

using States = std::initializer_list<const char*>;

struct Action {
  const char* name;
  ActionHandler handler;
  bool admin_only = false;
  int last_minor = kMaxMinor;
};

// Changes that an agent carries out: new wish, task, deadline.
Status wish(ActionCall& call, const char* power, const char* task, std::int64_t seconds) {
  call.server.power_wanted = power;
  begin_task(call.server, task, seconds, call.now_us);
  return change_server(call.tx, call.server, call.now_us);
}

Answer power_action(ActionCall& call, States allowed, const char* power, const char* task,
                    const char* record) {
  HANOK_CHECK(need_state(call, record, allowed));
  HANOK_CHECK(begin_action(call.tx, call.server, call.request, record, call.now_us));
  HANOK_CHECK(wish(call, power, task, kPowerSeconds));
  return http::accepted();
}

Answer start(ActionCall& call) {
  return power_action(call, {"stopped"}, "running", "powering-on", "start");
}
Answer stop(ActionCall& call) {
  return power_action(call, {"active", "error"}, "stopped", "powering-off", "stop");
}
Answer pause(ActionCall& call) {
  return power_action(call, {"active"}, "paused", "pausing", "pause");
}
Answer unpause(ActionCall& call) {
  return power_action(call, {"paused"}, "running", "unpausing", "unpause");
}
Answer suspend(ActionCall& call) {
  return power_action(call, {"active"}, "suspended", "suspending", "suspend");
}
Answer resume(ActionCall& call) {
  return power_action(call, {"suspended"}, "running", "resuming", "resume");
}

Answer reboot(ActionCall& call) {
  if (!call.argument.is_object()) return bad_request("Invalid input for field/attribute reboot.");
  HANOK_TRY(type, need_string(call.argument, "type"));
  std::string upper = type;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  if (upper != "SOFT" && upper != "HARD") {
    return bad_request("Invalid input for field/attribute type: it must be SOFT or HARD.");
  }
  if (upper == "SOFT") {
    HANOK_CHECK(need_state(call, "reboot", {"active"}));
  } else {
    HANOK_CHECK(need_state(call, "reboot", {"active", "stopped", "paused", "suspended", "error"},
                           {"", "rebooting", "rebooting_hard", "powering-on", "powering-off", "pausing",
                            "unpausing", "resuming", "suspending"}));
  }
  HANOK_CHECK(begin_action(call.tx, call.server, call.request, "reboot", call.now_us));
  ++call.server.reboot_serial;
  call.server.reboot_type = upper;
  HANOK_CHECK(wish(call, "running", upper == "SOFT" ? "rebooting" : "rebooting_hard", kRebootSeconds));
  return http::accepted();
}

Answer lock(ActionCall& call) {
  if (call.argument.is_object() && call.request.minor_version >= 73) {
    HANOK_TRY(reason, get_string(call.argument, "locked_reason"));
    call.server.locked_reason = reason;
  }
  call.server.locked = true;
  HANOK_CHECK(save_server(call.tx, call.server, call.now_us));
  return http::accepted();
}

Answer unlock(ActionCall& call) {
  call.server.locked = false;
  call.server.locked_reason.reset();
  HANOK_CHECK(save_server(call.tx, call.server, call.now_us));
  return http::accepted();
}

Answer force_delete(ActionCall& call) {
  HANOK_CHECK(begin_action(call.tx, call.server, call.request, "delete", call.now_us));
  HANOK_CHECK(start_delete(call.tx, call.server, call.now_us));
  return http::accepted();
}

Answer restore(ActionCall& call) {
  return conflict(fmt::format("Cannot 'restore' instance {} while it is in vm_state {}", call.server.id,
                              call.server.vm_state));
}

// An operator's word: the state as told, until something is asked of the server again.
Answer reset_state(ActionCall& call) {
  if (!call.argument.is_object()) return bad_request("Invalid input for field/attribute os-resetState.");
  HANOK_TRY(state, need_string(call.argument, "state"));
  if (state != "active" && state != "error") return bad_request("Invalid input for field/attribute state.");
  end_task(call.server);
  call.server.heals = false;
  if (state == "error") {
    call.server.vm_state = "error";
  } else {
    call.server.vm_state = "active";
    call.server.power_wanted = "running";
  }
  HANOK_CHECK(change_server(call.tx, call.server, call.now_us));
  return http::accepted();
}

Answer change_password(ActionCall& call) {
  if (!call.argument.is_object()) return bad_request("Invalid input for field/attribute changePassword.");
  HANOK_TRY(pass, need_string(call.argument, "adminPass"));
  HANOK_CHECK(need_state(call, "changePassword", {"active"}));
  return conflict("Failed to set admin password: the guest has no agent that could set it.");
}

Answer not_here(ActionCall&) {
  return Error{ErrorCode::kNotImplemented, "This action is not implemented.", {}};
}

const std::vector<Action>& actions() {
  static const std::vector<Action> kActions = {
      {"os-start", start},
      {"os-stop", stop},
      {"pause", pause},
      {"unpause", unpause},
      {"suspend", suspend},
      {"resume", resume},
      {"reboot", reboot},
      {"lock", lock},
      {"unlock", unlock},
      {"rebuild", rebuild_action},
      {"resize", resize_action},
      {"confirmResize", confirm_resize_action},
      {"revertResize", revert_resize_action},
      {"createImage", create_image_action},
      {"addSecurityGroup", add_security_group_action},
      {"removeSecurityGroup", remove_security_group_action},
      {"forceDelete", force_delete},
      {"restore", restore},
      {"os-resetState", reset_state, true},
      {"changePassword", change_password},
      {"createBackup", not_here},
      {"shelve", not_here},
      {"unshelve", not_here},
      {"shelveOffload", not_here},
      {"rescue", not_here},
      {"unrescue", not_here},
      {"migrate", not_here, true},
      {"os-migrateLive", not_here, true},
      {"evacuate", not_here, true},
      {"addFloatingIp", not_here},
      {"removeFloatingIp", not_here},
      {"os-getVNCConsole", not_here},
      {"os-getSPICEConsole", not_here},
      {"os-getSerialConsole", not_here},
      {"trigger_crash_dump", not_here},
  };
  return kActions;
}

// These are allowed on a locked server.
bool passes_lock(const std::string& name) {
  return name == "unlock" || name == "lock" || name == "addSecurityGroup" || name == "removeSecurityGroup";
}

}  // namespace

Status need_state(const ActionCall& call, const std::string& what, States vm_states, States tasks) {
  const Server& server = call.server;
  const auto has = [](States list, const std::string& word) {
    return std::any_of(list.begin(), list.end(), [&](const char* one) { return word == one; });
  };
  if (!has(vm_states, server.vm_state)) {
    return conflict(
        fmt::format("Cannot '{}' instance {} while it is in vm_state {}", what, server.id, server.vm_state));
  }
  if (!has(tasks, server.task_state)) {
    return conflict(fmt::format("Cannot '{}' instance {} while it is in task_state {}", what, server.id,
                                server.task_state));
  }
  if (server.host.empty()) {
    return conflict(fmt::format("Cannot '{}' instance {}: it is on no host", what, server.id));
  }
  return {};
}

Answer server_action(Context& context, http::Request& request) {
  if (!request.json.is_object() || request.json.size() != 1) {
    return bad_request("The request body must have exactly one action.");
  }
  const std::string name = request.json.begin().key();
  if (name == "os-getConsoleOutput") return console_output(context, request);
  const auto& known = actions();
  const auto action =
      std::find_if(known.begin(), known.end(), [&](const auto& one) { return name == one.name; });
  if (action == known.end() || request.minor_version > action->last_minor) {
    return bad_request(fmt::format("There is no such action: {}", name.substr(0, 64)));
  }
  if (action->admin_only && !request.caller.is_admin) {
    return forbidden(fmt::format("Policy doesn't allow os_compute_api:{} to be performed.", name));
  }
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(server, passes_lock(name) ? find_server(tx, request.param("id"), request.caller)
                                        : find_unlocked(tx, request));
    server.request_id = request.request_id;
    ActionCall call{context, request, tx, request.json.begin().value(), server, context.clock.now_us()};
    return action->handler(call);
  });
}

}  // namespace hanok::compute
