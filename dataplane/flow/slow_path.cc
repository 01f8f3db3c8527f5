// What has no record yet: the stages in order, and what they say made into a record.
#include <algorithm>

#include "dataplane/flow/engine_impl.h"
#include "dataplane/flow/fit.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/offload.h"

namespace hanok::dataplane {
namespace {

constexpr unsigned kErrorsPerSecond = 1000;  // ICMP, of all workers

}  // namespace

void Engine::Impl::prepare(Context& context, const Item& item) const {
  const Parsed& parsed = item.parsed;
  context.frame = item.packet->data;
  context.length = item.packet->length;
  if ((item.packet->offload & kSegmentLater) != 0)
    context.longest_segment = static_cast<std::uint16_t>(longest_frame(*item.packet) - parsed.l3_offset);
  context.parsed = parsed;
  if (item.arrival.tagged) {
    context.parsed.tagged = true;
    context.parsed.vlan = item.arrival.vlan;
  }
  context.in_device = item.arrival.device;
  context.vxlan = item.arrival.vxlan;
  if (const Uplink* uplink = data().uplink_of_device(item.arrival.device))
    context.uplink_mac = mac_of(*uplink);
  context.destination = parsed.destination;
  context.source = parsed.source;
  context.ip_source = parsed.ip_source;
  context.ip_destination = parsed.ip_destination;
  context.source_port = parsed.source_port;
  context.destination_port = parsed.destination_port;
  context.cacheable = item.matchable;
}

std::string Engine::Impl::name_of(ObjectRef object) const {
  if (object.handle == kNone) return {};
  const auto kind = static_cast<Kind>(object.kind);
  std::string id;
  const auto take = [&](const auto& collection) {
    if (const auto* found = collection.at(object.handle)) id = found->id;
  };
  switch (kind) {
    case Kind::kUplink:
      take(data().uplinks);
      break;
    case Kind::kNetworkPorts:
    case Kind::kNetwork:
      take(data().networks);
      break;
    case Kind::kSubnet:
      take(data().subnets);
      break;
    case Kind::kPort:
      take(data().ports);
      break;
    case Kind::kGroup:
    case Kind::kGroupMembers:
      take(data().groups);
      break;
    case Kind::kRouter:
      take(data().routers);
      break;
    case Kind::kFloatingIp:
      take(data().floating_ips);
      break;
    case Kind::kHost:
      id = data().host_ids.get(object.handle);
      break;
  }
  return id.empty() ? id : std::string(to_string(kind)) + "/" + id;
}

Verdict Engine::Impl::run_stages(Context& context, std::vector<TraceStep>* steps) const {
  for (const Stage& stage : hanok::dataplane::slow_path()) {
    context.cause = {0, kNone};
    context.cause_detail.clear();
    const Verdict verdict = stage.run(context);
    if (steps != nullptr) {
      TraceStep step{std::string(stage.name), "next", name_of(context.cause) + context.cause_detail};
      if (verdict.action == Action::kDrop) step.verdict = "drop " + std::string(to_string(verdict.reason));
      if (verdict.action == Action::kReply) step.verdict = "reply";
      if (verdict.action == Action::kServe) step.verdict = "serve";
      if (verdict.action == Action::kHandover) step.verdict = "handover";
      steps->push_back(std::move(step));
    }
    if (verdict.action != Action::kNext) return verdict;
  }
  return kNext;
}

void Engine::Impl::refuse(Item& item, Context& context, DropReason reason) {
  // These are about one frame, not about its flow.
  const bool one_frame = reason == DropReason::mtu_exceeded || reason == DropReason::ttl_exceeded;
  if (item.matchable && !one_frame) {
    if (const std::uint32_t slot = connections_.find_record(item.key, item.hash); slot != kNoSlot) {
      const std::uint32_t connection = connections_.record(slot).connection;
      // What the rules refuse now is no connection any more; other reasons may pass.
      if (reason == DropReason::security_group_egress || reason == DropReason::security_group_ingress) {
        connections_.close(connection);
      } else {
        connections_.remove_record(slot);
      }
    }
  }
  const DeviceIndex charge = context.charge != kNoDevice ? context.charge : item.arrival.device;
  if (!context.reply.empty()) {
    if (shared_->icmp_errors.take(now_us_, kErrorsPerSecond)) {
      reply(context);
    } else {
      reason = DropReason::icmp_rate_limited;
    }
  }
  drop_packet(item.packet, charge, reason);
}

std::optional<DropReason> Engine::Impl::compile(const Context& context, Program& program) {
  const Parsed& parsed = context.parsed;
  if (context.hops != 0) {
    program.operations |= kSetMacs | kDecrementTtl;
    program.new_destination_mac = context.destination;
    program.new_source_mac = context.source;
    program.hops = context.hops;
  }
  if (parsed.l3 == L3::kIpv4) {
    const auto change = [&](const Ip& from, const Ip& to, std::uint32_t operation, std::uint32_t& value) {
      if (from == to) return;
      program.operations |= operation;
      value = to.to_v4();
      const std::uint16_t delta = delta32(from.to_v4(), to.to_v4());
      program.address_delta = add_delta(program.address_delta, delta);
      program.l4_delta = add_delta(program.l4_delta, delta);
    };
    change(parsed.ip_source, context.ip_source, kSetSource, program.new_source);
    change(parsed.ip_destination, context.ip_destination, kSetDestination, program.new_destination);
  }
  const bool icmp = parsed.protocol == protocol::kIcmp;
  const auto change_port = [&](std::uint16_t from, std::uint16_t to, std::uint32_t operation,
                               std::uint16_t& value) {
    if (from == to) return;
    program.operations |= operation;
    value = to;
    program.l4_delta = add_delta(program.l4_delta, delta16(from, to));
  };
  change_port(parsed.source_port, context.source_port, kSetSourcePort, program.new_source_port);
  if (!icmp) {
    change_port(parsed.destination_port, context.destination_port, kSetDestinationPort,
                program.new_destination_port);
  }
  const unsigned longest = parsed.l3_offset + unsigned{context.limit};
  if (longest < 0xffff) program.longest = static_cast<std::uint16_t>(longest);
  if (parsed.protocol == protocol::kTcp && context.both_ways != kNoLimit) {
    program.operations |= kClampMss;
    const unsigned headers = (parsed.l3 == L3::kIpv4 ? kIpv4Bytes : kIpv6Bytes) + kTcpBytes;
    program.mss = static_cast<std::uint16_t>(std::max(context.both_ways - static_cast<int>(headers), 8));
  }
  compile_qos(context, program);
  return context.target == Target::kFlood ? std::nullopt : compile_output(context, program);
}

void Engine::Impl::compile_qos(const Context& context, Program& program) {
  if (context.dscp) {
    program.operations |= kMarkDscp;
    program.dscp = *context.dscp & 63U;
  }
  if (context.meters.empty()) return;
  auto set = meters_.set_of(context.meters);
  if (!set) {  // all numbers are taken: begin again
    meters_.clear();
    forced_epoch_ = ++epoch_;
    set = meters_.set_of(context.meters);
  }
  program.operations |= kMetered;
  program.meters = *set;
}

std::optional<DropReason> Engine::Impl::remember(const Item& item, const Context& context,
                                                 const AskingView& view, const Program& program) {
  std::uint32_t connection = kNoSlot;
  bool answers = false;
  for (const auto& zone : context.zones) {
    if (!zone.match) continue;
    connection = zone.match->connection;
    answers = zone.answers;
    break;
  }
  const std::uint32_t old = item.matchable ? connections_.find_record(item.key, item.hash) : kNoSlot;
  if (connection == kNoSlot && old != kNoSlot) {
    connection = connections_.record(old).connection;
    answers = connections_.record(old).program.answers != 0;
  }
  if (connection != kNoSlot && context.new_binding && connections_.connection(connection).has_binding) {
    connections_.close(connection);  // translated otherwise from now on
    connection = kNoSlot;
    answers = false;
  }
  const bool from_port = context.in_port != nullptr || context.out_port == nullptr;
  const DeviceIndex owner = from_port ? context.in_device : context.out_port->device;
  const bool opens = connection == kNoSlot;
  if (opens) {
    DropReason reason{};
    connection = open_connection(owner, item.parsed.protocol, reason);
    if (connection == kNoSlot) return reason;
  }
  if (context.new_binding) {
    Connection& translated = connections_.connection(connection);
    translated.binding = *context.new_binding;
    translated.has_binding = true;
  }
  for (const auto& zone : context.zones) {
    if (!connections_.add_key(connection, zone.key, zone.local_starts)) return DropReason::flow_table_full;
  }
  if (!context.cacheable) {  // a fragment: the connection is kept, each fragment comes here
    connections_.track(connection, item.parsed.tcp_flags, answers, now());
    return std::nullopt;
  }
  const std::uint32_t slot = connections_.add_record(connection, item.key, item.hash);
  if (slot == kNoSlot) return DropReason::flow_table_full;
  FlowRecord& record = connections_.record(slot);
  record.epoch = epoch_;
  record.version = data().version;
  record.program = program;
  record.program.answers = answers ? 1 : 0;
  record.last_seen = now();
  ++record.packets;
  auto depends = std::make_shared<const Depends>(context.depends);
  connections_.depends(slot) = depends;
  connections_.track(connection, item.parsed.tcp_flags, answers, now());
  if (item.parsed.protocol == protocol::kTcp &&
      connections_.connection(connection).state != ConnectionState::kEstablished) {
    record.program.operations |= kTracksTcp;
  }
  if (opens && FlowTemplates::may_match(item.key.protocol, item.parsed.tcp_flags, item.key.source_port))
    templates_.keep(item.key, connections_.seed(), context, view, record, owner, std::move(depends));
  return std::nullopt;
}

void Engine::Impl::slow_path(Item& item) {
  counters.slow_frames.add(1);
  const std::uint32_t segment = segment_of(item.arrival);
  if (item.parsed.fragment &&
      !shared_->fragments.recall(item.parsed, item.arrival.device, segment, now_us_)) {
    drop_packet(item.packet, item.arrival.device, DropReason::fragment_no_first);
    return;
  }
  const AskingView asking(connections_);
  Context context(data(), asking, neighbours_);
  prepare(context, item);
  const Verdict verdict = run_stages(context, nullptr);
  const DeviceIndex in_device = item.arrival.device;
  switch (verdict.action) {
    case Action::kDrop:
      refuse(item, context, verdict.reason);
      break;
    case Action::kReply:
      reply(context);
      release(item.packet);
      break;
    case Action::kServe:
      serve_metadata(item, context);
      break;
    case Action::kHandover:
      request_address(*context.awaited);
      if ((item.packet->offload & kSegmentLater) != 0) {  // what waits is bounded in frames; TCP sends again
        drop_packet(item.packet, in_device, DropReason::large_frame_unresolved);
        break;
      }
      if (!neighbours_.wait(context.awaited->network, context.awaited->ip,
                            {item.packet, item.arrival, kNoSlot})) {
        drop_packet(item.packet, in_device, DropReason::neighbour_queue_full);
      }
      break;
    case Action::kNext: {
      Program program;
      std::optional<DropReason> reason = compile(context, program);
      const bool kept = context.cacheable || (item.parsed.fragment && !context.zones.empty());
      if (!reason && kept) reason = remember(item, context, asking, program);
      if (reason) {
        refuse(item, context, *reason);
        break;
      }
      if (context.quoted_source || context.quoted_destination)
        rewrite_quoted(context, item.packet->data, item.packet->length);
      const auto entropy = static_cast<std::uint32_t>(item.hash >> 32U);
      if (item.packet->offload != 0) {
        if (!make_fit(*item.packet, context)) {
          refuse(item, context, DropReason::mtu_exceeded);
          break;
        }
        if ((program.operations & kMetered) != 0 && (item.packet->offload & kSegmentLater) != 0) {
          run_cut(item.packet, program, context.parsed, in_device, entropy);
          break;
        }
      }
      if (!pass_qos(item.packet, program, context.parsed, in_device)) break;
      run_program(program, item.packet->data, context.parsed);
      const bool syn = (context.parsed.tcp_flags & tcp_flag::kSyn) != 0 && context.parsed.l4_offset != 0;
      if (syn && (program.operations & kClampMss) != 0)
        clamp_mss(item.packet->data + context.parsed.l4_offset, program.mss);
      if (context.cut) {
        deliver_cut(item.packet, context, program, entropy);
      } else if (context.target == Target::kFlood) {
        flood(context, program, *item.packet);
        release(item.packet);
      } else {
        deliver(item.packet, program, in_device, entropy);
      }
      break;
    }
  }
  // Last, so that what waited for it follows the frame that told.
  if (context.learned && (verdict.action != Action::kDrop || verdict.reason == DropReason::arp_consumed ||
                          verdict.reason == DropReason::nd_consumed)) {
    learn(*context.learned);
  }
}

std::vector<TraceStep> Engine::Impl::trace(std::span<const std::uint8_t> frame, DeviceIndex in_device,
                                           std::uint64_t now_us) {
  now_us_ = now_us;
  std::vector<TraceStep> steps;
  std::vector<std::uint8_t> bytes(frame.begin(), frame.end());
  Packet packet;
  packet.data = bytes.data();
  packet.length = static_cast<std::uint16_t>(std::min<std::size_t>(bytes.size(), 65535));
  Item item;
  item.packet = &packet;
  const DeviceInfo* info = data().devices.find(in_device);
  const bool from_uplink = info != nullptr && info->kind == DeviceKind::kUplink;
  if (const auto reason = parse_arrival(packet, in_device, from_uplink, item.parsed, item.arrival)) {
    steps.push_back({"parse", "drop " + std::string(to_string(*reason)), {}});
    return steps;
  }
  steps.push_back({"parse", "next", {}});
  make_key(item);
  Context context(data(), connections_, neighbours_);
  prepare(context, item);
  if (run_stages(context, &steps).action != Action::kNext) return steps;
  TraceStep last{"output", "drop", {}};
  switch (context.target) {
    case Target::kFlood:
      last.verdict = "output flood";
      break;
    case Target::kPort:
      last.verdict = "output " + context.out_port->id;
      last.object = "port/" + context.out_port->id;
      break;
    case Target::kVtep:
      last.verdict = "output vxlan " + std::to_string(context.out_segment.number);
      last.object = name_of(ref(Kind::kHost, context.out_host));
      break;
    case Target::kSegment:
      if (const Uplink* uplink = data().uplink_of_segment(context.out_segment)) {
        last.verdict = "output " + uplink->id;
        last.object = "uplink/" + uplink->id;
      }
      break;
    case Target::kUndecided:
      break;
  }
  steps.push_back(std::move(last));
  return steps;
}

std::vector<FlowInfo> Engine::Impl::flows(DeviceIndex device, std::size_t limit, std::uint64_t now_us) const {
  std::vector<FlowInfo> all;
  const auto end_of = [](const Ip& ip, std::uint16_t port) {
    return ip.is_v4() ? to_string(ip) + ":" + std::to_string(port)
                      : "[" + to_string(ip) + "]:" + std::to_string(port);
  };
  connections_.for_each_record([&](const FlowRecord& record) {
    const Program& program = record.program;
    if (device != kNoDevice && record.key.in_device != device && program.out_device != device) return true;
    if (all.size() >= limit) return false;
    const Connection& connection = connections_.connection(record.connection);
    FlowInfo info;
    info.source = end_of(record.key.source, record.key.source_port);
    info.destination = end_of(record.key.destination, record.key.destination_port);
    info.protocol = record.key.protocol == protocol::kTcp   ? "tcp"
                    : record.key.protocol == protocol::kUdp ? "udp"
                                                            : std::to_string(record.key.protocol);
    info.state = to_string(connection.state);
    info.in_device = record.key.in_device;
    info.out_device = program.out_device;
    info.packets = record.packets;
    const std::uint64_t seen_us = std::uint64_t{record.last_seen} << 20U;
    info.idle_us = now_us > seen_us ? now_us - seen_us : 0;
    all.push_back(std::move(info));
    return true;
  });
  return all;
}

}  // namespace hanok::dataplane
