// Any bytes as a state document: JSON, schema, conversion, and application to tables that hold the packet
// targets' world. The first byte: a whole document (even) or changes (odd).
#include <string_view>

#include "dataplane/rpc/convert.h"
#include "tests/fuzz/engine_world.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hanok::dataplane;
  static const rpc::StateSchema schema;
  static const auto base = Tables::empty()->apply(fuzz::world_state()).tables;
  if (size < 1) return 0;
  const auto json = hanok::parse_json(std::string_view(reinterpret_cast<const char*>(data + 1), size - 1));
  if (!json.ok()) return 0;
  const auto document = rpc::to_state_document(schema, *json, data[0] % 2 == 0);
  if (const auto* problem = std::get_if<rpc::Problem>(&document)) {
    if (problem->message.empty()) std::abort();
    return 0;
  }
  const ApplyResult result = base->apply(std::get<StateDocument>(document));
  if (!result.tables && result.error.message.empty()) std::abort();
  if (result.tables) static_cast<void>(result.tables->devices());
  return 0;
}
