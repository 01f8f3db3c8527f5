#include "agents/compute/libvirt_connection.h"

#include <libvirt/virterror.h>

#include <array>

#include "common/log.h"

namespace hanok::agent {
namespace {

constexpr int kKeepaliveS = 5;
constexpr unsigned kKeepaliveCount = 6;
constexpr int kLoopMs = 1000;  // the event loop wakes at least so often, to reconnect and to stop

}  // namespace

Error libvirt_error(const std::string& what) {
  const virErrorPtr error = virGetLastError();
  if (error == nullptr) return internal_error(what + ": libvirt gave no cause");
  const std::string message = what + ": " + (error->message != nullptr ? error->message : "unnamed error");
  switch (error->code) {
    case VIR_ERR_NO_DOMAIN:
      return not_found(message);
    case VIR_ERR_OPERATION_INVALID:
      return conflict(message);
    case VIR_ERR_NO_CONNECT:
    case VIR_ERR_SYSTEM_ERROR:
    case VIR_ERR_RPC:
    case VIR_ERR_INVALID_CONN:
      return unavailable(message);
    default:
      return internal_error(message);
  }
}

LibvirtConnection::LibvirtConnection(std::string uri) : uri_(std::move(uri)) {
  virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});  // errors are returned, not printed
  HANOK_ASSERT(virInitialize() == 0 && virEventRegisterDefaultImpl() == 0);
  timer_ = virEventAddTimeout(
      kLoopMs, [](int, void*) {}, nullptr, nullptr);
  events_ = std::thread([this] { run_events(); });
}

LibvirtConnection::~LibvirtConnection() {
  stopping_ = true;
  if (timer_ >= 0) virEventUpdateTimeout(timer_, 0);
  events_.join();
  const std::lock_guard lock(mutex_);
  connection_.reset();
}

Result<ConnectionPtr> LibvirtConnection::get() {
  const std::lock_guard lock(mutex_);
  if (connection_ && virConnectIsAlive(connection_.get()) == 1) return connection_;
  HANOK_CHECK(open());
  return connection_;
}

Status LibvirtConnection::open() {
  if (connection_) spdlog::warn("[-] connection to libvirt lost; reconnecting");
  connection_.reset();
  ConnectionPtr fresh(virConnectOpen(uri_.c_str()), [](virConnect* c) {
    if (c != nullptr) virConnectClose(c);
  });
  if (!fresh) {
    return unavailable(libvirt_error("cannot connect to libvirt").message);
  }
  virConnectSetKeepAlive(fresh.get(), kKeepaliveS, kKeepaliveCount);
  // libvirt takes callbacks of all kinds by one type and calls each as what its event id says.
  const auto callback = reinterpret_cast<virConnectDomainEventGenericCallback>(
      reinterpret_cast<void (*)()>(&LibvirtConnection::on_lifecycle));
  virConnectDomainEventRegisterAny(fresh.get(), nullptr, VIR_DOMAIN_EVENT_ID_LIFECYCLE, callback, this,
                                   nullptr);
  ++opened_;
  connection_ = std::move(fresh);
  spdlog::info("[-] connected to libvirt at {}", uri_);
  return {};
}

void LibvirtConnection::watch(std::function<void(const std::string&)> changed) {
  const std::lock_guard lock(watch_mutex_);
  changed_ = std::move(changed);
}

void LibvirtConnection::notify(const std::string& id) {
  const std::lock_guard lock(watch_mutex_);
  if (changed_) changed_(id);
}

int LibvirtConnection::on_lifecycle(virConnectPtr, virDomainPtr domain, int, int, void* self) {
  std::array<char, VIR_UUID_STRING_BUFLEN> id{};
  if (virDomainGetUUIDString(domain, id.data()) == 0) {
    static_cast<LibvirtConnection*>(self)->notify(id.data());
  }
  return 0;
}

// Besides running callbacks it looks whether the connection lives, so that a restart of libvirtd is noticed
// while nobody asks for anything.
void LibvirtConnection::run_events() {
  int seen = 0;  // connections that were opened when the watcher was told last
  while (!stopping_) {
    if (virEventRunDefaultImpl() < 0) std::this_thread::sleep_for(std::chrono::milliseconds(kLoopMs));
    std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock.owns_lock() || opened_ == 0) continue;
    if (!connection_ || virConnectIsAlive(connection_.get()) != 1) static_cast<void>(open());
    const int opened = opened_;
    lock.unlock();
    if (seen != 0 && opened != seen) notify({});
    seen = opened;
  }
}

}  // namespace hanok::agent
