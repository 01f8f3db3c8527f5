#pragma once
// What the compute service may call of the volume service, inside its own transaction.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "control/bus/bus.h"
#include "control/http/http.h"
#include "control/store/store.h"
#include "control/volume/keys.h"

namespace hanok::volume {

struct VolumeView {
  std::string id, name, project_id, status, pool, rbd_image;  // RBD image "volume-<id>"
  std::int64_t size_gib = 0;
  bool bootable = false, multiattach = false;
  std::optional<std::string> image_id;  // it was made from
};
struct AttachmentView {
  std::string id, volume_id, server_id, device, status;  // attaching, attached, detaching
};

// How a guest reaches a volume: by QEMU's own RBD driver, or by hanok-storage. The extra spec kTransportSpec
// says it, a volume type's for its volumes, a flavor's for the root disks of its servers; a volume for
// several servers at once always goes by the first, since the second holds the image's lock.
inline constexpr const char* kTransportSpec = "hanok:transport";
inline constexpr const char* kTransportRbd = "rbd";
inline constexpr const char* kTransportVhostUser = "vhost-user";
// kBadRequest unless it is one of the two.
[[nodiscard]] Status check_transport(std::string_view transport);
// As decided when it was attached; kTransportRbd when it is not.
[[nodiscard]] Result<std::string> transport_of(store::Tx& tx, const std::string& volume_id,
                                               const std::string& server_id);

// As an agent that opens the volume sees it, its key still sealed (with_keys); null: not encrypted.
[[nodiscard]] Result<Json> encryption_of(store::Tx& tx, const std::string& volume_id);

[[nodiscard]] Result<VolumeView> find_volume(store::Tx& tx, const std::string& volume_id,
                                             const std::string& project_id, bool is_admin);
// available -> attaching, with an attachment record. kConflict / kBadRequest in any other state.
[[nodiscard]] Result<AttachmentView> begin_attach(store::Tx& tx, const std::string& volume_id,
                                                  const std::string& server_id, const std::string& host,
                                                  const std::string& device, std::int64_t now_us);
[[nodiscard]] Status complete_attach(store::Tx& tx, const std::string& volume_id,
                                     const std::string& server_id,
                                     std::int64_t now_us);  // -> in-use
[[nodiscard]] Status begin_detach(store::Tx& tx, const std::string& volume_id, const std::string& server_id,
                                  std::int64_t now_us);  // in-use -> detaching
// -> available. Also undoes an attach that failed.
[[nodiscard]] Status complete_detach(store::Tx& tx, const std::string& volume_id,
                                     const std::string& server_id, std::int64_t now_us);
// The end of a volume that goes with its server (delete_on_termination), also while it is still `creating`.
// One that somebody uses, that has snapshots or that is in other work stays.
[[nodiscard]] Status delete_with_server(store::Tx& tx, const std::string& volume_id, std::int64_t now_us);
// For block_device_mapping source=image|snapshot|blank, destination=volume: a new volume in `creating`.
struct NewVolume {
  std::string project_id, user_id, name;
  std::int64_t size_gib = 0;
  std::optional<std::string> image_id, snapshot_id;
};
[[nodiscard]] Result<VolumeView> create_volume(store::Tx& tx, const NewVolume& spec, std::int64_t now_us);

// Wiring for main.cc. Transient states past their deadline go to error_*; called about once a second.
[[nodiscard]] store::Module volume_module();
[[nodiscard]] std::vector<bus::Kind> volume_kinds();
[[nodiscard]] Status expire_volumes(store::Tx& tx, std::int64_t now_us);
[[nodiscard]] http::Service volume_service(store::Database& database, const Clock& clock, bus::Asker& asker,
                                           const Keys& keys);
// The kind with the passphrases of encrypted volumes in what it shows to agents. `keys` outlives it.
[[nodiscard]] bus::Kind with_keys(bus::Kind kind, const Keys& keys);

}  // namespace hanok::volume
