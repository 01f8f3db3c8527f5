// Solicitations of guests are answered here; the engine sends the rest, see
// Engine::Impl::advertise_routers().
#include "dataplane/stages/router_advertisement.h"

#include <algorithm>

#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/dns_name.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/nd_message.h"
#include "dataplane/stages/stages.h"

namespace hanok::dataplane {
namespace {

constexpr std::uint16_t kRouterSeconds = 1800;  // longer than many periods of advertisements
constexpr std::uint32_t kValidSeconds = 86400, kPreferredSeconds = 14400;
constexpr std::uint32_t kMinimumMtu = 1280;  // RFC 8200, 5
constexpr std::size_t kMaxDnsServers = 16;
enum : std::uint8_t { kSourceLink = 1, kPrefix = 3, kMtu = 5, kDns = 25, kSearch = 31 };

// The interface that holds the subnet's gateway address, where its mode asks for advertisements.
const RouterInterface* advertiser(const TablesData& tables, const Subnet& subnet) {
  if (subnet.ra_mode == Ipv6Mode::kUnset || !subnet.gateway) return nullptr;
  const Router* router = tables.routers.at(tables.router_by_ip.get({subnet.network, *subnet.gateway}, kNone));
  if (router == nullptr || !router->state.admin_up) return nullptr;
  for (const RouterInterface& interface : router->interfaces) {
    for (const PortAddress& address : interface.addresses) {
      if (interface.network == subnet.network && address.ip == *subnet.gateway) return &interface;
    }
  }
  return nullptr;
}

using Bytes = std::vector<std::uint8_t>;

void put32(Bytes& out, std::uint32_t value) {
  for (unsigned shift : {24U, 16U, 8U, 0U}) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

void put_prefix(Bytes& out, const Subnet& subnet) {
  // RFC 4862, 5.5.3: an interface identifier has 64 bits, so only such prefixes configure addresses.
  const bool autonomous = subnet.ra_mode != Ipv6Mode::kStateful && subnet.prefix.bits == 64;
  out.insert(out.end(),
             {kPrefix, 4, subnet.prefix.bits, static_cast<std::uint8_t>(autonomous ? 0xc0 : 0x80)});
  put32(out, kValidSeconds);
  put32(out, kPreferredSeconds);
  put32(out, 0);
  out.insert(out.end(), subnet.prefix.address.bytes.begin(), subnet.prefix.address.bytes.end());
}

void put_dns(Bytes& out, const std::vector<Ip>& servers, const std::string& domain) {
  if (!servers.empty()) {
    out.insert(out.end(), {kDns, static_cast<std::uint8_t>(1 + 2 * servers.size()), 0, 0});
    put32(out, kRouterSeconds);
    for (const Ip& ip : servers) out.insert(out.end(), ip.bytes.begin(), ip.bytes.end());
  }
  Bytes name = dns_name(domain);
  if (name.empty()) return;
  name.resize((name.size() + 7) / 8 * 8);
  out.insert(out.end(), {kSearch, static_cast<std::uint8_t>(1 + name.size() / 8), 0, 0});
  put32(out, kRouterSeconds);
  out.insert(out.end(), name.begin(), name.end());
}

Bytes message(const TablesData& tables, const Network& network, const RouterInterface& from) {
  Bytes out(16, 0);
  out[0] = icmp6::kRouterAdvert;
  out[4] = 64;  // hop limit
  store16(&out[6], kRouterSeconds);
  out.insert(out.end(), {kSourceLink, 1});
  out.insert(out.end(), from.mac.bytes.begin(), from.mac.bytes.end());
  if (network.state.mtu >= kMinimumMtu) {  // RFC 4861, 6.3.4: less would be ignored
    out.insert(out.end(), {kMtu, 1, 0, 0});
    put32(out, network.state.mtu);
  }
  std::vector<Ip> servers;
  for (const Handle handle : network.subnets) {
    const Subnet* subnet = tables.subnets.at(handle);
    if (subnet == nullptr || advertiser(tables, *subnet) != &from) continue;
    if (subnet->ra_mode == Ipv6Mode::kStateful) out[5] |= 0x80U;
    if (subnet->ra_mode == Ipv6Mode::kStateless) out[5] |= 0x40U;
    put_prefix(out, *subnet);
    for (const Ip& ip : subnet->dns) {
      if (!ip.is_v4() && servers.size() < kMaxDnsServers) servers.push_back(ip);
    }
  }
  put_dns(out, servers, network.state.dns_domain);
  return out;
}

}  // namespace

std::vector<const RouterInterface*> advertisers(const TablesData& tables, const Network& network) {
  std::vector<const RouterInterface*> all;
  for (const Handle handle : network.subnets) {
    const Subnet* subnet = tables.subnets.at(handle);
    const RouterInterface* found = subnet != nullptr ? advertiser(tables, *subnet) : nullptr;
    if (found != nullptr && std::find(all.begin(), all.end(), found) == all.end()) all.push_back(found);
  }
  return all;
}

std::vector<std::uint8_t> router_advert(const TablesData& tables, const Network& network,
                                        const RouterInterface& from, const Mac& to_mac, const Ip& to) {
  Bytes body = message(tables, network, from);
  const auto length = static_cast<std::uint16_t>(body.size());
  const Ip source = link_local_of(from.mac);
  store16(&body[2], l4_checksum(source, to, protocol::kIcmp6, body.data(), length));
  Bytes frame(kEthernetBytes + kIpv6Bytes);
  write_ethernet(frame.data(), to_mac, from.mac, ethertype::kIpv6);
  write_ipv6(frame.data() + kEthernetBytes, source, to, protocol::kIcmp6, length, 255);
  frame.insert(frame.end(), body.begin(), body.end());
  return frame;
}

// The first router answers; others are heard of with their next advertisement.
Verdict stage_router_advertisement(Context& context) {
  const Parsed& parsed = context.parsed;
  if (context.in_port == nullptr || parsed.l3 != L3::kIpv6 || parsed.protocol != protocol::kIcmp6 ||
      parsed.l4_offset == 0 || parsed.icmp_type != icmp6::kRouterSolicit) {
    return kNext;
  }
  const Network* network = context.tables.networks.at(context.network);
  const auto routers = advertisers(context.tables, *network);
  if (routers.empty()) return kNext;  // the network may have a router of its own
  const bool named = !parsed.ip_source.is_zero();
  context.cause = ref(Kind::kNetwork, network->handle);
  context.reply =
      router_advert(context.tables, *network, *routers[0], named ? parsed.source : group_mac_of(kAllNodes),
                    named ? parsed.ip_source : kAllNodes);
  return {Action::kReply};
}

}  // namespace hanok::dataplane
