// Security groups, stateful: a connection is judged by the rules of the direction in which it began, each
// time a record is made. Deny is the default; the rules only allow. One pass per port: no list of members is
// walked, a remote group is one look-up in its address set.
#include "dataplane/packet/headers.h"
#include "dataplane/stages/stages.h"

namespace hanok::dataplane {
namespace {

// A packet in the direction of its connection's first one.
struct Tuple {
  bool egress = false;
  bool ipv4 = true;
  std::uint8_t protocol = 0;
  std::uint16_t destination_port = 0;  // or ICMP type
  std::int16_t icmp_code = -1;
  Ip remote;
  bool has_ports = true;
};

bool matches(const TablesData& tables, const Rule& rule, const Tuple& tuple) {
  if (rule.egress != tuple.egress || rule.ipv4 != tuple.ipv4) return false;
  if (rule.protocol >= 0) {
    if (rule.protocol != tuple.protocol) return false;
    const bool narrow = rule.low != 0 || rule.high != 0xffff;
    if (narrow &&
        (!tuple.has_ports || tuple.destination_port < rule.low || tuple.destination_port > rule.high)) {
      return false;
    }
    if (rule.icmp_code >= 0 && rule.icmp_code != tuple.icmp_code) return false;
  }
  if (rule.remote && !rule.remote->contains(tuple.remote)) return false;
  return rule.remote_group == kNone || tables.group_has(rule.remote_group, tuple.remote);
}

bool allowed(const TablesData& tables, const Port& port, const Tuple& tuple, ObjectRef* cause,
             std::string* detail) {
  for (const Handle handle : port.groups) {
    const Group* group = tables.groups.at(handle);
    for (std::size_t i = 0; i < group->rules.size(); ++i) {
      if (!matches(tables, group->rules[i], tuple)) continue;
      if (cause != nullptr) *cause = ref(Kind::kGroup, handle);
      if (detail != nullptr) *detail = "/rules/" + std::to_string(i);
      return true;
    }
  }
  return false;
}

bool is_icmp(const Parsed& parsed) {
  return parsed.protocol == protocol::kIcmp || parsed.protocol == protocol::kIcmp6;
}

// Never an answer, whatever went the other way with the same identifier.
bool asks(const Parsed& parsed) {
  if (!parsed.is_icmp_query()) return false;
  if (parsed.protocol == protocol::kIcmp6) return parsed.icmp_type == icmp6::kEcho;
  return parsed.icmp_type == icmp::kEcho || parsed.icmp_type == icmp::kTimestamp;
}

// The tuple of this packet, taken as the first of its connection.
Tuple tuple_of(const Context& context, bool egress) {
  const Parsed& parsed = context.parsed;
  Tuple tuple;
  tuple.egress = egress;
  tuple.ipv4 = parsed.l3 == L3::kIpv4;
  tuple.protocol = parsed.protocol;
  tuple.remote = egress ? context.ip_destination : context.ip_source;
  tuple.destination_port = context.destination_port;
  if (is_icmp(parsed)) {
    tuple.destination_port = parsed.icmp_type;
    tuple.icmp_code = parsed.icmp_code;
  }
  return tuple;
}

// The first packet's tuple, seen from one that answers it.
Tuple original_of(const Context& context, bool egress_now) {
  Tuple tuple = tuple_of(context, !egress_now);
  tuple.remote = egress_now ? context.ip_destination : context.ip_source;
  if (is_icmp(context.parsed)) {
    const bool six = context.parsed.protocol == protocol::kIcmp6;
    tuple.destination_port =
        six ? icmp6::kEcho
            : (context.parsed.icmp_type == icmp::kTimestampReply ? icmp::kTimestamp : icmp::kEcho);
    tuple.icmp_code = 0;
  } else {
    tuple.destination_port = context.source_port;
  }
  return tuple;
}

// An ICMP error belongs to the connection of the packet that it quotes (RFC 5508, RFC 4890).
bool related(const Context& context, const Port& port, bool egress) {
  const Parsed& parsed = context.parsed;
  Parsed inner;
  if (parse_ip(context.frame, parsed.l3_end, static_cast<std::uint16_t>(parsed.l4_offset + 8), true, inner))
    return false;
  // What is quoted went the other way.
  ConnectionKey key = connection_key(Zone::kPort, port.handle, inner, inner.protocol, !egress);
  if (egress) return context.connections.find(key).has_value();
  if (const auto& end = context.quoted_source) key.local = end->ip, key.local_port = end->port;
  if (const auto& end = context.quoted_destination) key.remote = end->ip, key.remote_port = end->port;
  if (inner.is_icmp_query() && context.quoted_source) key.remote_port = key.local_port;
  return context.connections.find(key).has_value();
}

bool is_neighbour_discovery(const Parsed& parsed) {
  return parsed.l3 == L3::kIpv6 && parsed.protocol == protocol::kIcmp6 && parsed.l4_offset != 0 &&
         parsed.icmp_type >= icmp6::kMldQuery &&
         (parsed.icmp_type <= icmp6::kRedirect || parsed.icmp_type == icmp6::kMld2Report);
}

Verdict judge(Context& context, const Port& port, bool egress) {
  const Parsed& parsed = context.parsed;
  const DropReason denied = egress ? DropReason::security_group_egress : DropReason::security_group_ingress;
  if (!parsed.is_ip() || is_neighbour_discovery(parsed)) return kNext;
  if (parsed.is_icmp_error()) {
    context.cacheable = false;
    if (related(context, port, egress)) return kNext;
    return allowed(context.tables, port, tuple_of(context, egress), &context.cause, &context.cause_detail)
               ? kNext
               : context.drop_for(DropReason::icmp_error_unmatched, Kind::kPort, port.handle);
  }
  Context::ZoneUse use;
  use.key = connection_key(Zone::kPort, port.handle, context, parsed.protocol, egress);
  use.match = context.connections.find(use.key);
  const bool answer = use.match && use.match->local_started != egress && !asks(parsed);
  use.answers = answer;
  use.local_starts = answer ? !egress : egress;
  if (!use.match && parsed.protocol == protocol::kTcp && parsed.l4_offset != 0) {
    // A connection begins with SYN, or is found in its middle (after a restart); never with an answer or a
    // reset.
    const unsigned flags = parsed.tcp_flags;
    if ((flags & tcp_flag::kRst) != 0 ||
        (flags & (tcp_flag::kSyn | tcp_flag::kAck)) == (tcp_flag::kSyn | tcp_flag::kAck)) {
      return context.drop_for(DropReason::tcp_no_connection, Kind::kPort, port.handle);
    }
  }
  const Tuple tuple = answer ? original_of(context, egress) : tuple_of(context, egress);
  if (!allowed(context.tables, port, tuple, &context.cause, &context.cause_detail)) {
    return context.drop_for(denied, Kind::kPort, port.handle);
  }
  if (!context.destination.is_group()) context.zones.push_back(use);
  return kNext;
}

}  // namespace

Verdict stage_egress_policy(Context& context) {
  const Port* port = context.in_port;
  if (port == nullptr || !port->state.port_security) return kNext;
  return judge(context, *port, true);
}

Verdict stage_ingress_policy(Context& context) {
  const Port* port = context.out_port;
  if (context.target != Target::kPort || !port->state.port_security) return kNext;
  if (!context.parsed.is_ip() && context.parsed.l3 != L3::kArp) {
    return context.drop_for(DropReason::ethertype_denied, Kind::kPort, port->handle);
  }
  const Verdict verdict = judge(context, *port, false);
  if (verdict.action == Action::kDrop) context.charge = port->device;
  return verdict;
}

bool ingress_allows(const Context& context, const Port& port) {
  if (!port.state.port_security || context.parsed.l3 == L3::kArp) return true;
  if (!context.parsed.is_ip()) return false;
  if (is_neighbour_discovery(context.parsed)) return true;
  return allowed(context.tables, port, tuple_of(context, false), nullptr, nullptr);
}

}  // namespace hanok::dataplane
