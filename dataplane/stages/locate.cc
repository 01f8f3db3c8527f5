// Where did the frame come from? A port has one network; an uplink carries segments and the VTEP's own
// address.
#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/stages/stages.h"

namespace hanok::dataplane {
namespace {

// ARP about the VTEP's address: who asks is told, who answers is remembered.
Verdict underlay_arp(Context& context, const Uplink& uplink) {
  const std::uint8_t* arp = context.frame + context.parsed.l3_offset;
  const Ip sender = Ip::v4_from(arp + 14);
  const Mac sender_mac = Mac::from(arp + 8);
  context.learned = {kUnderlay, sender, sender_mac, false};
  if (load16(arp + 6) != 1) return drop(DropReason::arp_consumed);
  context.reply.resize(kEthernetBytes + kArpBytes);
  write_arp(context.reply.data(), 2, sender_mac, context.uplink_mac, *uplink.address, sender_mac, sender);
  return {Action::kReply};
}

// A network on a wire and on VXLAN: hosts reach each other by VXLAN, and flood both. What comes by the wire
// from a guest of such a host has come, or comes, by VXLAN too.
bool comes_by_vxlan_too(const Context& context) {
  const TablesData& tables = context.tables;
  const Network* network = tables.networks.at(context.network);
  if (context.in_segment.type == SegmentType::kVxlan || network->segments.size() < 2 || !tables.vtep)
    return false;
  const Port* sender =
      tables.ports.at(tables.port_by_mac.get({context.network, context.parsed.source}, kNone));
  if (sender == nullptr || tables.is_local(*sender) || tables.host_vteps.find(sender->host) == nullptr)
    return false;
  for (const Segment& segment : network->segments) {
    if (segment.type == SegmentType::kVxlan) return true;
  }
  return false;
}

Verdict locate_uplink(Context& context, const Uplink& uplink) {
  context.in_uplink = &uplink;
  Segment& segment = context.in_segment;
  const Parsed& parsed = context.parsed;
  if (context.vxlan) {
    segment = {SegmentType::kVxlan, context.vxlan->vni, kNone};
    if (!context.tables.vtep_host.contains(context.vxlan->source)) return drop(DropReason::unknown_vtep);
  } else {
    if (!parsed.tagged && uplink.address && parsed.l3 == L3::kArp) {
      const std::uint8_t* arp = context.frame + parsed.l3_offset;
      if (Ip::v4_from(arp + 24) == *uplink.address) return underlay_arp(context, uplink);
    }
    const Handle physical = uplink.physical_network.value_or(kNone);
    segment = {parsed.vlan != 0 ? SegmentType::kVlan : SegmentType::kFlat, parsed.vlan, physical};
  }
  const SegmentKey key{static_cast<std::uint32_t>(segment.type), segment.physical_network, segment.number};
  context.network = context.tables.segment_network.get(key, kNone);
  if (context.network == kNone) {
    return context.drop_for(DropReason::unknown_segment, Kind::kUplink, uplink.handle);
  }
  if (comes_by_vxlan_too(context))
    return context.drop_for(DropReason::other_segment, Kind::kNetwork, context.network);
  return kNext;
}

}  // namespace

Verdict stage_locate(Context& context) {
  if (const Port* port = context.tables.port_of_device(context.in_device)) {
    context.in_port = port;
    context.network = context.in_network = port->network;
    context.depend(Kind::kPort, port->handle);
    context.depend(Kind::kNetwork, port->network);
    if (!port->state.admin_up) return context.drop_for(DropReason::port_down, Kind::kPort, port->handle);
    if (context.parsed.tagged)
      return context.drop_for(DropReason::vlan_from_guest, Kind::kPort, port->handle);
    return kNext;
  }
  const Uplink* uplink = context.tables.uplink_of_device(context.in_device);
  if (uplink == nullptr) return drop(DropReason::unknown_device);
  const Verdict verdict = locate_uplink(context, *uplink);
  context.in_network = context.network;
  if (context.network != kNone) context.depend(Kind::kNetwork, context.network);
  return verdict;
}

}  // namespace hanok::dataplane
