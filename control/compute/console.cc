// os-getConsoleOutput: asked of the host's agent while the client waits.

#include <fmt/format.h>

#include "control/compute/server_action.h"

namespace hanok::compute {
namespace {

constexpr std::int64_t kTimeout_ms = 10000;
constexpr std::int64_t kMaxLines = 100000;

// Lines from the end; null asks for all, as does -1.
Result<std::int64_t> lines_of(const Json& argument) {
  if (argument.is_null()) return kMaxLines;
  if (!argument.is_object()) return bad_request("Invalid input for field/attribute os-getConsoleOutput.");
  HANOK_CHECK(only_fields(argument, {"length"}));
  HANOK_TRY(length, get_int(argument, "length"));
  if (!length || *length == -1) return kMaxLines;
  if (*length < -1) return bad_request("Invalid input for field/attribute length: it is at least -1.");
  return std::min(*length, kMaxLines);
}

}  // namespace

Answer console_output(Context& context, http::Request& request) {
  HANOK_TRY(lines, lines_of(request.json.begin().value()));
  auto server = context.database.read(
      [&](store::Tx& tx) -> Result<Server> { return find_server(tx, request.param("id"), request.caller); });
  if (!server.ok()) return server.take_error();
  if (server->host.empty() || server->vm_state == "building") {
    return conflict(fmt::format("Instance {} is not ready", server->id));
  }
  auto answer = context.asker.ask(server->host, "console_log", {{"instance", server->id}, {"lines", lines}},
                                  kTimeout_ms);
  if (!answer.ok()) {
    auto error = answer.take_error();
    if (error.code == ErrorCode::kNotFound) error.message = "Guest does not have a console available.";
    return error;
  }
  const Json& result = *answer;
  if (result.is_string()) return http::ok({{"output", result}});
  return http::ok({{"output", result.is_object() ? result.value("output", "") : ""}});
}

}  // namespace hanok::compute
