// hanok-storage: serves volumes on Ceph RBD to guests by vhost-user. Wires poller, target and control socket;
// stops on SIGTERM and SIGINT.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <functional>
#include <iostream>

#include "common/log.h"
#include "dataplane/rpc/server.h"
#include "storage/target/bus_error.h"
#include "storage/target/methods.h"
#include "storage/target/rbd/rbd_device.h"
#include "storage/target/vhost/vhost_volume.h"

namespace {

using namespace hanok;
using namespace hanok::storage::target;

constexpr const char* kHelp = R"(
Serves RBD images to virtual machines as vhost-user-blk: QEMU connects to one Unix socket per volume, the guest's
rings are read here and librbd does the I/O. It may be killed and started again under running guests: requests
in flight are done again, none that was answered is lost. Volumes come over the control socket (JSON-RPC 2.0,
one object per line) and are remembered in --state-dir:
  hanok-dpctl --socket /run/hanok/storage.sock volume.attach \
      '{"pool": "volumes", "image": "IMAGE", "socket": "/run/hanok/IMAGE.sock"}'
  hanok-dpctl --socket /run/hanok/storage.sock volume.list
  hanok-dpctl --socket /run/hanok/storage.sock volume.stats '{"pool": "volumes", "image": "IMAGE"}'
Further: volume.detach {pool, image, force}, volume.limits {pool, image, requests_per_s, bytes_per_s}, metrics
(Prometheus text), version. volume.attach also takes serial, queues, read_only, limits and
cluster (the fsid; a volume of another cluster is refused).
In QEMU (memory must be shared):
  -object memory-backend-memfd,id=m,size=1G,share=on -machine memory-backend=m \
  -chardev socket,id=c,path=/run/hanok/IMAGE.sock,reconnect=1 -device vhost-user-blk-pci,chardev=c
Ceph: the client needs `profile rbd` for monitors and OSDs, and the image the exclusive-lock feature.
Exit status: 0 stopped by SIGTERM or SIGINT; 1 otherwise.)";

struct Options {
  std::string socket = "/run/hanok/storage.sock";
  std::string state_dir = "/var/lib/hanok/storage";
  std::string ceph_conf = "/etc/ceph/ceph.conf";
  std::string ceph_client = "admin";
  std::uint32_t spin_us = PollerOptions{}.spin_us;
  std::string log_level = "info";
};

void describe(CLI::App& app, Options& options) {
  app.set_config("--config", "", "TOML file with any of these options as keys");
  app.allow_config_extras(false);
  app.set_version_flag("--version", std::string("hanok-storage ") + HANOK_VERSION);
  app.add_option("--socket", options.socket, "Control socket, made with mode 0600")->capture_default_str();
  app.add_option("--state-dir", options.state_dir, "What is attached, and who served it; made with mode 0700")
      ->capture_default_str();
  app.add_option("--ceph-conf", options.ceph_conf, "Ceph's configuration file")->capture_default_str();
  app.add_option("--ceph-client", options.ceph_client, "Ceph's client, without \"client.\"")
      ->capture_default_str();
  app.add_option("--spin-us", options.spin_us, "How long to poll after the last work before sleeping")
      ->check(CLI::Range(0U, 100000U))
      ->capture_default_str();
  app.add_option("--log-level", options.log_level, "trace, debug, info, warn or error")
      ->capture_default_str();
  app.footer(kHelp);
}

// Held until this process dies: whoever is named in the folder's owner files and is not us is dead.
Status lock_state(const std::string& folder) {
  const std::string path = folder + "/lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return unavailable(path + ": " + std::strerror(errno));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) return conflict(folder + ": another hanok-storage uses it");
  return {};
}

Status run(const Options& options) {
  sigset_t signals;  // taken by sigwait below; blocked before any thread starts
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  umask(0077);  // sockets and files are ours alone
  install_bus_error_handler();
  std::error_code failed;
  std::filesystem::create_directories(options.state_dir, failed);
  if (failed) return unavailable(options.state_dir + ": " + failed.message());
  HANOK_CHECK(lock_state(options.state_dir));
  HANOK_CHECK(start_dpdk());

  Poller poller({options.spin_us});
  HANOK_CHECK(poller.start());
  TargetParts parts;
  parts.state_dir = options.state_dir;
  parts.open_device = [&options](const VolumeSpec& spec) {
    RbdDeviceOptions device;
    device.conf_path = options.ceph_conf;
    device.client = options.ceph_client;
    device.pool = spec.pool;
    device.image = spec.image;
    device.cluster = spec.cluster;
    device.read_only = spec.read_only;
    device.encryption = spec.encryption;
    device.passphrase = spec.passphrase;
    device.owner_file = options.state_dir + "/" + spec.pool + "@" + spec.image + ".owner";
    // Short, however long the image's name is: the path of a socket has 107 bytes.
    device.admin_socket =
        fmt::format("{}/ceph-{:016x}.asok", options.state_dir, std::hash<std::string>{}(spec.name()));
    return open_rbd_device(device);
  };
  parts.export_device = [&poller](const VolumeSpec& spec, std::unique_ptr<BlockDevice> device) {
    return export_by_vhost(spec, std::move(device), poller);
  };
  Target target(std::move(parts));
  HANOK_TRY(server, dataplane::rpc::Server::start(options.socket,
                                                  make_methods(target, {{"version", HANOK_VERSION}})));
  target.restore();
  spdlog::info("ready: control socket {}", options.socket);
  int number = 0;
  sigwait(&signals, &number);
  spdlog::info("stopping on signal {}", number);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Serves volumes on Ceph RBD to guests by vhost-user-blk");
  Options options;
  describe(app, options);
  CLI11_PARSE(app, argc, argv);
  init_log(options.log_level);
  const Status done = run(options);
  if (done.ok()) return 0;
  std::cerr << "hanok-storage: " << done.error().message << '\n';
  return 1;
}
