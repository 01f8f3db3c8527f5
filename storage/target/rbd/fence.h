#pragma once
// Whose an image's exclusive lock is, and the end of a dead predecessor: its queued writes may still be on
// their way to the OSDs, so its lock is broken (which blocklists its address) before anything is written.

#include <rados/librados.h>
#include <rbd/librbd.h>

#include <string>

#include "common/result.h"

namespace hanok::storage::target {

// `owner_file`: see RbdDeviceOptions. Our own address is in it before the lock can be ours, so a successor
// knows it whenever we die. kConflict names the client that holds the lock.
[[nodiscard]] Status fence(rados_t rados, rbd_image_t image, const std::string& name,
                           const std::string& owner_file);

}  // namespace hanok::storage::target
