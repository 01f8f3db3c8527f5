#include "dataplane/flow/flow_templates.h"

#include <algorithm>

#include "dataplane/packet/headers.h"

namespace hanok::dataplane {
namespace {

FlowKey without_source_port(const FlowKey& key) {
  FlowKey open = key;
  open.source_port = 0;
  return open;
}

}  // namespace

bool FlowTemplates::may_match(unsigned protocol, unsigned tcp_flags, std::uint16_t source_port) {
  if (source_port < kLowestSourcePort) return false;
  if (protocol == protocol::kUdp) return true;
  constexpr unsigned kSignals = tcp_flag::kSyn | tcp_flag::kAck | tcp_flag::kFin | tcp_flag::kRst;
  return protocol == protocol::kTcp && (tcp_flags & kSignals) == tcp_flag::kSyn;
}

FlowTemplate* FlowTemplates::find(const FlowKey& key, std::uint64_t seed) {
  const FlowKey open = without_source_port(key);
  FlowTemplate& found = entry(open, seed);
  return found.epoch != 0 && same_key(found.key, open) ? &found : nullptr;
}

void FlowTemplates::keep(const FlowKey& key, std::uint64_t seed, const Context& context,
                         const AskingView& view, const FlowRecord& record, DeviceIndex owner,
                         std::shared_ptr<const Depends> depends) {
  // With equal ports nobody can tell whose end is the source's.
  if (view.more_than_misses() || context.by_source_port || context.new_binding || context.learned ||
      context.source_port != key.source_port || key.source_port == key.destination_port) {
    return;
  }
  FlowTemplate made;
  made.key = without_source_port(key);
  made.epoch = record.epoch;
  made.version = record.version;
  made.program = record.program;
  made.depends = std::move(depends);
  made.owner = owner;
  std::size_t kept = 0;
  for (unsigned i = 0; i < view.count(); ++i) {
    AskedFor& asked = made.asked[made.asked_count++];
    asked.key = view.asked(i);
    asked.source_is_local = asked.key.local_port == key.source_port;
    if (!asked.source_is_local && asked.key.remote_port != key.source_port) return;
    const auto zone = std::find_if(context.zones.begin(), context.zones.end(),
                                   [&](const Context::ZoneUse& use) { return use.key == asked.key; });
    if (zone == context.zones.end()) continue;
    asked.kept = true;
    asked.local_starts = zone->local_starts;
    ++kept;
  }
  if (kept != context.zones.size()) return;  // a name that was never asked for
  entry(made.key, seed) = std::move(made);
}

}  // namespace hanok::dataplane
