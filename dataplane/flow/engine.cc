// The burst: parse, look up, run. What has no record takes the slow path.
#include <sys/random.h>

#include <algorithm>

#include "common/error.h"
#include "dataplane/flow/engine_impl.h"
#include "dataplane/flow/fit.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/offload.h"

namespace hanok::dataplane {
namespace {

std::uint64_t seed_of(const EngineOptions& options) {
  std::uint64_t seed = options.hash_seed;
  if (seed == 0) HANOK_ASSERT(getrandom(&seed, sizeof seed, 0) == sizeof seed);
  return seed;
}

}  // namespace

std::shared_ptr<EngineShared> share_between(unsigned workers, const EngineOptions& options) {
  HANOK_ASSERT(workers > 0);
  return std::make_shared<EngineShared>(workers, mix(seed_of(options)));
}

Engine::Impl::Impl(BufferPool& pool, const EngineOptions& options, std::shared_ptr<EngineShared> shared,
                   unsigned worker)
    : pool_(pool),
      shared_(std::move(shared)),
      worker_(worker),
      ownership_(shared_->seed, shared_->workers),
      tables_(Tables::empty()),
      connections_(std::max(64U, options.flow_capacity / shared_->workers), options.sessions_per_port,
                   seed_of(options), shared_->workers > 1 ? &shared_->sessions : nullptr),
      neighbours_(shared_->neighbours, Neighbours::kQueuedInAll / shared_->workers),
      meters_(shared_->meters),
      metadata_(seed_of({}), MetadataServer::kMostConnections / shared_->workers, shared_->metadata) {
  if (shared_->workers > 1) connections_.set_ownership(&ownership_);
}

Engine::Impl::~Impl() {
  std::vector<Neighbours::Waiting> waiting;
  neighbours_.give_up_all(waiting);
  for (const auto& one : waiting) release(one.packet);
}

void Engine::Impl::set_tables(std::shared_ptr<const Tables> tables) {
  const bool all = tables->data().floor_version != data().floor_version;
  tables_ = std::move(tables);
  ++epoch_;
  ++tables_count_;
  own_vtep_.reset();
  if (data().vtep && data().vtep->is_v4()) own_vtep_ = data().vtep->to_v4();
  if (shared_->workers > 1 && ownership_.forwarded() != data().forwarded_ports) {
    ownership_.set_forwarded(data().forwarded_ports);
    owners_moved_ = true;
    drop_waiting();  // they may be another worker's now
  }
  if (!all) return;
  encapsulations_.clear();
  forced_epoch_ = epoch_;
  clear_neighbours();
}

void Engine::Impl::set_device_mac(DeviceIndex uplink, const std::array<std::uint8_t, 6>& mac) {
  std::erase_if(device_macs_, [&](const auto& known) { return known.first == uplink; });
  device_macs_.emplace_back(uplink, Mac{mac});
  encapsulations_.clear();
  forced_epoch_ = ++epoch_;
  clear_neighbours();
}

// Outer headers name hosts and uplinks: frames that wait under one are given up.
void Engine::Impl::clear_neighbours() {
  shared_->neighbours.clear();
  drop_waiting();
}

void Engine::Impl::drop_waiting() {
  std::vector<Neighbours::Waiting> waiting;
  neighbours_.give_up_all(waiting);
  for (const auto& one : waiting)
    drop_packet(one.packet, one.arrival.device, DropReason::neighbour_unresolved);
}

void Engine::Impl::begin(std::uint64_t now_us, Output& output) {
  now_us_ = now_us;
  output_ = &output;
  if (neighbours_.behind()) catch_up();
}

void Engine::Impl::end() {
  run_ready();
  for (const DeviceIndex device : filled_) {
    Batch& batch = *batches_[device];
    batch.listed = false;
    flush(batch);
  }
  filled_.clear();
  last_batch_ = nullptr;
  count_remembered();
  output_ = nullptr;
}

void Engine::Impl::count_remembered() {
  counters.flow_records.reset();
  counters.flow_records.add(connections_.live_records());
  counters.connections.reset();
  counters.connections.add(connections_.live_connections());
}

DeviceCounters& Engine::Impl::counters_of(DeviceIndex device) {
  DeviceCounters& found = counters.at(device);
  if (device >= counted_id_.size()) counted_id_.resize(device + 1U, 0), counted_at_.resize(device + 1U, 0);
  if (counted_at_[device] == tables_count_) return found;
  counted_at_[device] = tables_count_;
  const DeviceInfo* info = data().devices.find(device);
  if (info == nullptr) return found;
  const std::uint64_t id = hash_bytes(info->id.data(), info->id.size());
  if (counted_id_[device] != id) {
    if (counted_id_[device] != 0) {  // another port's number before
      for (Counter* counter : {&found.rx_packets, &found.rx_bytes, &found.tx_packets, &found.tx_bytes})
        counter->reset();
      for (Counter& counter : found.drops) counter.reset();
    }
    counted_id_[device] = id;
  }
  return found;
}

void Engine::Impl::count_drop(DeviceIndex device, DropReason reason) {
  if (device == kNoDevice) return;
  counters_of(device).drops[static_cast<std::size_t>(reason)].add(1);
}

void Engine::Impl::drop_packet(Packet* packet, DeviceIndex device, DropReason reason) {
  count_drop(device, reason);
  release(packet);
}

Engine::Impl::Batch& Engine::Impl::batch_of(DeviceIndex device) {
  if (device >= batches_.size()) batches_.resize(device + 1U);
  if (!batches_[device]) batches_[device] = std::make_unique<Batch>();
  Batch& batch = *batches_[device];
  batch.device = device;
  if (!batch.listed) filled_.push_back(device), batch.listed = true;
  last_batch_ = &batch;
  return batch;
}

void Engine::Impl::flush(Batch& batch) {
  if (batch.count == 0) return;
  DeviceCounters& counted = counters.at(batch.device);
  counted.tx_packets.add(batch.count);
  counted.tx_bytes.add(batch.bytes);
  output_->transmit(batch.device, batch.packets.data(), batch.count);
  batch.count = 0;
  batch.bytes = 0;
}

// Takes off what the underlay added: the outer header of a VXLAN frame, or the tag.
std::optional<DropReason> Engine::Impl::parse_arrival(Packet& packet, DeviceIndex device, bool from_uplink,
                                                      Parsed& parsed, Arrival& arrival) const {
  arrival = Arrival{};
  arrival.device = device;
  parsed = Parsed{};
  if (const auto drop = parse_frame(packet.data, packet.length, parsed)) return drop;
  if (!from_uplink) return std::nullopt;
  std::optional<DropReason> bad;
  Vxlan vxlan;
  const bool ours = data().vtep.has_value() && parsed.ip_destination == *data().vtep;
  if (!parsed.tagged && ours && parse_vxlan(packet.data, packet.length, parsed, vxlan, bad)) {
    if (bad) return bad;
    const std::uint16_t end = parsed.l3_end;
    packet.length = end;  // what Ethernet padded
    packet.pull(vxlan.inner_offset);
    arrival.vxlan = vxlan;
    parsed = Parsed{};
    return parse_frame(packet.data, packet.length, parsed);
  }
  if (!parsed.tagged) return std::nullopt;
  arrival.tagged = true;
  arrival.vlan = parsed.vlan;
  std::memmove(packet.data + kVlanBytes, packet.data, 12);
  packet.pull(kVlanBytes);
  parsed.l3_offset = static_cast<std::uint16_t>(parsed.l3_offset - kVlanBytes);
  parsed.l3_end = static_cast<std::uint16_t>(parsed.l3_end - kVlanBytes);
  if (parsed.l4_offset != 0) parsed.l4_offset = static_cast<std::uint16_t>(parsed.l4_offset - kVlanBytes);
  return std::nullopt;
}

void Engine::Impl::make_key(Item& item) const {
  const Parsed& parsed = item.parsed;
  item.matchable = parsed.is_ip() && !parsed.fragment && parsed.l4_offset != 0 &&
                   !parsed.destination.is_group() && !parsed.is_icmp_error() &&
                   !(parsed.tagged && !item.arrival.tagged);
  if (!item.matchable) return;
  item.key = flow_key(parsed, item.arrival.device, segment_of(item.arrival));
  item.hash = hash_of(item.key, connections_.seed());
}

bool Engine::Impl::receive(Item& item, bool from_uplink) {
  const DeviceIndex device = item.device;
  if (const auto reason = parse_arrival(*item.packet, device, from_uplink, item.parsed, item.arrival)) {
    drop_packet(item.packet, device, *reason);
    return false;
  }
  if (item.packet->offload != 0) {
    if (const auto reason = check_offload(*item.packet, item.parsed)) {
      drop_packet(item.packet, device, *reason);
      return false;
    }
  }
  make_key(item);
  if (item.matchable) connections_.prefetch(item.hash);
  return true;
}

bool Engine::Impl::good_again(std::uint32_t slot) {
  FlowRecord& record = connections_.record(slot);
  if (record.epoch < forced_epoch_ || !unchanged_since(record.version, *connections_.depends(slot)))
    return false;
  record.epoch = epoch_;
  return true;
}

bool Engine::Impl::unchanged_since(std::uint32_t version, const Depends& depends) const {
  return std::all_of(depends.begin(), depends.end(),
                     [&](const ObjectRef& object) { return data().version_of(object) <= version; });
}

void Engine::Impl::run(Item& item) {
  bool opened = false;
  std::uint32_t slot = item.matchable ? connections_.find_record(item.key, item.hash) : kNoSlot;
  if (slot == kNoSlot) {
    if (item.matchable) {
      counters.flow_misses.add(1);
      std::optional<Ip> vtep;
      if (item.arrival.vxlan) vtep = item.arrival.vxlan->source;
      slot = open_by_template(
          {item.key, item.hash, item.parsed.tcp_flags, item.parsed.ttl, item.packet->length, vtep});
    }
    if (slot == kNoSlot) {
      slow_path(item);
      return;
    }
    opened = true;
  }
  if (!still_good(slot)) {
    counters.flows_recompiled.add(1);
    slow_path(item);
    return;
  }
  FlowRecord& record = connections_.record(slot);
  Program& program = record.program;
  if (((program.operations & kDecrementTtl) != 0 && item.parsed.ttl <= program.hops) ||
      (item.packet->length > program.longest && longest_frame(*item.packet) > program.longest)) {
    slow_path(item);
    return;
  }
  if (!opened) counters.flow_hits.add(1);
  constexpr unsigned kSignals = tcp_flag::kSyn | tcp_flag::kFin | tcp_flag::kRst;
  if (item.parsed.protocol == protocol::kTcp &&
      ((program.operations & kTracksTcp) != 0 || (item.parsed.tcp_flags & kSignals) != 0)) {
    connections_.track(record.connection, item.parsed.tcp_flags, program.answers != 0, now());
    const bool settled = connections_.connection(record.connection).state == ConnectionState::kEstablished;
    program.operations = settled ? program.operations & ~static_cast<std::uint32_t>(kTracksTcp)
                                 : program.operations | kTracksTcp;
    if ((program.operations & kClampMss) != 0 && (item.parsed.tcp_flags & tcp_flag::kSyn) != 0)
      clamp_mss(item.packet->data + item.parsed.l4_offset, program.mss);
  }
  if (record.last_seen != now()) record.last_seen = now();
  ++record.packets;
  const auto entropy = static_cast<std::uint32_t>(item.hash >> 32U);
  if ((program.operations & (kMetered | kMarkDscp)) != 0) {
    if ((item.packet->offload & kSegmentLater) != 0) {
      run_cut(item.packet, program, item.parsed, item.arrival.device, entropy);
      return;
    }
    if (!pass_qos(item.packet, program, item.parsed, item.arrival.device)) return;
  }
  run_program(program, item.packet->data, item.parsed);
  deliver(item.packet, program, item.arrival.device, entropy);
}

// False: over a limit, and dropped.
bool Engine::Impl::pass_qos(Packet* packet, const Program& program, const Parsed& parsed,
                            DeviceIndex device) {
  if ((program.operations & kMetered) != 0 && !meters_.take(program.meters, packet->length, now_us_)) {
    drop_packet(packet, device, DropReason::qos_limit);
    return false;
  }
  if ((program.operations & kMarkDscp) != 0) mark_dscp(packet->data, parsed, program.dscp);
  return true;
}

void Engine::Impl::process(Packet* const* packets, unsigned count, DeviceIndex in_device,
                           std::uint64_t now_us, Output& output) {
  HANOK_ASSERT(count <= kBurst);
  begin(now_us, output);
  DeviceCounters& counted = counters_of(in_device);
  const DeviceInfo* info = data().devices.find(in_device);
  const bool from_uplink = info != nullptr && info->kind == DeviceKind::kUplink;
  std::uint64_t bytes = 0;
  for (unsigned i = 0; i < count; ++i) bytes += packets[i]->length;
  counted.rx_packets.add(count);
  counted.rx_bytes.add(bytes);
  run_burst(read_burst(packets, count, in_device, from_uplink), from_uplink);
  counters.flow_hits.add(hits_);
  hits_ = 0;
  end();
}

void Engine::Impl::poll(std::uint64_t now_us, Output& output) {
  begin(now_us, output);
  counters.flows_expired.add(connections_.expire(now(), 256));
  if (metadata_.connections() != 0 && now_us - served_us_ >= 50'000) {
    served_us_ = now_us;
    MetadataServer::Frames frames;
    metadata_.poll(data(), now_us, frames);
    send_metadata(frames);
  }
  // What is done once for the node is the first worker's.
  if (worker_ == 0 && now_us - aged_us_ >= 1'000'000) {
    aged_us_ = now_us;
    std::vector<Awaited> again;
    shared_->neighbours.age(now_us, again);
    if (neighbours_.behind()) catch_up();
    for (const Awaited& awaited : again) send_request(awaited);
    advertise_routers();
  }
  end();
}

std::optional<unsigned> Engine::Impl::owner_of(const std::uint8_t* frame, std::uint16_t length,
                                               DeviceIndex in_device, bool from_uplink,
                                               std::uint64_t now_us) const {
  return dataplane::owner_of({frame, length, in_device, from_uplink, data().vtep}, ownership_,
                             shared_->fragments, now_us);
}

void Engine::Impl::drop(Packet* const* packets, unsigned count, DeviceIndex in_device, DropReason reason) {
  DeviceCounters& counted = counters_of(in_device);
  for (unsigned i = 0; i < count; ++i) counted.rx_bytes.add(packets[i]->length);
  counted.rx_packets.add(count);
  counted.drops[static_cast<std::size_t>(reason)].add(count);
  pool_.release(packets, count);
}

Engine::Engine(BufferPool& pool, const EngineOptions& options)
    : Engine(pool, options, share_between(1, options), 0) {}
Engine::Engine(BufferPool& pool, const EngineOptions& options, std::shared_ptr<EngineShared> shared,
               unsigned worker)
    : impl_(std::make_unique<Impl>(pool, options, std::move(shared), worker)) {}
Engine::~Engine() = default;
void Engine::set_tables(std::shared_ptr<const Tables> tables) {
  impl_->set_tables(std::move(tables));
}
void Engine::set_device_mac(DeviceIndex uplink, const std::array<std::uint8_t, 6>& mac) {
  impl_->set_device_mac(uplink, mac);
}
std::optional<unsigned> Engine::owner_of(const std::uint8_t* frame, std::uint16_t length,
                                         DeviceIndex in_device, bool from_uplink,
                                         std::uint64_t now_us) const {
  return impl_->owner_of(frame, length, in_device, from_uplink, now_us);
}
void Engine::drop(Packet* const* packets, unsigned count, DeviceIndex in_device, DropReason reason) {
  impl_->drop(packets, count, in_device, reason);
}
void Engine::begin_counting(DeviceIndex device) {
  impl_->begin_counting(device);
}
void Engine::process(Packet* const* packets, unsigned count, DeviceIndex in_device, std::uint64_t now_us,
                     Output& output) {
  impl_->process(packets, count, in_device, now_us, output);
}
void Engine::poll(std::uint64_t now_us, Output& output) {
  impl_->poll(now_us, output);
}
std::vector<TraceStep> Engine::trace(std::span<const std::uint8_t> frame, DeviceIndex in_device,
                                     std::uint64_t now_us) {
  return impl_->trace(frame, in_device, now_us);
}
std::vector<FlowInfo> Engine::flows(DeviceIndex device, std::size_t limit, std::uint64_t now_us) const {
  return impl_->flows(device, limit, now_us);
}
const Counters& Engine::counters() const {
  return impl_->counters;
}

}  // namespace hanok::dataplane
