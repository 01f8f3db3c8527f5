#pragma once
// What an action's handler gets. Handlers run inside one write transaction.

#include <initializer_list>
#include <string>

#include "control/compute/server.h"

namespace hanok::compute {

struct ActionCall {
  Context& context;
  http::Request& request;
  store::Tx& tx;
  const Json& argument;  // the value beside the action's name
  Server& server;        // the handler saves it
  std::int64_t now_us;
};
using ActionHandler = Answer (*)(ActionCall&);

// kConflict, in Nova's words, unless the server is in one of the states and placed on a host.
[[nodiscard]] Status need_state(const ActionCall& call, const std::string& what,
                                std::initializer_list<const char*> vm_states,
                                std::initializer_list<const char*> tasks = {""});

[[nodiscard]] Answer rebuild_action(ActionCall& call);             // server_rebuild.cc
[[nodiscard]] Answer resize_action(ActionCall& call);              // server_resize.cc
[[nodiscard]] Answer confirm_resize_action(ActionCall& call);      // server_resize.cc
[[nodiscard]] Answer revert_resize_action(ActionCall& call);       // server_resize.cc
[[nodiscard]] Answer create_image_action(ActionCall& call);        // server_image.cc
[[nodiscard]] Answer add_security_group_action(ActionCall& call);  // server_addresses.cc
[[nodiscard]] Answer remove_security_group_action(ActionCall& call);

// Asks the host's agent, outside of any transaction (console.cc).
[[nodiscard]] Answer console_output(Context& context, http::Request& request);

}  // namespace hanok::compute
