#include "dataplane/tables/tables.h"

#include <algorithm>

#include "dataplane/tables/apply.h"
#include "dataplane/tables/tables_data.h"

namespace hanok::dataplane {

std::string_view to_string(Kind kind) {
  static constexpr std::string_view kNames[kKinds] = {
      "host",           "uplink", "network",     "subnet",         "port",
      "security_group", "router", "floating_ip", "security_group", "network"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::shared_ptr<const Tables> Tables::empty() {
  return std::make_shared<const Tables>(std::make_shared<const TablesData>());
}

ApplyResult Tables::apply(const StateDocument& change) const {
  ApplyResult result;
  Applier applier(*data_);
  if (!applier.run(change)) {
    result.error = applier.error();
    return result;
  }
  result.removed = std::move(applier.removed);
  result.added = std::move(applier.added);
  result.objects_rebuilt = applier.rebuilt;
  result.tables = std::make_shared<const Tables>(std::make_shared<const TablesData>(applier.take()));
  return result;
}

std::uint64_t Tables::generation() const {
  return data_->generation;
}

std::vector<DeviceInfo> Tables::devices() const {
  std::vector<DeviceInfo> all;
  all.reserve(data_->devices.size());
  data_->devices.for_each([&](Handle, const DeviceInfo& info) { all.push_back(info); });
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
  return all;
}

DeviceIndex Tables::device_of_port(const std::string& port_id) const {
  const Port* port = data_->ports.named(port_id);
  return port != nullptr ? port->device : kNoDevice;
}

std::uint32_t TablesData::version_of(ObjectRef object) const {
  const std::uint32_t* own = versions.find(object);
  if (own == nullptr) {
    const bool set = object.kind == static_cast<std::uint32_t>(Kind::kNetworkPorts);
    return set ? floor_version : 0xffffffffU;  // nobody was ever there; or the object is gone
  }
  std::uint32_t newest = std::max(*own, floor_version);
  if (object.kind != static_cast<std::uint32_t>(Kind::kPort)) return newest;
  const Port* port = ports.at(object.handle);
  for (const Handle group : port->groups) {
    newest = std::max(newest, versions.get(ref(Kind::kGroup, group), 0xffffffffU));
    for (const Rule& rule : groups.at(group)->rules) {
      if (rule.remote_group != kNone) {
        newest = std::max(newest, versions.get(ref(Kind::kGroupMembers, rule.remote_group), 0));
      }
    }
  }
  return newest;
}

const Port* TablesData::port_of_device(DeviceIndex device) const {
  const DeviceInfo* info = devices.find(device);
  return info != nullptr && info->kind == DeviceKind::kPort ? ports.at(device_owner.get(device, kNone))
                                                            : nullptr;
}

const Uplink* TablesData::uplink_of_device(DeviceIndex device) const {
  const DeviceInfo* info = devices.find(device);
  return info != nullptr && info->kind == DeviceKind::kUplink ? uplinks.at(device_owner.get(device, kNone))
                                                              : nullptr;
}

const Uplink* TablesData::uplink_of_segment(const Segment& segment) const {
  if (segment.type == SegmentType::kVxlan) return uplinks.at(vtep_uplink);
  return uplinks.at(uplink_of_physical_network.get(segment.physical_network, kNone));
}

const FloatingIp* TablesData::floating_of(const Port& port, const Ip& fixed) const {
  const auto* of_port = floating_by_port.find(port.id);
  const FloatingIp* found = nullptr;
  if (of_port == nullptr) return nullptr;
  of_port->for_each([&](Handle handle, bool) {
    const FloatingIp* floating = floating_ips.at(handle);
    const Port* same = nullptr;
    if (floating != nullptr && fixed_of(*floating, same) == fixed) found = floating;
  });
  return found;
}

const FloatingIp::Forward* FloatingIp::forward_of(std::uint8_t protocol, std::uint16_t external_port) const {
  const auto found = std::lower_bound(forwards.begin(), forwards.end(), std::pair(protocol, external_port),
                                      [](const Forward& forward, const auto& key) {
                                        return std::pair(forward.protocol, forward.external_port) < key;
                                      });
  const bool there =
      found != forwards.end() && found->protocol == protocol && found->external_port == external_port;
  return there ? &*found : nullptr;
}

const FloatingIp* TablesData::forwarding_to(const Port& port, const Ip& inside, std::uint8_t protocol,
                                            std::uint16_t inside_port,
                                            const FloatingIp::Forward*& forward) const {
  const auto* of_port = forwarding_by_port.find(port.id);
  const FloatingIp* found = nullptr;
  if (of_port == nullptr) return nullptr;
  of_port->for_each([&](Handle handle, bool) {
    const FloatingIp* floating = floating_ips.at(handle);
    if (floating == nullptr || found != nullptr) return;
    for (const FloatingIp::Forward& one : floating->forwards) {
      if (one.port != port.id || one.inside_port != inside_port || one.protocol != protocol ||
          !(one.inside == inside)) {
        continue;
      }
      forward = &one;
      found = floating;
      return;
    }
  });
  return found;
}

std::optional<Ip> TablesData::fixed_of(const FloatingIp& floating, const Port*& port) const {
  port = floating.state.port ? ports.named(*floating.state.port) : nullptr;
  if (port == nullptr) return std::nullopt;
  if (floating.fixed) return floating.fixed;
  for (const PortAddress& address : port->addresses) {
    if (address.ip.is_v4()) return address.ip;
  }
  return std::nullopt;
}

}  // namespace hanok::dataplane
