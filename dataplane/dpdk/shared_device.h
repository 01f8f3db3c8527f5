#pragma once
// A device with what the workers have in common of it.

#include <memory>
#include <utility>
#include <vector>

#include "dataplane/dpdk/device.h"
#include "dataplane/dpdk/fair_polling.h"
#include "dataplane/flow/spin_lock.h"

namespace hanok::dataplane::dpdk {

struct SharedDevice {
  explicit SharedDevice(std::unique_ptr<Device> the_device)
      : device(std::move(the_device)), transmit_locks(device->transmit_queues()) {}

  std::unique_ptr<Device> device;
  std::vector<SpinLock> transmit_locks;  // one for each queue, for where workers are more than queues
  FairPolling share;
};

}  // namespace hanok::dataplane::dpdk
