#pragma once
// One object of the document made into one object of the tables: text to numbers, ids to handles. Pure; the
// first thing that is wrong is `error`, with the pointer relative to the object.

#include <memory>
#include <optional>
#include <string>

#include "dataplane/tables/tables_data.h"

namespace hanok::dataplane {

// What compiling needs to know: the ids of the state that is being made.
class Compiler {
 public:
  explicit Compiler(TablesData& tables) : tables_(tables) {}

  [[nodiscard]] bool uplink(const UplinkState& from, Uplink& to);
  [[nodiscard]] bool network(const NetworkState& from, Network& to);
  [[nodiscard]] bool subnet(const SubnetState& from, Subnet& to);
  [[nodiscard]] bool port(const PortState& from, Port& to);
  [[nodiscard]] bool group(const SecurityGroupState& from, Group& to);
  [[nodiscard]] bool router(const RouterState& from, Router& to);
  [[nodiscard]] bool floating_ip(const FloatingIpState& from, FloatingIp& to);

  // Names that are used as numbers; never freed.
  [[nodiscard]] Handle intern_host(const std::string& name);
  [[nodiscard]] Handle intern_physical_network(const std::string& name);

  bool fail(std::string path, std::string message);
  StateError error;

 private:
  template <typename T>
  [[nodiscard]] bool resolve(const Collection<T>& collection, const std::string& id, const std::string& path,
                             const char* what, Handle& to);
  [[nodiscard]] bool address(const std::string& text, const std::string& path, Ip& to);
  [[nodiscard]] bool mac(const std::string& text, const std::string& path, Mac& to);
  [[nodiscard]] bool addresses(const std::vector<AddressState>& from, const std::string& path, Handle network,
                               std::vector<PortAddress>& to);
  [[nodiscard]] bool routes(const std::vector<RouteState>& from, const std::string& path,
                            std::vector<Subnet::Route>& to);
  [[nodiscard]] bool forward(const PortForwardingState& from, const std::string& path,
                             FloatingIp::Forward& to);
  [[nodiscard]] bool ipv6_mode(const std::optional<std::string>& from, const Prefix& prefix,
                               const std::string& path, Ipv6Mode& to);
  [[nodiscard]] bool metadata(const std::map<std::string, std::string>& from,
                              std::map<std::string, std::string>& to);
  [[nodiscard]] bool dhcp_options(const std::vector<DhcpOptionState>& from, std::vector<DhcpOption>& to);
  [[nodiscard]] bool rule(const RuleState& from, const std::string& path, Rule& to);
  [[nodiscard]] bool interface(const std::string& network, const std::string& mac_text,
                               const std::vector<AddressState>& address_states, const std::string& path,
                               RouterInterface& to);

  TablesData& tables_;
};

}  // namespace hanok::dataplane
