#pragma once
// One connection to libvirtd that heals itself, and its events. Internal to agents/compute/libvirt_*.cc.

#include <libvirt/libvirt.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/result.h"

namespace hanok::agent {

struct DomainFree {
  void operator()(virDomain* domain) const { virDomainFree(domain); }
};
using DomainPtr = std::unique_ptr<virDomain, DomainFree>;
struct SecretFree {
  void operator()(virSecret* secret) const { virSecretFree(secret); }
};
using SecretPtr = std::unique_ptr<virSecret, SecretFree>;
struct ConnectionFree {
  void operator()(virConnect* connection) const { virConnectClose(connection); }
};
using ConnectionPtr = std::shared_ptr<virConnect>;

// The last libvirt error of this thread; kNotFound, kUnavailable, kConflict or kInternal by its code.
[[nodiscard]] Error libvirt_error(const std::string& what);

class LibvirtConnection {
 public:
  explicit LibvirtConnection(std::string uri);
  ~LibvirtConnection();
  LibvirtConnection(const LibvirtConnection&) = delete;
  LibvirtConnection& operator=(const LibvirtConnection&) = delete;

  [[nodiscard]] Result<ConnectionPtr> get();
  // An empty id after a reconnection.
  void watch(std::function<void(const std::string& id)> changed);

 private:
  static int on_lifecycle(virConnectPtr, virDomainPtr domain, int, int, void* self);
  void run_events();
  [[nodiscard]] Status open();
  void notify(const std::string& id);

  std::string uri_;
  std::mutex mutex_;
  ConnectionPtr connection_;
  int opened_ = 0;  // connections so far
  std::mutex watch_mutex_;
  std::function<void(const std::string&)> changed_;
  std::atomic<bool> stopping_ = false;
  int timer_ = -1;
  std::thread events_;
};

}  // namespace hanok::agent
