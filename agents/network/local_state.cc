#include "agents/network/local_state.h"

#include <algorithm>
#include <sstream>

#include "agents/network/metadata.h"

namespace hanok::agent {
namespace {

constexpr std::size_t kMaxSocketPath = 107;

}  // namespace

const std::vector<std::string>& network_kinds() {
  static const std::vector<std::string> kKinds = {"host", "network", "subnet",     "security_group",
                                                  "port", "router",  "floating_ip"};
  return kKinds;
}

Result<std::pair<std::string, Json>> parse_uplink(const std::string& text) {
  std::istringstream parts(text);
  std::string part;
  std::string name;
  Json out = Json::object();
  while (std::getline(parts, part, ';')) {
    const std::size_t equals = part.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == part.size()) {
      return bad_request("uplinks: '" + part + "' is not key=value");
    }
    const std::string key = part.substr(0, equals);
    const std::string value = part.substr(equals + 1);
    if (name.empty()) {
      name = key;
      out["device"] = value;
    } else if (key == "physical_network" || key == "address" || key == "mac") {
      out[key] = value;
    } else if (key == "mtu" && value.size() <= 5 &&
               value.find_first_not_of("0123456789") == std::string::npos) {
      out[key] = std::stoi(value);
    } else {
      return bad_request("uplinks: '" + key + "' is none of physical_network, address, mtu, mac");
    }
  }
  if (name.empty()) return bad_request("uplinks: an uplink is name=device;physical_network=..;address=..");
  return std::pair{name, out};
}

Json LocalState::localised(const std::string& kind, const std::string& id, Json object) const {
  if (!object.is_object()) return object;
  object.erase("request_id");  // the data plane's schema has no such field
  if (kind == "host")
    return Json{{"vtep", object.value("vtep", Json()) == Json("") ? Json() : object.value("vtep", Json())}};
  if (kind != "port" || object.value("host", Json()) != Json(settings_.host)) return object;
  const std::string owner = object.contains("device_owner") && object["device_owner"].is_string()
                                ? object["device_owner"].get<std::string>()
                                : "compute:";
  object.erase("device_owner");
  const std::string socket = settings_.socket_dir + "/" + id + ".sock";
  if (owner.starts_with("compute:") && socket.size() <= kMaxSocketPath) {
    object["device"] = {{"type", "vhost-user"}, {"socket", socket}};
  }
  set_metadata(id, object);
  return object;
}

void LocalState::set_metadata(const std::string& id, Json& port) const {
  port.erase("metadata");
  const auto instance = port_instances_.find(id);
  if (instance == port_instances_.end()) return;
  if (Json files = metadata_files(instance->second, port); !files.empty())
    port["metadata"] = std::move(files);
}

std::set<std::string> LocalState::take_instances(const Changes& changes) {
  std::set<std::string> touched;
  if (changes.whole) instance_ports_.clear(), port_instances_.clear();
  const auto instances = changes.objects.find("instance");
  if (instances == changes.objects.end()) return touched;
  for (const auto& [id, instance] : instances->second) {
    for (const auto& port : instance_ports_[id]) port_instances_.erase(port), touched.insert(port);
    instance_ports_.erase(id);
    if (!instance.is_object()) continue;
    // The part that the service tells of, not the rest, which changes often.
    const Json told = {{"config_drive", instance.value("config_drive", Json())}};
    for (const Json& nic : instance.value("nics", Json::array())) {
      const std::string port = nic.value("port_id", std::string());
      if (port.empty()) continue;
      instance_ports_[id].push_back(port);
      port_instances_[port] = told;
      touched.insert(port);
    }
  }
  return touched;
}

Json LocalState::take(const Changes& changes) {
  generation_ = changes.generation;
  known_ = known_ || changes.whole;
  if (changes.whole) objects_.clear();
  const auto touched = take_instances(changes);
  Json out = Json::object();
  for (const auto& kind : network_kinds()) {
    const auto it = changes.objects.find(kind);
    if (it == changes.objects.end()) continue;
    // This host's own tunnel end is in `node`.
    for (const auto& [id, object] : it->second) {
      if (kind == "host" && id == settings_.host) continue;
      Json local = localised(kind, id, object);
      out[kind][id] = local;
      if (local.is_null()) {
        objects_[kind].erase(id);
      } else {
        objects_[kind][id] = std::move(local);
      }
    }
  }
  for (const auto& id : touched) {
    const auto port = objects_["port"].find(id);
    if (port == objects_["port"].end() || !port->second.contains("device")) continue;
    const Json before = port->second;
    set_metadata(id, port->second);
    if (port->second != before) out["port"][id] = port->second;
  }
  if (out.empty()) return nullptr;
  out["generation"] = generation_;
  return out;
}

Json LocalState::whole() const {
  Json out = {
      {"generation", generation_},
      {"node", {{"name", settings_.host}, {"vtep", settings_.vtep.empty() ? Json() : Json(settings_.vtep)}}}};
  Json uplinks = Json::object();
  for (const auto& [name, uplink] : settings_.uplinks) uplinks[name] = uplink;
  out["uplink"] = std::move(uplinks);
  for (const auto& kind : network_kinds()) {
    Json collection = Json::object();
    if (const auto it = objects_.find(kind); it != objects_.end()) {
      for (const auto& [id, object] : it->second) collection[id] = object;
    }
    out[kind] = std::move(collection);
  }
  return out;
}

std::vector<std::string> LocalState::own_ports() const {
  std::vector<std::string> out;
  const auto it = objects_.find("port");
  if (it == objects_.end()) return out;
  for (const auto& [id, port] : it->second) {
    if (port.contains("device")) out.push_back(id);
  }
  return out;
}

bool LocalState::leave_out(const std::string& kind, const std::string& id) {
  const auto it = objects_.find(kind);
  return it != objects_.end() && it->second.erase(id) != 0;
}

}  // namespace hanok::agent
