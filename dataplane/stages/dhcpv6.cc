// DHCPv6 server (RFC 8415; DNS: RFC 3646). Stateless as the other one: a port's addresses are its leases, on
// whichever host it is.
#include <algorithm>
#include <array>

#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/dhcpv6_message.h"
#include "dataplane/packet/dns_name.h"
#include "dataplane/packet/headers.h"
#include "dataplane/stages/stages.h"

namespace hanok::dataplane {
namespace {

using namespace dhcpv6;
using Association = Dhcpv6Message::Association;

constexpr std::uint32_t kLeaseSeconds = 86400;
// DUID-LL (RFC 8415, 11.4), so that a guest that moves keeps its server.
constexpr std::uint8_t kDuid[] = {0, 3, 0, 1, 0x02, 0, 0, 0, 0, 0x43};
constexpr Ip kServersAndRelays{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2}};

class Writer {
 public:
  void put16(std::uint32_t value) {
    bytes.push_back(static_cast<std::uint8_t>(value >> 8U));
    bytes.push_back(static_cast<std::uint8_t>(value));
  }
  void put32(std::uint32_t value) { put16(value >> 16U), put16(value & 0xffffU); }
  template <typename Container>
  void put(const Container& value) {
    bytes.insert(bytes.end(), std::begin(value), std::end(value));
  }
  template <typename Container>
  void option(std::uint16_t code, const Container& value) {
    const std::size_t from = begin(code);
    put(value);
    end(from);
  }
  // For options within options: end() writes the length of what came since begin().
  std::size_t begin(std::uint16_t code) {
    put16(code);
    put16(0);
    return bytes.size();
  }
  void end(std::size_t from) { store16(&bytes[from - 2], static_cast<std::uint16_t>(bytes.size() - from)); }
  void status(Status code) {
    const std::size_t from = begin(kStatusCode);
    put16(code);
    end(from);
  }

  std::vector<std::uint8_t> bytes;
};

// Who gives addresses there: nobody but this server, where the modes are unset as they were before there were
// modes.
bool gives_addresses(const Subnet& subnet) {
  if (subnet.prefix.is_v4() || !subnet.state.dhcp) return false;
  return subnet.address_mode == Ipv6Mode::kStateful ||
         (subnet.address_mode == Ipv6Mode::kUnset && subnet.ra_mode == Ipv6Mode::kUnset);
}

bool serves(const Subnet& subnet) {
  return gives_addresses(subnet) ||
         (!subnet.prefix.is_v4() && subnet.state.dhcp && subnet.address_mode == Ipv6Mode::kStateless);
}

struct Lease {
  std::vector<Ip> addresses;
  std::vector<const Subnet*> subnets;  // those that have something to tell
};

Lease lease_of(const TablesData& tables, const Port& port, const Network& network) {
  Lease lease;
  for (const PortAddress& address : port.addresses) {
    const Subnet* subnet = tables.subnets.at(address.subnet);
    if (serves(*subnet)) lease.subnets.push_back(subnet);
    if (gives_addresses(*subnet)) lease.addresses.push_back(address.ip);
  }
  if (!lease.subnets.empty()) return lease;
  for (const Handle handle : network.subnets) {
    const Subnet* subnet = tables.subnets.at(handle);
    if (subnet != nullptr && serves(*subnet)) lease.subnets.push_back(subnet);
  }
  return lease;
}

bool contains(const std::vector<Ip>& ips, const Ip& ip) {
  return std::find(ips.begin(), ips.end(), ip) != ips.end();
}

void put_address(Writer& out, const Ip& ip, std::uint32_t seconds) {
  const std::size_t from = out.begin(kIaAddress);
  out.put(ip.bytes);
  out.put32(seconds);  // preferred
  out.put32(seconds);  // valid
  out.end(from);
}

// The port's addresses go to the first association that asks; those that are not the port's end at once.
void put_association(Writer& out, const Association& asked, const std::vector<Ip>& leases, Status none) {
  const std::size_t from = out.begin(asked.option);
  out.put32(asked.iaid);
  if (asked.option != kIaTa) {
    out.put32(leases.empty() ? 0 : kLeaseSeconds / 2);
    out.put32(leases.empty() ? 0 : kLeaseSeconds / 5 * 4);
  }
  for (const Ip& ip : leases) put_address(out, ip, kLeaseSeconds);
  for (const Ip& ip : asked.addresses) {
    if (asked.option != kIaPd && !contains(leases, ip)) put_address(out, ip, 0);
  }
  if (leases.empty()) out.status(asked.option == kIaPd ? kNoPrefixAvail : none);
  out.end(from);
}

void put_associations(Writer& out, const Dhcpv6Message& message, const Lease& lease, Status none) {
  bool given = false;
  for (const Association& asked : message.associations) {
    const bool takes = asked.option == kIaNa && !given;
    put_association(out, asked, takes ? lease.addresses : std::vector<Ip>{}, none);
    given = given || takes;
  }
}

void put_settings(Writer& out, const Dhcpv6Message& message, const Lease& lease, const Network& network,
                  const Port& port) {
  const auto overridden = [&](std::uint16_t code) {
    for (const DhcpOption& option : port.dhcp_options) {
      if (option.ipv6 && option.code == code) return true;
    }
    return false;
  };
  std::vector<std::uint8_t> servers;
  for (const Subnet* subnet : lease.subnets) {
    for (const Ip& ip : subnet->dns) {
      if (!ip.is_v4()) servers.insert(servers.end(), ip.bytes.begin(), ip.bytes.end());
    }
  }
  if (!servers.empty() && message.wants(kDns) && !overridden(kDns)) out.option(kDns, servers);
  const auto domain = dns_name(network.state.dns_domain);
  if (!domain.empty() && message.wants(kDomainSearch) && !overridden(kDomainSearch))
    out.option(kDomainSearch, domain);
  for (const DhcpOption& option : port.dhcp_options) {
    if (option.ipv6 && message.wants(option.code)) out.option(option.code, option.data);
  }
}

bool all_on_link(const Dhcpv6Message& message, const Lease& lease, bool& any) {
  any = false;
  for (const Association& asked : message.associations) {
    for (const Ip& ip : asked.addresses) {
      any = true;
      bool found = false;
      for (const Subnet* subnet : lease.subnets) found = found || subnet->prefix.contains(ip);
      if (!found) return false;
    }
  }
  return true;
}

// RFC 8415, 16: what a message of its type has to carry, and must not.
bool is_valid(const Dhcpv6Message& message) {
  const bool client = !message.client_id.empty(), server = !message.server_id.empty();
  const bool ours =
      std::equal(message.server_id.begin(), message.server_id.end(), std::begin(kDuid), std::end(kDuid));
  switch (message.type) {
    case kSolicit:
    case kConfirm:
    case kRebind:
      return client && !server;
    case kRequest:
    case kRenew:
    case kRelease:
    case kDecline:
      return client && ours;
    case kInformationRequest:
      return (!server || ours) && message.associations.empty();
    default:
      return false;
  }
}

void write_reply(Context& context, const Writer& message) {
  const Parsed& parsed = context.parsed;
  const Ip server = link_local_of(kServerMac);
  const auto length = static_cast<std::uint16_t>(kUdpBytes + message.bytes.size());
  context.reply.assign(kEthernetBytes + kIpv6Bytes + length, 0);
  std::uint8_t* at = context.reply.data();
  at += write_ethernet(at, parsed.source, kServerMac, ethertype::kIpv6);
  at += write_ipv6(at, server, parsed.ip_source, protocol::kUdp, length, 64);
  store16(at, 547);
  store16(at + 2, 546);
  store16(at + 4, length);
  std::memcpy(at + kUdpBytes, message.bytes.data(), message.bytes.size());
  store16(at + 6, l4_checksum(server, parsed.ip_source, protocol::kUdp, at, length));
}

Verdict answer(Context& context, const Dhcpv6Message& message, const Port& port, const Network& network,
               const Lease& lease) {
  const bool advertises = message.type == kSolicit && !message.rapid_commit;
  Writer out;
  out.put32(static_cast<std::uint32_t>(advertises ? kAdvertise : kReply) << 24U | message.transaction);
  if (!message.client_id.empty()) out.option(kClientId, message.client_id);
  out.option(kServerId, kDuid);
  const bool unicast = !(context.parsed.ip_destination == kServersAndRelays);
  if (unicast && message.type != kInformationRequest) {
    out.status(kUseMulticast);  // RFC 8415, 18.4
    write_reply(context, out);
    return {Action::kReply};
  }
  bool any = false;
  switch (message.type) {
    case kSolicit:
      if (advertises)
        out.option(kPreference, std::array<std::uint8_t, 1>{255});  // no need to wait for others
      if (message.rapid_commit) out.option(kRapidCommit, std::array<std::uint8_t, 0>{});
      put_associations(out, message, lease, kNoAddrsAvail);
      put_settings(out, message, lease, network, port);
      break;
    case kRequest:
      put_associations(out, message, lease, kNoAddrsAvail);
      put_settings(out, message, lease, network, port);
      break;
    case kRenew:
    case kRebind:
      put_associations(out, message, lease, kNoBinding);
      put_settings(out, message, lease, network, port);
      break;
    case kConfirm: {
      const bool on_link = all_on_link(message, lease, any);
      if (!any) return context.drop_for(DropReason::dhcp_ignored, Kind::kPort, port.handle);
      out.status(on_link ? kSuccess : kNotOnLink);
      break;
    }
    case kRelease:
    case kDecline:  // the address is the port's all the same
      out.status(kSuccess);
      break;
    default:
      put_settings(out, message, lease, network, port);
      break;
  }
  write_reply(context, out);
  return {Action::kReply};
}

}  // namespace

Verdict stage_dhcpv6(Context& context) {
  const Parsed& parsed = context.parsed;
  if (context.in_port == nullptr || parsed.l3 != L3::kIpv6 || parsed.protocol != protocol::kUdp ||
      parsed.l4_offset == 0 || parsed.source_port != 546 || parsed.destination_port != 547) {
    return kNext;
  }
  const Port& port = *context.in_port;
  const Network& network = *context.tables.networks.at(port.network);
  if (!(parsed.ip_destination == kServersAndRelays) && !(parsed.ip_destination == link_local_of(kServerMac)))
    return kNext;
  const Lease lease = lease_of(context.tables, port, network);
  if (lease.subnets.empty()) return kNext;  // the network may have a server of its own
  context.cause = ref(Kind::kPort, port.handle);
  context.cacheable = false;
  Dhcpv6Message message;
  const unsigned at = parsed.l4_offset + kUdpBytes;
  if (parsed.fragment || at > parsed.l3_end || !parsed.ip_source.is_link_local() ||
      !read_dhcpv6_message(context.frame + at, parsed.l3_end - at, message)) {
    return drop(DropReason::dhcp_malformed);
  }
  if (!is_valid(message)) return drop(DropReason::dhcp_ignored);
  return answer(context, message, port, network, lease);
}

}  // namespace hanok::dataplane
