#pragma once
// Giving NICs and volumes to a server, at creation and later.

#include <string>
#include <vector>

#include "control/compute/create_request.h"
#include "control/compute/server.h"
#include "control/image/image.h"

namespace hanok::compute {

// kBadRequest when the image is not active or asks for more than the flavor has (server_create.cc).
[[nodiscard]] Status check_image_fits(const image::ImageView& image, const Flavor& flavor);

// The project's port, used by nothing: kBadRequest when there is none, kConflict when it is in use.
[[nodiscard]] Status check_free_port(store::Tx& tx, const http::Request& request, const std::string& port_id);
// Makes or binds the port and records it; gives its id.
[[nodiscard]] Result<std::string> attach_nic(store::Tx& tx, const http::Request& request,
                                             const Server& server, const NicRequest& nic,
                                             const std::vector<std::string>& groups, std::int64_t now_us);

// A block device of a new server: an existing volume is attached, a new one is made and attached once it is
// there.
[[nodiscard]] Status attach_device(store::Tx& tx, const http::Request& request, const Server& server,
                                   const BlockDevice& device, std::int64_t now_us);
// "/dev/vdb" and on, or the wished name; kBadRequest when that is not free or no disk name.
[[nodiscard]] Result<std::string> pick_device(store::Tx& tx, const Server& server, const std::string& wished);
[[nodiscard]] Result<ServerVolume> insert_volume(store::Tx& tx, ServerVolume volume);
// A volume that has just been made is there now: attaches it. Called for rows in state "creating".
[[nodiscard]] Status attach_created(store::Tx& tx, Server& server, ServerVolume& volume, std::int64_t now_us);

}  // namespace hanok::compute
