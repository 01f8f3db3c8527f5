// Any bytes as what a client writes to the control socket: lines of JSON-RPC 2.0, alone and in batches. Each
// answer must be one line of JSON.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dataplane/rpc/server.h"

namespace {

using namespace hanok::dataplane::rpc;
using hanok::Json;

void check(const std::string& answer) {
  if (answer.empty()) return;
  if (answer.find('\n') != answer.size() - 1 || !Json::accept(answer)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static ServerCounters counters;
  static const Dispatcher dispatcher(
      {{"echo", [](const Json& params) -> RpcOutcome { return params; }},
       {"field", [](const Json& params) -> RpcOutcome { return Json(params.at("a").at("b").get<int>()); }},
       {"refuse",
        [](const Json& params) -> RpcOutcome {
          return RpcError{kRefused, "no", params};
        }}},
      counters);
  std::string_view text(reinterpret_cast<const char*>(data), size);
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    check(dispatcher.answer(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return 0;
}
