// Out: tags, outer headers, copies, answers, and frames that wait until ARP has told where to.
#include "dataplane/flow/engine_impl.h"
#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/nd_message.h"

namespace hanok::dataplane {

Mac Engine::Impl::mac_of(const Uplink& uplink) const {
  if (uplink.mac) return *uplink.mac;
  for (const auto& [device, mac] : device_macs_) {
    if (device == uplink.device) return mac;
  }
  return Mac{};
}

std::uint32_t Engine::Impl::encapsulation_to(std::uint32_t vni, const Ip& vtep) {
  const Uplink* uplink = data().uplinks.at(data().vtep_uplink);
  if (uplink == nullptr || !data().vtep) return kNoSlot;
  const std::uint32_t number =
      encapsulations_.get(vni, *data().vtep, vtep, mac_of(*uplink), uplink->device, uplink->state.mtu);
  if (!encapsulations_.at(number).ready) {
    if (const auto mac = neighbours_.mac_of(kUnderlay, vtep)) encapsulations_.set_next_hop(vtep, *mac);
  }
  return number;
}

std::optional<DropReason> Engine::Impl::compile_output(const Context& context, Program& program) {
  switch (context.target) {
    case Target::kPort:
      program.out_device = context.out_port->device;
      return std::nullopt;
    case Target::kSegment: {
      const Uplink* uplink = data().uplink_of_segment(context.out_segment);
      if (uplink == nullptr) return DropReason::no_uplink;
      program.out_device = uplink->device;
      if (context.out_segment.type == SegmentType::kVlan) {
        program.operations |= kPushVlan;
        program.vlan = static_cast<std::uint16_t>(context.out_segment.number);
      }
      return std::nullopt;
    }
    case Target::kVtep: {
      const Ip* vtep = data().host_vteps.find(context.out_host);
      const Uplink* uplink = data().uplinks.at(data().vtep_uplink);
      if (vtep == nullptr || uplink == nullptr) return DropReason::no_vtep;
      if (!uplink->prefix.contains(*vtep)) return DropReason::vtep_unreachable;
      program.operations |= kPushVxlan;
      program.encapsulation = encapsulation_to(context.out_segment.number, *vtep);
      program.out_device = uplink->device;
      return std::nullopt;
    }
    default:
      return DropReason::unknown_destination;
  }
}

void Engine::Impl::push_vlan(Packet& packet, std::uint16_t vlan) const {
  // Both addresses through registers: memmove is a call, and its reads meet stores that have not retired.
  std::uint64_t first;
  std::uint32_t rest;
  std::memcpy(&first, packet.data, 8);
  std::memcpy(&rest, packet.data + 8, 4);
  packet.push(kVlanBytes);
  std::memcpy(packet.data, &first, 8);
  std::memcpy(packet.data + 8, &rest, 4);
  store32(packet.data + 12, std::uint32_t{ethertype::kVlan} << 16U | vlan);
}

void Engine::Impl::deliver(Packet* packet, const Program& program, DeviceIndex in_device,
                           std::uint32_t entropy) {
  if (packet->offload != 0) {
    deliver_with_work(packet, program, in_device, entropy);
    return;
  }
  if ((program.operations & kPushVxlan) != 0) {
    send_vxlan(packet, program.encapsulation, in_device, entropy);
    return;
  }
  if ((program.operations & kPushVlan) != 0) {
    if (packet->headroom < kVlanBytes) {
      drop_packet(packet, in_device, DropReason::no_headroom);
      return;
    }
    push_vlan(*packet, program.vlan);
  }
  transmit(packet, program.out_device);
}

void Engine::Impl::send_vxlan(Packet* packet, std::uint32_t number, DeviceIndex in_device,
                              std::uint32_t entropy) {
  const Encapsulation& encapsulation = encapsulations_.at(number);
  if (packet->headroom < kVxlanOverhead) {
    drop_packet(packet, in_device, DropReason::no_headroom);
  } else if (packet->length + kVxlanOverhead - kEthernetBytes > encapsulation.mtu) {
    drop_packet(packet, in_device, DropReason::mtu_exceeded);
  } else if (encapsulation.ready) {
    encapsulate(encapsulation, *packet, entropy);
    transmit(packet, encapsulation.device);
  } else {
    const Ip vtep = encapsulation.vtep;
    const Uplink* uplink = data().uplinks.at(data().vtep_uplink);
    request_address({kUnderlay, vtep, mac_of(*uplink), *uplink->address});
    Arrival arrival;
    arrival.device = in_device;
    if (!neighbours_.wait(kUnderlay, vtep, {packet, arrival, number})) {
      drop_packet(packet, in_device, DropReason::neighbour_queue_full);
    }
  }
}

Packet* Engine::Impl::copy_of(const std::uint8_t* bytes, std::uint16_t length, DeviceIndex charge) {
  Packet* copy = pool_.allocate(length);
  if (copy == nullptr) {
    count_drop(charge, DropReason::no_buffer);
    return nullptr;
  }
  std::memcpy(copy->data, bytes, length);
  return copy;
}

// To what of the network lies beyond this host: each wire, and each VTEP that has a port of it (head-end
// replication).
void Engine::Impl::flood_outward(Handle handle, const Packet& packet, DeviceIndex in_device) {
  const Network* network = data().networks.at(handle);
  if (network == nullptr) return;
  for (const Segment& segment : network->segments) {
    const Uplink* uplink = data().uplink_of_segment(segment);
    if (uplink == nullptr) continue;
    if (segment.type != SegmentType::kVxlan) {
      Packet* copy = copy_of(packet.data, packet.length, in_device);
      if (copy == nullptr) continue;
      if (segment.type == SegmentType::kVlan) push_vlan(*copy, static_cast<std::uint16_t>(segment.number));
      transmit(copy, uplink->device);
      continue;
    }
    const auto* hosts = data().network_hosts.find(handle);
    if (hosts == nullptr) continue;
    hosts->for_each([&](Handle host, bool) {
      const Ip* vtep = data().host_vteps.find(host);
      if (host == data().node_host || vtep == nullptr) return;
      if (!uplink->prefix.contains(*vtep)) {
        count_drop(in_device, DropReason::vtep_unreachable);
        return;
      }
      const std::uint32_t number = encapsulation_to(segment.number, *vtep);
      Packet* copy = number != kNoSlot ? copy_of(packet.data, packet.length, in_device) : nullptr;
      if (copy != nullptr) send_vxlan(copy, number, in_device, segment.number);
    });
  }
}

void Engine::Impl::flood(const Context& context, const Program&, const Packet& packet) {
  const auto* members = data().members.find({context.network, data().node_host});
  if (members != nullptr) {
    members->for_each([&](Handle handle, bool) {
      const Port* port = data().ports.at(handle);
      if (port == nullptr || port == context.in_port || port->device == kNoDevice || !port->state.admin_up)
        return;
      if (!ingress_allows(context, *port)) {
        count_drop(port->device, DropReason::security_group_ingress);
        return;
      }
      if (Packet* copy = copy_of(packet.data, packet.length, context.in_device)) transmit(copy, port->device);
    });
  }
  // A frame from a wire has been everywhere already (split horizon).
  if (context.in_port != nullptr || context.hops != 0)
    flood_outward(context.network, packet, context.in_device);
}

void Engine::Impl::reply(const Context& context) {
  Packet* packet =
      copy_of(context.reply.data(), static_cast<std::uint16_t>(context.reply.size()), context.in_device);
  if (packet == nullptr) return;
  if (context.vxlan) {
    const std::uint32_t number = encapsulation_to(context.vxlan->vni, context.vxlan->source);
    if (number == kNoSlot) {
      drop_packet(packet, context.in_device, DropReason::no_vtep);
    } else {
      send_vxlan(packet, number, context.in_device, context.vxlan->vni);
    }
    return;
  }
  if (context.in_uplink != nullptr && context.parsed.vlan != 0) push_vlan(*packet, context.parsed.vlan);
  transmit(packet, context.in_device);
}

void Engine::Impl::serve_metadata(Item& item, const Context& context) {
  const Network* network = data().networks.at(context.network);
  MetadataServer::Frames frames;
  if (item.packet->offload != 0) complete(*item.packet);
  const auto reason = metadata_.receive(item.packet->data, context.parsed, *context.in_port,
                                        network != nullptr ? network->state.mtu : 0, now_us_, frames);
  send_metadata(frames);
  if (reason) {
    drop_packet(item.packet, context.in_device, *reason);
  } else {
    release(item.packet);
  }
}

void Engine::Impl::send_metadata(const MetadataServer::Frames& frames) {
  for (const auto& [device, bytes] : frames) {
    Packet* packet = copy_of(bytes.data(), static_cast<std::uint16_t>(bytes.size()), device);
    if (packet != nullptr) transmit(packet, device);
  }
}

void Engine::Impl::request_address(const Awaited& awaited) {
  if (shared_->neighbours.ask(awaited, now_us_)) send_request(awaited);
}

void Engine::Impl::send_request(const Awaited& awaited) {
  std::uint8_t frame[kNeighbourBytes];
  unsigned bytes = kNeighbourBytes;
  const auto known = neighbours_.mac_of(awaited.network, awaited.ip);
  if (awaited.ip.is_v4()) {
    bytes = write_arp(frame, 1, known.value_or(kBroadcast), awaited.sender_mac, awaited.sender_ip, Mac{},
                      awaited.ip);
  } else {
    write_neighbour_solicit(frame, known, awaited.sender_mac, awaited.sender_ip, awaited.ip);
  }
  Packet view;
  view.data = frame;
  view.length = static_cast<std::uint16_t>(bytes);
  if (awaited.network != kUnderlay) {
    // From the router: to its guests here, and outward.
    const auto* members = data().members.find({awaited.network, data().node_host});
    if (members != nullptr) {
      members->for_each([&](Handle handle, bool) {
        const Port* port = data().ports.at(handle);
        if (port == nullptr || port->device == kNoDevice || !port->state.admin_up) return;
        if (Packet* copy = copy_of(frame, view.length, port->device)) transmit(copy, port->device);
      });
    }
    flood_outward(awaited.network, view, kNoDevice);
    return;
  }
  const Uplink* uplink = data().uplinks.at(data().vtep_uplink);
  if (uplink == nullptr) return;
  if (Packet* packet = copy_of(frame, view.length, uplink->device)) transmit(packet, uplink->device);
}

void Engine::Impl::learn(const Context::Learned& learned) {
  shared_->neighbours.learn(learned.network, learned.ip, learned.mac, learned.only_if_known, now_us_);
  if (neighbours_.behind()) catch_up();
}

void Engine::Impl::catch_up() {
  std::vector<Neighbours::Waiting> given_up;
  const Neighbours::Changes changes = neighbours_.catch_up(ready_, given_up);
  if (changes.underlay)
    encapsulations_.resolve([&](const Ip& vtep) { return neighbours_.mac_of(kUnderlay, vtep); });
  if (changes.moved) forced_epoch_ = ++epoch_;  // records hold the old MAC
  if (changes.forgotten) templates_.clear();    // new connections ask for it again
  for (const auto& one : given_up) give_up(one);
}

// Nobody answers for the address: dropped, and its sender is told (RFC 1812, 5.2.7.1; RFC 4443, 3.1).
void Engine::Impl::give_up(const Neighbours::Waiting& waiting) {
  Item item;
  item.packet = waiting.packet;
  item.arrival = waiting.arrival;
  const Packet& packet = *waiting.packet;
  if (waiting.encapsulation != kNoSlot || parse_frame(packet.data, packet.length, item.parsed)) {
    drop_packet(waiting.packet, waiting.arrival.device, DropReason::neighbour_unresolved);
    return;
  }
  Context context(data(), connections_, neighbours_);
  prepare(context, item);
  context.unresolved = true;
  const Verdict verdict = run_stages(context, nullptr);
  if (verdict.action != Action::kDrop) context.reply.clear();
  refuse(item, context, DropReason::neighbour_unresolved);
}

// What waited goes on, in order. New frames may become ready on the way; each frame does so once.
void Engine::Impl::run_ready() {
  while (!ready_.empty()) {
    std::vector<Neighbours::Waiting> now_ready;
    now_ready.swap(ready_);
    for (const Neighbours::Waiting& one : now_ready) {
      if (one.encapsulation != kNoSlot) {
        send_vxlan(one.packet, one.encapsulation, one.arrival.device, 0);
        continue;
      }
      Item item;
      item.packet = one.packet;
      item.arrival = one.arrival;
      if (const auto reason = parse_frame(item.packet->data, item.packet->length, item.parsed)) {
        drop_packet(item.packet, one.arrival.device, *reason);
        continue;
      }
      make_key(item);
      slow_path(item);
    }
  }
}

}  // namespace hanok::dataplane
