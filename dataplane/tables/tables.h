#pragma once
// Tables: an immutable snapshot of the desired state, made for packets. Applying a change gives a new
// snapshot that shares all that did not change; its cost follows the change, not the state. Any thread may
// read a snapshot; the packet workers take a new one between bursts (Engine::set_tables).

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/packet/packet.h"
#include "dataplane/tables/state.h"

namespace hanok::dataplane {

class Tables;
class TablesData;  // tables/tables_data.h: for the stages

// Why a document was refused: JSON Pointer (RFC 6901) to the field, and a sentence.
struct StateError {
  std::string path;
  std::string message;
};

enum class DeviceKind : std::uint8_t { kPort, kUplink };
struct DeviceInfo {
  DeviceIndex index = kNoDevice;
  DeviceKind kind = DeviceKind::kPort;
  std::string id;      // of the port or the uplink
  DeviceState device;  // for an uplink: type "dpdk"
  std::uint32_t mtu = 1500;
  bool admin_up = true;
};

struct ApplyResult {
  std::shared_ptr<const Tables> tables;  // null: refused, nothing changed
  StateError error;
  // Devices to close (index and old device) and then to open. A port whose device string changed is in both.
  std::vector<DeviceInfo> removed, added;
  std::size_t objects_rebuilt = 0;  // objects made for this change; the rest is shared
};

class Tables {
 public:
  explicit Tables(std::shared_ptr<const TablesData> data) : data_(std::move(data)) {}
  [[nodiscard]] static std::shared_ptr<const Tables> empty();

  // The snapshot after `change`, or the first error. `this` stays as it is. A whole document is compared with
  // what is there: equal objects keep their generation, so repeating a document disturbs no flow.
  [[nodiscard]] ApplyResult apply(const StateDocument& change) const;

  [[nodiscard]] std::uint64_t generation() const;  // of the last applied document
  [[nodiscard]] std::vector<DeviceInfo> devices() const;
  [[nodiscard]] DeviceIndex device_of_port(const std::string& port_id) const;  // kNoDevice: none here

  [[nodiscard]] const TablesData& data() const { return *data_; }

 private:
  std::shared_ptr<const TablesData> data_;
};

}  // namespace hanok::dataplane
