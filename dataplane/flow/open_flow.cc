// Connections begin here: with what the stages said, or by a template of what they said before.
#include "dataplane/flow/engine_impl.h"
#include "dataplane/packet/headers.h"

namespace hanok::dataplane {

std::uint32_t Engine::Impl::open_connection(DeviceIndex owner, std::uint8_t protocol, DropReason& reason) {
  const std::uint32_t connection = connections_.open(owner, protocol, now(), reason);
  if (connection == kNoSlot) return kNoSlot;
  connections_.schedule(connection, now());
  counters.flows_created.add(1);
  return connection;
}

void Engine::Impl::prefetch_names(const FlowKey& key, unsigned tcp_flags) {
  if (!FlowTemplates::may_match(key.protocol, tcp_flags, key.source_port)) return;
  const FlowTemplate* known = templates_.find(key, connections_.seed());
  if (known == nullptr) return;
  for (unsigned i = 0; i < known->asked_count; ++i)
    connections_.prefetch_name(known->asked[i].with_source_port(key.source_port));
}

std::uint32_t Engine::Impl::open_by_template(const FirstFrame& frame) {
  const FlowKey& key = frame.key;
  if (!FlowTemplates::may_match(key.protocol, frame.tcp_flags, key.source_port)) return kNoSlot;
  // The one thing that the stages look at beside the key: who sent it.
  if (frame.vtep && !data().vtep_host.contains(*frame.vtep)) return kNoSlot;
  FlowTemplate* known = templates_.find(key, connections_.seed());
  if (known == nullptr) return kNoSlot;
  if (known->epoch != epoch_) {
    if (known->epoch < forced_epoch_ || !unchanged_since(known->version, *known->depends)) return kNoSlot;
    known->epoch = epoch_;
  }
  const Program& program = known->program;
  if (((program.operations & kDecrementTtl) != 0 && frame.ttl <= program.hops) ||
      frame.length > program.longest)
    return kNoSlot;
  std::array<ConnectionKey, FlowTemplate::kAsked> names;
  std::array<std::uint64_t, FlowTemplate::kAsked> hashes;
  for (unsigned i = 0; i < known->asked_count; ++i) {
    names[i] = known->asked[i].with_source_port(key.source_port);
    hashes[i] = connections_.hash(names[i]);
    if (connections_.has_key(names[i], hashes[i])) return kNoSlot;  // it belongs to a connection
  }
  DropReason reason{};
  const std::uint32_t connection = open_connection(known->owner, key.protocol, reason);
  if (connection == kNoSlot) return kNoSlot;  // the stages' way refuses it by name
  bool room = true;
  for (unsigned i = 0; i < known->asked_count && room; ++i) {
    if (known->asked[i].kept)
      room = connections_.insert_key(connection, names[i], hashes[i], known->asked[i].local_starts);
  }
  const std::uint32_t slot = room ? connections_.insert_record(connection, key, frame.hash) : kNoSlot;
  if (slot == kNoSlot) {
    connections_.close(connection);
    return kNoSlot;
  }
  FlowRecord& record = connections_.record(slot);
  record.epoch = epoch_;
  record.version = known->version;
  record.program = program;
  record.last_seen = now();
  connections_.depends(slot) = known->depends;
  counters.flows_by_template.add(1);
  return slot;
}

}  // namespace hanok::dataplane
