#pragma once
// The record of what was done to servers (os-instance-actions): one row per action, with its one event.

#include "control/compute/server.h"

namespace hanok::compute {

// Opens an action; an earlier one of this server that is still open ends as superseded.
[[nodiscard]] Status begin_action(store::Tx& tx, const Server& server, const http::Request& request,
                                  const std::string& action, std::int64_t now_us);
// Ends the server's open action, if there is one; `message` empty: success.
[[nodiscard]] Status finish_action(store::Tx& tx, const std::string& server_id, const std::string& message,
                                   std::int64_t now_us);

[[nodiscard]] Answer list_actions(Context& context, http::Request& request);
[[nodiscard]] Answer show_action(Context& context, http::Request& request);

}  // namespace hanok::compute
