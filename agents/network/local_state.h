#pragma once
// The data plane's state document for this host: what the API wants, with what only the host knows: its node
// name, its uplinks, and the devices of its own ports. Pure.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "agents/core/role.h"
#include "common/json.h"
#include "common/result.h"

namespace hanok::agent {

struct NetworkSettings {
  std::string host, vtep;
  std::string socket_dir;               // vhost-user sockets: $socket_dir/<port id>.sock
  std::map<std::string, Json> uplinks;  // by name, as in the state document
};

// "name=device;physical_network=..;address=..;mtu=..;mac=..": only name and device are needed.
[[nodiscard]] Result<std::pair<std::string, Json>> parse_uplink(const std::string& text);

// The kinds that the data plane takes, in the order of references.
[[nodiscard]] const std::vector<std::string>& network_kinds();

class LocalState {
 public:
  explicit LocalState(NetworkSettings settings) : settings_(std::move(settings)) {}

  // Gives the changes for state.apply (null when the data plane need not know).
  [[nodiscard]] Json take(const Changes& changes);
  [[nodiscard]] Json whole() const;
  [[nodiscard]] std::int64_t generation() const { return generation_; }
  [[nodiscard]] bool known() const { return known_; }  // a whole fetch has been taken
  // Ports of this host.
  [[nodiscard]] std::vector<std::string> own_ports() const;
  // Leaves an object out until the API changes it: the data plane refuses it. False: there is no such object.
  bool leave_out(const std::string& kind, const std::string& id);

 private:
  [[nodiscard]] Json localised(const std::string& kind, const std::string& id, Json object) const;

  // Gives the ports whose metadata may be other now.
  [[nodiscard]] std::set<std::string> take_instances(const Changes& changes);
  void set_metadata(const std::string& id, Json& port) const;

  NetworkSettings settings_;
  bool known_ = false;
  std::int64_t generation_ = 0;
  std::map<std::string, std::map<std::string, Json>> objects_;
  // What this host's guests are told by the metadata service: an instance's ports, and the instance of a
  // port.
  std::map<std::string, std::vector<std::string>> instance_ports_;
  std::map<std::string, Json> port_instances_;
};

}  // namespace hanok::agent
