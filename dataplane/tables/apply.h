#pragma once
// One document applied to a copy of the tables. The copy shares everything; only what changes is made anew.

#include <string>

#include "dataplane/tables/compile.h"
#include "dataplane/tables/tables_data.h"

namespace hanok::dataplane {

class Applier {
 public:
  explicit Applier(const TablesData& base) : next_(base), compiler_(next_) {}

  // False: `error` says why, and `next` is to be thrown away.
  [[nodiscard]] bool run(const StateDocument& change);
  [[nodiscard]] TablesData take() { return std::move(next_); }
  [[nodiscard]] const StateError& error() const { return error_; }

  std::size_t rebuilt = 0;
  std::vector<DeviceInfo> removed, added;

 private:
  template <typename T, typename State>
  void retire(Collection<T>& collection, Kind kind, const Changes<State>& changes, bool whole);
  template <typename T, typename State, typename Compile>
  [[nodiscard]] bool install(Collection<T>& collection, Kind kind, const Changes<State>& changes,
                             Compile compile);
  [[nodiscard]] bool still_referenced(Kind kind, const std::string& id, Handle handle);
  [[nodiscard]] bool fail(std::string path, std::string message);
  void apply_node(const StateDocument& change);
  [[nodiscard]] bool apply_hosts(const StateDocument& change);
  void touch(ObjectRef object) { next_.versions.set(object, next_.version); }
  void refer(Kind kind, Handle handle, int by);

  // Into and out of the indexes. Indexing checks for what may be there once only.
  void unindex(const Uplink& uplink);
  void unindex(const Network& network);
  void unindex(const Subnet& subnet);
  void unindex(const Port& port);
  void unindex(const Group& group);
  void unindex(const Router& router);
  void unindex(const FloatingIp& floating);
  [[nodiscard]] bool index(Uplink& uplink, const std::string& path);
  [[nodiscard]] bool index(Network& network, const std::string& path);
  [[nodiscard]] bool index(Subnet& subnet, const std::string& path);
  [[nodiscard]] bool index(Port& port, const std::string& path);
  [[nodiscard]] bool index(Group& group, const std::string& path);
  [[nodiscard]] bool index(Router& router, const std::string& path);
  [[nodiscard]] bool index(FloatingIp& floating, const std::string& path);
  [[nodiscard]] bool index_interface(const RouterInterface& interface,
                                     const std::optional<std::string>& port_id, Handle router,
                                     const std::string& path);
  void group_addresses(const Port& port, int by);
  // A port and a floating IP that leads to it.
  void lead(PersistentMap<std::string, PersistentMap<Handle, bool>>& map, const std::string& port,
            Handle floating, bool present);
  void hold_pairs(const Port& port, bool present);
  void member(const Port& port, bool present);
  void forward(const FloatingIp::Forward& forward, int by);
  void renew_forwarded_ports();

  [[nodiscard]] bool give_device(DeviceKind kind, Handle owner, const std::string& id,
                                 const DeviceState& device, std::uint32_t mtu, bool admin_up,
                                 const std::string& path, DeviceIndex& index);
  void take_device(DeviceIndex index);

  TablesData next_;
  Compiler compiler_;
  StateError error_;
  std::vector<std::uint32_t> forwardings_touched_;  // keys of forwardings_at
  // Handles whose id went away: freed when everything is in place, so that none is reused within the change.
  std::vector<std::pair<Kind, std::pair<std::string, Handle>>> gone_;
  // Devices of objects that are being replaced: kept when the new object wants the same one.
  std::map<std::pair<DeviceKind, std::string>, DeviceInfo> loose_devices_;
};

// "~" and "/" in an id (RFC 6901, 3).
[[nodiscard]] std::string pointer_token(const std::string& id);

}  // namespace hanok::dataplane
