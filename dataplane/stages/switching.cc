// Destination MAC -> where: a port of this host, another host's VTEP, the wire of a VLAN or flat segment, or
// all.
#include "dataplane/packet/headers.h"
#include "dataplane/stages/stages.h"

namespace hanok::dataplane {
namespace {

const Segment* wire_segment(const TablesData& tables, const Network& network) {
  for (const Segment& segment : network.segments) {
    if (segment.type != SegmentType::kVxlan && tables.uplink_of_segment(segment) != nullptr) return &segment;
  }
  return nullptr;
}

// The one port that may use this MAC besides its own. Of several nobody here knows which has it now.
const Port* pair_holder(const TablesData& tables, const NetworkMac& mac) {
  const auto* holders = tables.pair_holders.find(mac);
  const Port* found = nullptr;
  if (holders == nullptr || holders->size() != 1) return found;
  holders->for_each([&](Handle handle, bool) { found = tables.ports.at(handle); });
  return found;
}

bool came_by_wire(const Context& context) {
  return context.in_port == nullptr && context.hops == 0;
}

}  // namespace

// IEEE 802.1Q, table 8-1: frames to these stay on their link.
static bool is_link_local_group(const Mac& mac) {
  static constexpr std::uint8_t kPrefix[5] = {0x01, 0x80, 0xc2, 0, 0};
  return std::memcmp(mac.bytes.data(), kPrefix, 5) == 0 && mac.bytes[5] < 0x10;
}

static Verdict to_host(Context& context, const Network& network, Handle host, DropReason otherwise) {
  const Ip* vtep = context.tables.host_vteps.find(host);
  for (const Segment& segment : network.segments) {
    if (segment.type != SegmentType::kVxlan || vtep == nullptr) continue;
    if (!context.tables.vtep) return drop(DropReason::no_vtep);
    if (context.tables.vtep_uplink == kNone) return drop(DropReason::no_uplink);
    context.target = Target::kVtep;
    context.out_segment = segment;
    context.out_host = host;
    return kNext;
  }
  const Segment* wire = wire_segment(context.tables, network);
  if (wire == nullptr) return drop(otherwise);
  context.target = Target::kSegment;
  context.out_segment = *wire;
  return kNext;
}

Verdict stage_switch(Context& context) {
  const Network* network = context.tables.networks.at(context.network);
  if (network == nullptr) return drop(DropReason::unknown_segment);
  context.depend(Kind::kNetwork, network->handle);
  if (context.target == Target::kVtep) {  // the router sends it to its gateway's host
    return to_host(context, *network, context.out_host, DropReason::gateway_elsewhere);
  }
  if (context.destination.is_group()) {
    if (is_link_local_group(context.destination)) return drop(DropReason::reserved_group_address);
    context.target = Target::kFlood;
    context.cacheable = false;
    return kNext;
  }
  const Port* port =
      context.tables.ports.at(context.tables.port_by_mac.get({network->handle, context.destination}, kNone));
  if (port == nullptr) {
    context.depend(Kind::kNetworkPorts, network->handle);
    port = pair_holder(context.tables, {network->handle, context.destination});
  }
  if (port == nullptr) {
    const Segment* wire = came_by_wire(context) ? nullptr : wire_segment(context.tables, *network);
    if (wire == nullptr)
      return context.drop_for(DropReason::unknown_destination, Kind::kNetwork, network->handle);
    context.target = Target::kSegment;
    context.out_segment = *wire;
    return kNext;
  }
  context.depend(Kind::kPort, port->handle);
  context.cause = ref(Kind::kPort, port->handle);
  if (!port->state.admin_up) return drop(DropReason::destination_down);
  if (context.tables.is_local(*port) || port->device != kNoDevice) {
    if (port->device == kNoDevice) return drop(DropReason::destination_down);
    if (port == context.in_port && context.hops == 0) return drop(DropReason::same_device);
    context.target = Target::kPort;
    context.out_port = port;
    return kNext;
  }
  if (came_by_wire(context)) return drop(DropReason::unknown_destination);  // not for this host
  if (port->host == kNone) return drop(DropReason::destination_down);
  return to_host(context, *network, port->host, DropReason::no_segment);
}

}  // namespace hanok::dataplane
