// DHCPv4 server (RFC 2131, options RFC 2132, classless routes RFC 3442, search list RFC 3397). Stateless: a
// port's addresses are its leases.
#include <algorithm>
#include <bitset>

#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/dns_name.h"
#include "dataplane/packet/headers.h"
#include "dataplane/stages/stages.h"

namespace hanok::dataplane {
namespace {

constexpr unsigned kBootpBytes = 236;
constexpr std::uint32_t kMagic = 0x63825363;
constexpr std::uint32_t kLeaseSeconds = 86400;
enum : std::uint8_t { kDiscover = 1, kOffer, kRequest, kDecline, kAck, kNak, kRelease, kInform };

struct Message {
  const std::uint8_t* bootp = nullptr;
  std::uint8_t type = 0;
  std::optional<Ip> requested, server;
  const std::uint8_t* wanted = nullptr;  // option 55
  std::uint8_t wanted_count = 0;
  Ip client;                                 // ciaddr
  const std::uint8_t* identifier = nullptr;  // option 61, given back (RFC 6842)
  std::uint8_t identifier_size = 0;

  [[nodiscard]] bool wants(std::uint8_t option) const { return wanted == nullptr || names(option); }
  [[nodiscard]] bool names(std::uint8_t option) const {
    return wanted != nullptr && std::memchr(wanted, option, wanted_count) != nullptr;
  }
};

// False: malformed. Only the options that matter are kept.
bool read_message(const std::uint8_t* at, unsigned length, Message& out) {
  if (length < kBootpBytes + 4 || at[0] != 1 || at[1] != 1 || at[2] != 6 ||
      load32(at + kBootpBytes) != kMagic)
    return false;
  out.bootp = at;
  out.client = Ip::v4_from(at + 12);
  unsigned i = kBootpBytes + 4;
  while (i < length && at[i] != 255) {
    if (at[i] == 0) {
      ++i;
      continue;
    }
    if (i + 2 > length || i + 2U + at[i + 1] > length) return false;
    const std::uint8_t code = at[i], size = at[i + 1];
    const std::uint8_t* value = at + i + 2;
    if (code == 53 && size == 1) out.type = *value;
    if (code == 50 && size == 4) out.requested = Ip::v4_from(value);
    if (code == 54 && size == 4) out.server = Ip::v4_from(value);
    if (code == 55) out.wanted = value, out.wanted_count = size;
    if (code == 61 && size >= 2) out.identifier = value, out.identifier_size = size;
    i += 2U + size;
  }
  return out.type != 0;
}

// What the port says itself comes first, and the subnet's and the network's word for it is not heard any
// more.
class Options {
 public:
  void add(std::uint8_t code, const void* value, std::size_t size) {
    if (size > 255 || own_[code] || bytes_.size() + 2 + size > kMostBytes) return;
    bytes_.push_back(code);
    bytes_.push_back(static_cast<std::uint8_t>(size));
    const auto* p = static_cast<const std::uint8_t*>(value);
    bytes_.insert(bytes_.end(), p, p + size);
  }
  void add32(std::uint8_t code, std::uint32_t value) {
    std::uint8_t raw[4];
    store32(raw, value);
    add(code, raw, 4);
  }
  void add_ips(std::uint8_t code, const std::vector<Ip>& ips) {
    std::vector<std::uint8_t> raw;
    for (const Ip& ip : ips) {
      if (ip.is_v4() && raw.size() + 4 <= 252) raw.insert(raw.end(), &ip.bytes[12], &ip.bytes[12] + 4);
    }
    if (!raw.empty()) add(code, raw.data(), raw.size());
  }
  void add_own(const Message& message, const Port& port) {
    for (const DhcpOption& option : port.dhcp_options) {
      const auto code = static_cast<std::uint8_t>(option.code);
      if (option.ipv6 || !message.wants(code)) continue;
      add(code, option.data.data(), option.data.size());
      own_[code] = true;
    }
  }
  [[nodiscard]] const std::vector<std::uint8_t>& bytes() const { return bytes_; }
  // An option that is a field of the message too; null where the port names none.
  [[nodiscard]] static const DhcpOption* field(const Port& port, std::uint16_t code) {
    for (const DhcpOption& option : port.dhcp_options) {
      if (!option.ipv6 && option.code == code) return &option;
    }
    return nullptr;
  }

 private:
  static constexpr std::size_t kMostBytes = 1200;  // the message stays below any link's MTU
  std::vector<std::uint8_t> bytes_;
  std::bitset<256> own_;
};

// RFC 3442: destination width, its significant octets, router. A client that takes these ignores option 3, so
// the default route is among them.
std::vector<std::uint8_t> classless_routes(const Subnet& subnet, const Port& port) {
  std::vector<std::uint8_t> raw;
  const auto add = [&](const Prefix& to, const Ip& by) {
    if (!to.is_v4() || raw.size() + 9 > 255) return;
    raw.push_back(to.bits);
    raw.insert(raw.end(), &to.address.bytes[12], &to.address.bytes[12] + (to.bits + 7) / 8);
    raw.insert(raw.end(), &by.bytes[12], &by.bytes[12] + 4);
  };
  bool has_default = false;
  for (const Subnet::Route& route : subnet.routes) {
    has_default = has_default || (route.destination.is_v4() && route.destination.bits == 0);
    add(route.destination, route.nexthop);
  }
  if (subnet.gateway && !has_default) add({Ip::v4(0), 0}, *subnet.gateway);
  // On the link itself: a gateway may stand in the subnet that no router has.
  if (!port.metadata.empty()) add({kMetadataIp, 32}, Ip::v4(0));
  return raw;
}

void add_settings(Options& options, const Message& message, const Subnet& subnet, const Network& network,
                  const Port& port) {
  if (message.identifier != nullptr) options.add(61, message.identifier, message.identifier_size);
  const unsigned bits = subnet.prefix.bits;
  options.add32(1, bits == 0 ? 0 : 0xffffffffU << (32U - bits));
  options.add32(28, subnet.prefix.last_v4().to_v4());
  if (subnet.gateway) options.add32(3, subnet.gateway->to_v4());
  options.add_ips(6, subnet.dns);
  const std::string& host = port.state.hostname ? *port.state.hostname : std::string();
  if (!host.empty() && message.wants(12)) options.add(12, host.data(), host.size());
  const std::string& domain = network.state.dns_domain;
  if (!domain.empty() && message.wants(15)) options.add(15, domain.data(), domain.size());
  std::uint8_t mtu[2];
  store16(mtu, static_cast<std::uint16_t>(network.state.mtu));
  if (message.wants(26)) options.add(26, mtu, 2);
  if (message.wants(121)) {
    const auto routes = classless_routes(subnet, port);
    if (!routes.empty()) options.add(121, routes.data(), routes.size());
    if (!routes.empty() && message.names(249))
      options.add(249, routes.data(), routes.size());  // its old code
  }
  const auto search = dns_name(domain);
  if (!search.empty() && message.names(119)) options.add(119, search.data(), search.size());
}

// The address that the server calls itself: the gateway, on the guest's link whatever its routes are.
Ip server_of(const Subnet& subnet) {
  return subnet.gateway.value_or(kMetadataIp);
}

Mac server_mac(const Context& context, const Subnet& subnet) {
  const auto* router =
      context.tables.routers.at(context.tables.router_by_ip.get({subnet.network, server_of(subnet)}, kNone));
  if (router != nullptr) {
    for (const RouterInterface& interface : router->interfaces) {
      if (interface.network == subnet.network) return interface.mac;
    }
  }
  return kServerMac;
}

void write_reply(Context& context, const Message& message, std::uint8_t type, const Subnet& subnet,
                 const Options& options, const Ip& yours) {
  const unsigned bootp_bytes =
      std::max<unsigned>(300, static_cast<unsigned>(kBootpBytes + 4 + options.bytes().size() + 1));
  const Ip server = server_of(subnet);
  const Mac client_mac = Mac::from(message.bootp + 28);
  const bool asks_broadcast = (message.bootp[10] & 0x80U) != 0;
  // RFC 2131, 4.1: to ciaddr if it has one; else to all if it asks so, or is refused; else to its new
  // address.
  Ip to = yours;
  Mac to_mac = client_mac;
  if (type != kNak && !message.client.is_zero()) {
    to = message.client;
  } else if (type == kNak || asks_broadcast) {
    to = Ip::v4(0xffffffffU);
    to_mac = kBroadcast;
  }
  context.reply.assign(kEthernetBytes + kIpv4Bytes + kUdpBytes + bootp_bytes, 0);
  std::uint8_t* at = context.reply.data();
  at += write_ethernet(at, to_mac, server_mac(context, subnet), ethertype::kIpv4);
  at += write_ipv4(at, server, to, protocol::kUdp, static_cast<std::uint16_t>(kUdpBytes + bootp_bytes));
  std::uint8_t* udp = at;
  store16(udp, 67);
  store16(udp + 2, 68);
  store16(udp + 4, static_cast<std::uint16_t>(kUdpBytes + bootp_bytes));
  std::uint8_t* bootp = udp + kUdpBytes;
  std::memcpy(bootp, message.bootp, 44);  // xid, flags, addresses, chaddr
  bootp[0] = 2;
  bootp[3] = 0;
  std::memset(bootp + 8, 0, 2);
  if (type == kNak) std::memset(bootp + 12, 0, 4);
  std::memset(bootp + 16, 0, 12);
  if (type != kNak && !yours.is_zero()) yours.write_v4(bootp + 16);
  // What to boot from stands in fields of its own as well, which some firmware reads alone.
  if (const auto* name = Options::field(*context.in_port, 66); name != nullptr && type != kNak)
    std::memcpy(bootp + 44, name->data.data(), std::min<std::size_t>(name->data.size(), 63));
  if (const auto* file = Options::field(*context.in_port, 67); file != nullptr && type != kNak)
    std::memcpy(bootp + 108, file->data.data(), std::min<std::size_t>(file->data.size(), 127));
  store32(bootp + kBootpBytes, kMagic);
  std::memcpy(bootp + kBootpBytes + 4, options.bytes().data(), options.bytes().size());
  bootp[kBootpBytes + 4 + options.bytes().size()] = 255;
  store16(udp + 6,
          l4_checksum(server, to, protocol::kUdp, udp, static_cast<std::uint16_t>(kUdpBytes + bootp_bytes)));
}

Verdict answer(Context& context, const Message& message, const Port& port, const PortAddress& lease) {
  const Subnet& subnet = *context.tables.subnets.at(lease.subnet);
  const Network& network = *context.tables.networks.at(port.network);
  const Ip server = server_of(subnet);
  std::uint8_t type = kAck;
  Ip yours = lease.ip;
  switch (message.type) {
    case kDiscover:
      type = kOffer;
      break;
    case kRequest: {
      if (message.server && !(*message.server == server))
        return drop(DropReason::dhcp_ignored);  // chose another
      const Ip asked = message.requested.value_or(message.client);
      if (asked.is_zero()) return drop(DropReason::dhcp_malformed);
      if (!(asked == lease.ip)) type = kNak;
      break;
    }
    case kInform:
      yours = Ip::v4(0);
      break;
    case kDecline:  // the address is the port's all the same; but someone else seems to use it
      return drop(DropReason::dhcp_declined);
    case kRelease:
      return drop(DropReason::dhcp_released);
    default:
      return drop(DropReason::dhcp_ignored);
  }
  Options options;
  options.add(53, &type, 1);
  options.add32(54, server.to_v4());
  if (type != kNak) {
    if (message.type != kInform) {
      options.add32(51, kLeaseSeconds);
      options.add32(58, kLeaseSeconds / 2);
      options.add32(59, kLeaseSeconds / 8 * 7);
    }
    options.add_own(message, port);
    add_settings(options, message, subnet, network, port);
  }
  write_reply(context, message, type, subnet, options, type == kNak ? Ip::v4(0) : yours);
  return {Action::kReply};
}

}  // namespace

Verdict stage_dhcp(Context& context) {
  const Parsed& parsed = context.parsed;
  if (context.in_port == nullptr || parsed.l3 != L3::kIpv4 || parsed.protocol != protocol::kUdp ||
      parsed.l4_offset == 0 || parsed.source_port != 68 || parsed.destination_port != 67) {
    return kNext;
  }
  const Port& port = *context.in_port;
  context.cause = ref(Kind::kPort, port.handle);
  const Network* network = context.tables.networks.at(port.network);
  bool serves = false;
  for (const Handle handle : network->subnets) {
    const Subnet* subnet = context.tables.subnets.at(handle);
    serves = serves || (subnet->state.dhcp && subnet->prefix.is_v4());
  }
  if (!serves) return kNext;  // the network may have a server of its own
  context.cacheable = false;
  const unsigned at = parsed.l4_offset + kUdpBytes;
  Message message;
  if (parsed.fragment || at > parsed.l3_end ||
      !read_message(context.frame + at, parsed.l3_end - at, message)) {
    return drop(DropReason::dhcp_malformed);
  }
  if (load32(message.bootp + 24) != 0) return drop(DropReason::dhcp_ignored);  // a relay's
  // The address that the client speaks of, else the first.
  const Ip asked = message.requested.value_or(message.client);
  const PortAddress* lease = nullptr;
  for (const PortAddress& address : port.addresses) {
    const Subnet* subnet = context.tables.subnets.at(address.subnet);
    if (!address.ip.is_v4() || !subnet->state.dhcp) continue;
    if (lease == nullptr || address.ip == asked) lease = &address;
  }
  return lease != nullptr ? answer(context, message, port, *lease) : drop(DropReason::dhcp_no_address);
}

}  // namespace hanok::dataplane
