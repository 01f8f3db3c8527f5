#include "storage/target/vhost/wake.h"

#include <rte_vhost.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

namespace hanok::storage::target {
namespace {

int on_connection(int) {
  return 0;
}

rte_vhost_device_ops wake_operations() {
  rte_vhost_device_ops operations{};
  operations.new_connection = on_connection;  // the library calls through the pointer to these without a look
  return operations;
}
const rte_vhost_device_ops kOperations = wake_operations();

}  // namespace

void wake_vhost_thread(const std::string& socket) {
  const std::string path = socket + ".wake";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0) return;
  unlink(path.c_str());
  if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    const char* name = path.c_str();
    if (listen(listener, 1) == 0 &&
        rte_vhost_driver_register(name, RTE_VHOST_USER_CLIENT | RTE_VHOST_USER_NO_RECONNECT) == 0) {
      if (rte_vhost_driver_callback_register(name, &kOperations) == 0) {
        static_cast<void>(rte_vhost_driver_start(name));
      }
      rte_vhost_driver_unregister(name);
    }
    unlink(name);
  }
  close(listener);
}

}  // namespace hanok::storage::target
