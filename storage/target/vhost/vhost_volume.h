#pragma once
// The edge to DPDK's vhost library: a volume behind a listening Unix socket that speaks vhost-user
// (https://qemu-project.gitlab.io/qemu/interop/vhost-user.html) as a vhost-user-blk device.

#include <memory>

#include "storage/target/poller.h"
#include "storage/target/target.h"

namespace hanok::storage::target {

// Once per process, before anything is exported. Plain memory, no devices.
[[nodiscard]] Status start_dpdk();

// Listens when it returns. One front end at a time; what it left in flight is done when it is back. The
// destructor waits for requests at the device. `poller` outlives the export.
[[nodiscard]] Result<std::unique_ptr<Export>> export_by_vhost(const VolumeSpec& spec,
                                                              std::unique_ptr<BlockDevice> device,
                                                              Poller& poller);

}  // namespace hanok::storage::target
