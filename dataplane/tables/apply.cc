#include "dataplane/tables/apply.h"

namespace hanok::dataplane {

std::string pointer_token(const std::string& id) {
  std::string out;
  for (const char c : id) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

bool Applier::fail(std::string path, std::string message) {
  error_ = {std::move(path), std::move(message)};
  return false;
}

void Applier::refer(Kind kind, Handle handle, int by) {
  const ObjectRef object = ref(kind, handle);
  const auto count = static_cast<std::uint32_t>(static_cast<int>(next_.references.get(object)) + by);
  if (count == 0) {
    next_.references.erase(object);
  } else {
    next_.references.set(object, count);
  }
}

// Takes what changes or goes out of the indexes, and gives each new id its handle, so that objects of one
// document may name each other in any order.
template <typename T, typename State>
void Applier::retire(Collection<T>& collection, Kind kind, const Changes<State>& changes, bool whole) {
  std::vector<std::pair<std::string, Handle>> gone;
  if (whole) {
    collection.by_id.for_each([&](const std::string& id, Handle handle) {
      const auto found = changes.find(id);
      if (found == changes.end() || !found->second) gone.emplace_back(id, handle);
    });
  }
  for (const auto& [id, state] : changes) {
    const Handle handle = collection.by_id.get(id, kNone);
    if (!state) {
      if (!whole && handle != kNone) gone.emplace_back(id, handle);
    } else if (handle == kNone) {
      Handle fresh = collection.next;
      if (collection.freed.empty()) {
        ++collection.next;
      } else {
        fresh = collection.freed.back();
        collection.freed.pop_back();
      }
      collection.by_id.set(id, fresh);
    } else if (const T* old = collection.at(handle); old != nullptr && !(old->state == *state)) {
      unindex(*old);
    }
  }
  for (const auto& [id, handle] : gone) {
    if (const T* old = collection.at(handle)) unindex(*old);
    collection.by_id.erase(id);
    collection.by_handle.erase(handle);
    next_.versions.erase(ref(kind, handle));
    gone_.push_back({kind, {id, handle}});
  }
}

template <typename T, typename State, typename Compile>
bool Applier::install(Collection<T>& collection, Kind kind, const Changes<State>& changes, Compile compile) {
  for (const auto& [id, state] : changes) {
    if (!state) continue;
    const Handle handle = collection.by_id.get(id, kNone);
    const T* old = collection.at(handle);
    if (old != nullptr && old->state == *state) continue;
    const std::string path = "/" + std::string(to_string(kind)) + "/" + pointer_token(id);
    auto made = std::make_shared<T>();
    made->handle = handle;
    made->id = id;
    made->state = *state;
    if (!(compiler_.*compile)(*state, *made))
      return fail(path + compiler_.error.path, compiler_.error.message);
    if (!index(*made, path)) return false;
    collection.by_handle.set(handle, made);
    touch(ref(kind, handle));
    ++rebuilt;
  }
  return true;
}

bool Applier::still_referenced(Kind kind, const std::string& id, Handle handle) {
  if (next_.references.get(ref(kind, handle)) == 0) return false;
  return !fail("/" + std::string(to_string(kind)) + "/" + pointer_token(id), "still used by another object");
}

void Applier::apply_node(const StateDocument& change) {
  if (!change.node || *change.node == next_.node) return;
  next_.node = *change.node;
  next_.node_host = compiler_.intern_host(change.node->name);
  next_.floor_version = next_.version;
  ++rebuilt;
}

bool Applier::apply_hosts(const StateDocument& change) {
  std::vector<std::string> gone;
  if (change.whole) {
    next_.hosts.for_each([&](const std::string& name, const HostState&) {
      if (!change.host.contains(name)) gone.push_back(name);
    });
  }
  for (const auto& [name, state] : change.host) {
    if (!state) gone.push_back(name);
  }
  const auto forget = [&](const std::string& name) {
    const Handle handle = compiler_.intern_host(name);
    if (const Ip* vtep = next_.host_vteps.find(handle)) next_.vtep_host.erase(*vtep);
    next_.host_vteps.erase(handle);
    next_.hosts.erase(name);
    next_.floor_version = next_.version;
  };
  for (const auto& name : gone) {
    if (next_.hosts.contains(name)) forget(name);
  }
  for (const auto& [name, state] : change.host) {
    if (!state) continue;
    const HostState* old = next_.hosts.find(name);
    if (old != nullptr && *old == *state) continue;
    if (old != nullptr) forget(name);
  }
  for (const auto& [name, state] : change.host) {
    if (!state || next_.hosts.contains(name)) continue;
    const std::string path = "/host/" + pointer_token(name) + "/vtep";
    next_.hosts.set(name, *state);
    next_.floor_version = next_.version;
    ++rebuilt;
    if (!state->vtep) continue;
    const auto vtep = parse_ip(*state->vtep);
    if (!vtep || !vtep->is_v4()) return fail(path, "not an IPv4 address");
    const Handle handle = compiler_.intern_host(name);
    if (next_.vtep_host.contains(*vtep)) return fail(path, "another host has this VTEP");
    next_.vtep_host.set(*vtep, handle);
    next_.host_vteps.set(handle, *vtep);
  }
  return true;
}

bool Applier::run(const StateDocument& change) {
  ++next_.version;
  next_.generation = change.generation;
  apply_node(change);
  if (!apply_hosts(change)) return false;

  const bool whole = change.whole;
  retire(next_.floating_ips, Kind::kFloatingIp, change.floating_ip, whole);
  retire(next_.routers, Kind::kRouter, change.router, whole);
  retire(next_.ports, Kind::kPort, change.port, whole);
  retire(next_.groups, Kind::kGroup, change.security_group, whole);
  retire(next_.subnets, Kind::kSubnet, change.subnet, whole);
  retire(next_.networks, Kind::kNetwork, change.network, whole);
  retire(next_.uplinks, Kind::kUplink, change.uplink, whole);

  if (!install(next_.uplinks, Kind::kUplink, change.uplink, &Compiler::uplink) ||
      !install(next_.networks, Kind::kNetwork, change.network, &Compiler::network) ||
      !install(next_.subnets, Kind::kSubnet, change.subnet, &Compiler::subnet) ||
      !install(next_.groups, Kind::kGroup, change.security_group, &Compiler::group) ||
      !install(next_.ports, Kind::kPort, change.port, &Compiler::port) ||
      !install(next_.routers, Kind::kRouter, change.router, &Compiler::router) ||
      !install(next_.floating_ips, Kind::kFloatingIp, change.floating_ip, &Compiler::floating_ip)) {
    return false;
  }
  for (const auto& [kind, object] : gone_) {
    if (still_referenced(kind, object.first, object.second)) return false;
    switch (kind) {
      case Kind::kUplink:
        next_.uplinks.freed.push_back(object.second);
        break;
      case Kind::kNetwork:
        next_.networks.freed.push_back(object.second);
        break;
      case Kind::kSubnet:
        next_.subnets.freed.push_back(object.second);
        break;
      case Kind::kGroup:
        next_.groups.freed.push_back(object.second);
        break;
      case Kind::kPort:
        next_.ports.freed.push_back(object.second);
        break;
      case Kind::kRouter:
        next_.routers.freed.push_back(object.second);
        break;
      case Kind::kFloatingIp:
        next_.floating_ips.freed.push_back(object.second);
        break;
      default:
        break;
    }
  }
  for (auto& [key, info] : loose_devices_) take_device(info.index);
  loose_devices_.clear();
  renew_forwarded_ports();

  next_.vtep.reset();
  if (next_.node.vtep) {
    next_.vtep = parse_ip(*next_.node.vtep);
    if (!next_.vtep || !next_.vtep->is_v4()) return fail("/node/vtep", "not an IPv4 address");
  } else if (const Uplink* uplink = next_.uplinks.at(next_.vtep_uplink)) {
    next_.vtep = uplink->address;
  }
  return true;
}

bool Applier::give_device(DeviceKind kind, Handle owner, const std::string& id, const DeviceState& device,
                          std::uint32_t mtu, bool admin_up, const std::string& path, DeviceIndex& index) {
  DeviceInfo info{kNoDevice, kind, id, device, mtu, admin_up};
  const auto loose = loose_devices_.find({kind, id});
  if (loose != loose_devices_.end() && loose->second.device == device) {
    info.index = loose->second.index;
    loose_devices_.erase(loose);
  } else if (!next_.freed_devices.empty()) {
    info.index = next_.freed_devices.front();
    next_.freed_devices.erase(next_.freed_devices.begin());
    added.push_back(info);
  } else if (next_.next_device < kMaxDevices) {
    info.index = next_.next_device++;
    added.push_back(info);
  } else {
    return fail(path, "no more than 32768 devices");
  }
  next_.devices.set(info.index, info);
  next_.device_owner.set(info.index, owner);
  index = info.index;
  return true;
}

void Applier::take_device(DeviceIndex index) {
  if (const DeviceInfo* info = next_.devices.find(index)) removed.push_back(*info);
  next_.devices.erase(index);
  next_.device_owner.erase(index);
  next_.freed_devices.push_back(index);
}

}  // namespace hanok::dataplane
