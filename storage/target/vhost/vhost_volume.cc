#include "storage/target/vhost/vhost_volume.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_vhost.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <map>

#include "storage/target/bus_error.h"
#include "storage/target/vhost/session.h"
#include "storage/target/vhost/wake.h"

namespace hanok::storage::target {
namespace {

constexpr unsigned kMemory_mib = 64;  // of the library's own structures

// The library's callbacks carry no context, only a number from which the path can be asked.
std::mutex sessions_mutex;
std::map<std::string, std::shared_ptr<Session>> sessions_by_path;
std::map<int, std::shared_ptr<Session>> sessions_by_vid;

std::shared_ptr<Session> session_of(int vid) {
  const std::lock_guard lock(sessions_mutex);
  const auto found = sessions_by_vid.find(vid);
  return found == sessions_by_vid.end() ? nullptr : found->second;
}

rte_vhost_msg_result on_before(int vid, void* message) {
  const auto session = session_of(vid);
  if (session == nullptr) return RTE_VHOST_MSG_RESULT_ERR;
  switch (session->before(vid, message)) {
    case Session::Answer::kGoOn:
      return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
    case Session::Answer::kDone:
      return RTE_VHOST_MSG_RESULT_OK;
    case Session::Answer::kReply:
      return RTE_VHOST_MSG_RESULT_REPLY;
    case Session::Answer::kRefused:
      break;
  }
  return RTE_VHOST_MSG_RESULT_ERR;
}

rte_vhost_msg_result on_after(int vid, void* message) {
  const auto session = session_of(vid);
  const bool fine = session == nullptr || session->after(vid, message);
  return fine ? RTE_VHOST_MSG_RESULT_NOT_HANDLED : RTE_VHOST_MSG_RESULT_ERR;
}

const rte_vhost_user_extern_ops kMessages = {on_before, on_after};

int on_connection(int vid) {
  // The library reads the guest's rings too; its thread lives as long as we do.
  static thread_local const auto* guard = new BusErrorGuard;
  static_cast<void>(guard);
  std::array<char, PATH_MAX> path{};
  if (rte_vhost_get_ifname(vid, path.data(), path.size()) != 0) return -1;
  std::shared_ptr<Session> session;
  {
    const std::lock_guard lock(sessions_mutex);
    const auto found = sessions_by_path.find(path.data());
    if (found != sessions_by_path.end()) session = found->second;
  }
  if (session == nullptr || !session->connect(vid)) return -1;
  const std::lock_guard lock(sessions_mutex);
  sessions_by_vid[vid] = session;
  return rte_vhost_extern_callback_register(vid, &kMessages, nullptr);
}

void on_disconnection(int vid) {
  const auto session = session_of(vid);
  if (session == nullptr) return;
  session->disconnect(vid);
  const std::lock_guard lock(sessions_mutex);
  sessions_by_vid.erase(vid);
}

int on_ready(int) {
  return 0;  // each ring starts by itself
}
void on_stopped(int) {}

rte_vhost_device_ops device_operations() {
  rte_vhost_device_ops operations{};
  operations.new_device = on_ready;
  operations.destroy_device = on_stopped;
  operations.new_connection = on_connection;
  operations.destroy_connection = on_disconnection;
  return operations;
}
const rte_vhost_device_ops kOperations = device_operations();  // the library keeps the pointer

// A dead predecessor's socket file would be in the way; a live one's is not ours to take.
Status make_room(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path))
    return bad_request(path + ": a socket path has 1 to 107 bytes");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return unavailable(std::string("socket: ") + std::strerror(errno));
  const bool alive = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(probe);
  if (alive) return conflict(path + ": someone listens here");
  unlink(path.c_str());
  return {};
}

class VhostExport final : public Export {
 public:
  VhostExport(std::string path, std::shared_ptr<Session> session)
      : path_(std::move(path)), session_(std::move(session)) {}
  ~VhostExport() override {
    rte_vhost_driver_unregister(path_.c_str());  // ends the connection
    {
      const std::lock_guard lock(sessions_mutex);
      sessions_by_path.erase(path_);
      std::erase_if(sessions_by_vid, [this](const auto& item) { return item.second == session_; });
    }
    session_->close();
  }
  [[nodiscard]] Status listen(const VolumeSpec& spec, bool read_only);

  [[nodiscard]] Json status() const override { return session_->status(); }
  [[nodiscard]] const VolumeStats& stats() const override { return session_->stats(); }
  void set_limits(const Limits& limits) override { session_->set_limits(limits); }
  [[nodiscard]] bool connected() const override { return session_->connected(); }

 private:
  std::string path_;
  std::shared_ptr<Session> session_;
};

Status VhostExport::listen(const VolumeSpec& spec, bool read_only) {
  HANOK_CHECK(make_room(path_));
  {
    const std::lock_guard lock(sessions_mutex);
    sessions_by_path[path_] = session_;
  }
  const std::uint64_t protocol =
      feature(VHOST_USER_PROTOCOL_F_MQ) | feature(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
      feature(VHOST_USER_PROTOCOL_F_SLAVE_REQ) | feature(VHOST_USER_PROTOCOL_F_CONFIG) |
      feature(VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD);
  const char* path = path_.c_str();
  if (rte_vhost_driver_register(path, 0) != 0 ||
      rte_vhost_driver_set_features(path, features_of(read_only, spec.queues)) != 0 ||
      rte_vhost_driver_set_protocol_features(path, protocol) != 0 ||
      rte_vhost_driver_callback_register(path, &kOperations) != 0 || rte_vhost_driver_start(path) != 0) {
    return unavailable(path_ + ": cannot listen");
  }
  wake_vhost_thread(path_);
  return {};
}

}  // namespace

Status start_dpdk() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<unsigned> cpus;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return unavailable("no CPUs");
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  std::vector<std::string> words = {"hanok-storage",
                                    "--no-huge",
                                    "--no-pci",
                                    "--no-shconf",
                                    "--no-telemetry",
                                    "-m",
                                    std::to_string(kMemory_mib),
                                    "--lcores",
                                    fmt::format("0@({})", fmt::join(cpus, ",")),
                                    "--log-level=lib.*:warning"};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) {
    return unavailable(fmt::format("DPDK does not start: {}", rte_strerror(rte_errno)));
  }
  return {};
}

Result<std::unique_ptr<Export>> export_by_vhost(const VolumeSpec& spec, std::unique_ptr<BlockDevice> device,
                                                Poller& poller) {
  const bool read_only = device->read_only();
  auto out =
      std::make_unique<VhostExport>(spec.socket, std::make_shared<Session>(spec, std::move(device), poller));
  HANOK_CHECK(out->listen(spec, read_only));
  return std::unique_ptr<Export>(std::move(out));
}

}  // namespace hanok::storage::target
