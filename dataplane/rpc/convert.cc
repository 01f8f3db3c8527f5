#include "dataplane/rpc/convert.h"

namespace hanok::dataplane::rpc {
namespace {

// The schema has been checked: what is there has the right type, and null stands for absent.
const Json* present(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text(const Json& object, const char* key) {
  const Json* found = present(object, key);
  return found == nullptr ? std::string() : found->get<std::string>();
}

std::optional<std::string> optional_text(const Json& object, const char* key) {
  const Json* found = present(object, key);
  if (found == nullptr) return {};
  return found->get<std::string>();
}

std::optional<std::uint32_t> optional_number(const Json& object, const char* key) {
  const Json* found = present(object, key);
  if (found == nullptr) return {};
  return found->get<std::uint32_t>();
}

bool truth(const Json& object, const char* key, bool otherwise) {
  const Json* found = present(object, key);
  return found == nullptr ? otherwise : found->get<bool>();
}

template <typename Item, typename Convert>
std::vector<Item> list(const Json& object, const char* key, Convert&& convert) {
  std::vector<Item> out;
  if (const Json* found = present(object, key)) {
    out.reserve(found->size());
    for (const Json& item : *found) out.push_back(convert(item));
  }
  return out;
}

std::string same_text(const Json& item) {
  return item.get<std::string>();
}

AddressState address(const Json& item) {
  return {text(item, "subnet"), text(item, "ip")};
}

RouteState route(const Json& item) {
  return {text(item, "destination"), text(item, "nexthop")};
}

HostState host(const Json& item) {
  return {optional_text(item, "vtep")};
}

UplinkState uplink(const Json& item) {
  UplinkState out;
  out.device = text(item, "device");
  out.physical_network = optional_text(item, "physical_network");
  out.address = optional_text(item, "address");
  out.mac = optional_text(item, "mac");
  out.mtu = optional_number(item, "mtu").value_or(1500);
  return out;
}

SegmentState segment(const Json& item) {
  return {text(item, "type"), optional_number(item, "vni").value_or(0), text(item, "physical_network"),
          optional_number(item, "vlan_id").value_or(0)};
}

NetworkState network(const Json& item) {
  NetworkState out;
  out.mtu = optional_number(item, "mtu").value_or(1500);
  out.segments = list<SegmentState>(item, "segments", segment);
  out.external = truth(item, "external", false);
  out.dns_domain = text(item, "dns_domain");
  return out;
}

SubnetState subnet(const Json& item) {
  SubnetState out;
  out.network = text(item, "network");
  out.cidr = text(item, "cidr");
  out.gateway = optional_text(item, "gateway");
  out.dhcp = truth(item, "dhcp", true);
  out.dns = list<std::string>(item, "dns", same_text);
  out.host_routes = list<RouteState>(item, "host_routes", route);
  out.ipv6_ra_mode = optional_text(item, "ipv6_ra_mode");
  out.ipv6_address_mode = optional_text(item, "ipv6_address_mode");
  return out;
}

std::optional<DeviceState> device(const Json& item) {
  const Json* found = present(item, "device");
  if (found == nullptr) return {};
  const std::string type = text(*found, "type");
  return DeviceState{type, text(*found, type == "vhost-user" ? "socket" : "device")};
}

std::optional<RateState> rate(const Json& item, const char* key) {
  const Json* found = present(item, key);
  if (found == nullptr) return {};
  return RateState{optional_number(*found, "kbps").value_or(0),
                   optional_number(*found, "burst_kbits").value_or(0)};
}

std::optional<QosState> qos(const Json& item) {
  const Json* found = present(item, "qos");
  if (found == nullptr) return {};
  return QosState{rate(*found, "ingress"), rate(*found, "egress"), optional_number(*found, "dscp")};
}

PortState port(const Json& item) {
  PortState out;
  out.network = text(item, "network");
  out.mac = text(item, "mac");
  out.addresses = list<AddressState>(item, "addresses", address);
  out.host = optional_text(item, "host");
  out.hostname = optional_text(item, "hostname");
  out.security_groups = list<std::string>(item, "security_groups", same_text);
  out.port_security = truth(item, "port_security", true);
  out.allowed_address_pairs = list<AddressPairState>(item, "allowed_address_pairs", [](const Json& pair) {
    return AddressPairState{text(pair, "ip"), optional_text(pair, "mac")};
  });
  out.admin_up = truth(item, "admin_up", true);
  out.device = device(item);
  out.qos = qos(item);
  out.dhcp_options = list<DhcpOptionState>(item, "dhcp_options", [](const Json& option) {
    return DhcpOptionState{optional_number(option, "ip_version").value_or(4),
                           optional_number(option, "code").value_or(0), text(option, "data")};
  });
  if (const Json* files = present(item, "metadata"); files != nullptr) {
    for (const auto& [path, content] : files->items()) out.metadata.emplace(path, content.get<std::string>());
  }
  return out;
}

RuleState rule(const Json& item) {
  RuleState out;
  out.id = text(item, "id");
  out.direction = text(item, "direction");
  out.ethertype = text(item, "ethertype");
  if (const Json* protocol = present(item, "protocol")) {
    out.protocol =
        protocol->is_string() ? protocol->get<std::string>() : std::to_string(protocol->get<int>());
  }
  out.port_min = optional_number(item, "port_min");
  out.port_max = optional_number(item, "port_max");
  out.remote_cidr = optional_text(item, "remote_cidr");
  out.remote_group = optional_text(item, "remote_group");
  return out;
}

SecurityGroupState security_group(const Json& item) {
  return {list<RuleState>(item, "rules", rule)};
}

RouterState router(const Json& item) {
  RouterState out;
  out.admin_up = truth(item, "admin_up", true);
  out.interfaces = list<InterfaceState>(item, "interfaces", [](const Json& one) {
    return InterfaceState{optional_text(one, "port"), text(one, "network"), text(one, "mac"),
                          list<AddressState>(one, "addresses", address)};
  });
  if (const Json* gateway = present(item, "gateway")) {
    out.gateway =
        GatewayState{optional_text(*gateway, "port"), text(*gateway, "network"),
                     text(*gateway, "mac"),           list<AddressState>(*gateway, "addresses", address),
                     truth(*gateway, "snat", true),   optional_text(*gateway, "host")};
  }
  out.routes = list<RouteState>(item, "routes", route);
  return out;
}

FloatingIpState floating_ip(const Json& item) {
  FloatingIpState out;
  out.router = optional_text(item, "router");
  out.port = optional_text(item, "port");
  out.fixed_ip = optional_text(item, "fixed_ip");
  out.network = text(item, "network");
  out.floating_ip = text(item, "floating_ip");
  out.qos = qos(item);
  out.port_forwardings = list<PortForwardingState>(item, "port_forwardings", [](const Json& one) {
    return PortForwardingState{text(one, "protocol"), optional_number(one, "external_port").value_or(0),
                               text(one, "port"), text(one, "internal_ip"),
                               optional_number(one, "internal_port").value_or(0)};
  });
  return out;
}

template <typename T, typename Convert>
void collect(const Json& document, const char* kind, Changes<T>& out, Convert&& convert) {
  const Json* found = present(document, kind);
  if (found == nullptr) return;
  for (const auto& [id, object] : found->items()) {
    if (object.is_null()) {
      out.emplace(id, std::nullopt);
    } else {
      out.emplace(id, convert(object));
    }
  }
}

// The schema knows no deletions: without them, changes have the shape of a whole document.
Json without_deletions(const Json& document) {
  if (!document.is_object()) return document;
  Json out = Json::object();
  for (const auto& [kind, collection] : document.items()) {
    if (!collection.is_object() || kind == "node") {
      out[kind] = collection;
      continue;
    }
    Json& kept = out[kind] = Json::object();
    for (const auto& [id, object] : collection.items()) {
      if (!object.is_null()) kept[id] = object;
    }
  }
  return out;
}

}  // namespace

std::variant<StateDocument, Problem> to_state_document(const StateSchema& schema, const Json& document,
                                                       bool whole) {
  if (auto problem = whole ? schema.check(document) : schema.check(without_deletions(document)))
    return *problem;
  StateDocument out;
  out.whole = whole;
  if (const Json* generation = present(document, "generation"))
    out.generation = generation->get<std::uint64_t>();
  if (const Json* node = present(document, "node"))
    out.node = {text(*node, "name"), optional_text(*node, "vtep")};
  collect(document, "host", out.host, host);
  collect(document, "uplink", out.uplink, uplink);
  collect(document, "network", out.network, network);
  collect(document, "subnet", out.subnet, subnet);
  collect(document, "port", out.port, port);
  collect(document, "security_group", out.security_group, security_group);
  collect(document, "router", out.router, router);
  collect(document, "floating_ip", out.floating_ip, floating_ip);
  return out;
}

}  // namespace hanok::dataplane::rpc
