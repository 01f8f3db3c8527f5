#pragma once
// BlockDevice on an RBD image with exclusive lock, by librbd's asynchronous calls and without its cache: what
// is answered is on the OSDs. While Ceph is gone requests wait.

#include <memory>
#include <string>

#include "common/result.h"
#include "storage/target/block_device.h"

namespace hanok::storage::target {

struct RbdDeviceOptions {
  std::string conf_path;         // ceph.conf
  std::string client = "admin";  // without "client."
  std::string pool, image;
  std::string cluster;  // fsid; empty: any
  bool read_only = false;
  std::string encryption;  // luks1, luks2; empty: none. The device is what is in it
  std::string passphrase;
  // Addresses of those who may hold the image's lock for this service, ourselves last. Whoever is in here and
  // is not us is dead: the caller is the only live process that uses the file.
  std::string owner_file;
  // Where the client's admin socket is made, for osd_times(); less than 108 bytes. Empty: no times.
  std::string admin_socket;
};

// May block as long as the cluster does. A dead predecessor's lock is broken, which fences its writes that
// are still under way; only then is the lock ours. kConflict: a live client holds it, the image has no
// exclusive lock, or it is of another cluster; kForbidden: the passphrase is wrong; kNotFound; kUnavailable:
// the cluster does not answer.
[[nodiscard]] Result<std::unique_ptr<BlockDevice>> open_rbd_device(const RbdDeviceOptions& options);

}  // namespace hanok::storage::target
