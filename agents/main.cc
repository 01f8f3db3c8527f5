// hanok-agent: one per host. Reads its configuration, wires the roles, and runs until SIGTERM or SIGINT.
// Guests and the data plane go on without it.
#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>

#include "agents/compute/instance_reconciler.h"
#include "agents/compute/libvirt_hypervisor.h"
#include "agents/core/object_role.h"
#include "agents/core/session.h"
#include "agents/network/network_role.h"
#include "agents/volume/backup_reconciler.h"
#include "agents/volume/trash_sweeper.h"
#include "agents/volume/volume_reconciler.h"
#include "agents/volume/work_reconciler.h"
#include "common/json_rpc.h"
#include "common/log.h"
#include "common/secret.h"
#include "storage/operations/qemu_img.h"
#include "storage/rbd/rbd_store.h"

namespace hanok::agent {
namespace {

constexpr std::size_t kComputeWorkers = 4;
constexpr std::size_t kVolumeWorkers = 4;
constexpr std::int64_t kStorageTimeout_ms = 20'000;  // longer than hanok-storage waits for an image itself
constexpr std::size_t kBackupWorkers = 2;            // of their own: a long copy holds up no volume
constexpr std::size_t kWorkWorkers = 2;              // nor does the background work on others
constexpr std::int64_t kTrashSweepMs = 300'000;
constexpr std::chrono::seconds kStopPatience{3};

struct Config {
  std::string host;
  std::vector<std::string> roles = {"network", "compute", "volume"};
  std::string api = "unix:/run/hanok/agent.sock";
  std::string token_file = "/var/lib/hanok/secrets/agent.token";
  std::string state_dir = "/var/lib/hanok/agent";
  std::string run_dir = "/run/hanok";
  std::string dataplane_socket, storage_socket, vtep;
  std::vector<std::string> uplinks;
  std::string libvirt_uri = "qemu:///system";
  std::string virt_type = "qemu";
  std::vector<std::string> volume_pools = {"volumes"};
  std::string ceph_conf = "/etc/ceph/ceph.conf", ceph_client = "hanok", ceph_secret_uuid;
  std::int64_t shutdown_wait_s = 30;
  std::string log_level = "info";

  [[nodiscard]] bool has(const std::string& role) const {
    return std::find(roles.begin(), roles.end(), role) != roles.end();
  }
};

// CLI11 takes an empty list in a file for a missing argument; here it means the default.
class Toml final : public CLI::ConfigTOML {
 public:
  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    auto found = CLI::ConfigTOML::from_config(input);
    std::erase_if(found, [](const CLI::ConfigItem& item) { return item.inputs.empty(); });
    return found;
  }
};

std::string own_host_name() {
  char name[256] = {};
  return gethostname(name, sizeof(name) - 1) == 0 ? name : "localhost";
}

void add_options(CLI::App& app, Config& config) {
  app.config_formatter(std::make_shared<Toml>());
  app.set_config("--config", "", "TOML file; each key is one of the flags below without its dashes");
  app.add_option("--host", config.host, "name of this host; unique, and the same at each start")
      ->capture_default_str();
  app.add_option("--roles", config.roles, "what this agent does")
      ->check(CLI::IsMember({"network", "compute", "volume"}))
      ->capture_default_str();
  app.add_option("--api", config.api, "hanok-api's listener for agents: unix:/path or http://host:port")
      ->capture_default_str();
  app.add_option("--token-file", config.token_file, "file with the agents' secret (mode 0600)")
      ->capture_default_str();
  app.add_option("--state-dir", config.state_dir, "guests' consoles and config drives")
      ->capture_default_str();
  app.add_option("--run-dir", config.run_dir, "sockets; vhost-user sockets go to its folder vhost")
      ->capture_default_str();
  app.add_option("--dataplane-socket", config.dataplane_socket, "default: dataplane.sock in the run folder");
  app.add_option("--storage-socket", config.storage_socket,
                 "of hanok-storage, for volumes that guests reach by vhost-user; default: storage.sock in "
                 "the run folder");
  app.add_option("--vtep", config.vtep, "IPv4 address of this host's VXLAN tunnel end");
  app.add_option(
      "--uplinks", config.uplinks,
      "list of name=device;physical_network=..;address=..;mtu=.. (device: PCI address or DPDK vdev)");
  app.add_option("--libvirt-uri", config.libvirt_uri, "where guests run")->capture_default_str();
  app.add_option("--virt-type", config.virt_type, "kvm, or qemu for emulation")
      ->check(CLI::IsMember({"kvm", "qemu", "tcg"}))
      ->capture_default_str();
  app.add_option("--ceph-conf", config.ceph_conf, "cluster that holds images and volumes")
      ->capture_default_str();
  app.add_option("--ceph-client", config.ceph_client, "cephx user, without 'client.'")->capture_default_str();
  app.add_option("--volume-pools", config.volume_pools, "pools that volumes may be in")
      ->capture_default_str();
  app.add_option("--ceph-secret-uuid", config.ceph_secret_uuid,
                 "libvirt secret with that user's key; empty: a cluster without cephx");
  app.add_option("--shutdown-wait-s", config.shutdown_wait_s, "patience after the power button of a guest")
      ->check(CLI::Range(0, 3600))
      ->capture_default_str();
  app.add_option("--log-level", config.log_level, "trace, debug, info, warn, error")->capture_default_str();
}

Result<std::string> read_token(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && (info.st_mode & 077U) != 0) {
    spdlog::warn("[-] {}: others may read this secret; its mode should be 0600", path);
  }
  HANOK_TRY(text, read_file(path, 4096));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  if (text.empty() || text.find_first_of("\r\n") != std::string::npos) {
    return bad_request(path + ": expected one line with the agents' secret");
  }
  return text;
}

Status make_folders(const Config& config) {
  for (const auto& folder : {config.state_dir, config.run_dir + "/vhost"}) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (!error) std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    if (error) return internal_error(folder + ": " + error.message());
  }
  return {};
}

Result<NetworkSettings> network_settings(const Config& config) {
  NetworkSettings out{config.host, config.vtep, config.run_dir + "/vhost", {}};
  for (const auto& text : config.uplinks) {
    if (text.empty()) continue;
    HANOK_TRY(uplink, parse_uplink(text));
    if (!out.uplinks.insert(uplink).second)
      return bad_request("uplinks: '" + uplink.first + "' is there twice");
  }
  return out;
}

// What volumes have room in. While the cluster does not answer, the names alone: a heartbeat is not held up
// by one pool after the other.
Json volume_pools(const Config& config, storage::BlockStore& store, bool answers) {
  Json out = Json::object();
  if (!config.has("volume")) return out;
  for (const auto& name : config.volume_pools) {
    out[name] = Json::object();
    if (!answers) continue;
    const auto pool = store.pool_info(name);
    answers = pool.ok();
    if (answers)
      out[name] = {{"stored_bytes", pool->stored_bytes}, {"available_bytes", pool->available_bytes}};
  }
  return out;
}

// Capacity and versions, for POST /agent/v1/session.
Json announcement(const Config& config, Hypervisor* hypervisor, storage::BlockStore& store) {
  Json capacity = {{"vcpus", 0}, {"ram_mib", 0}, {"disk_gib", 0}};
  Json versions = {{"hanok-agent", HANOK_VERSION}};
  bool answers = true;
  if (hypervisor != nullptr) {
    if (const auto found = hypervisor->capacity(); found.ok()) {
      capacity["vcpus"] = found->vcpus;
      capacity["ram_mib"] = found->ram_mib;
    }
    versions["hypervisor"] = hypervisor->version();
    const auto pool = store.pool_info("vms");
    answers = pool.ok();
    if (answers) capacity["disk_gib"] = pool->total_bytes >> 30U;
  }
  Json physical_networks = Json::array();
  for (const auto& text : config.uplinks) {
    const auto uplink = parse_uplink(text);
    if (uplink.ok() && uplink->second.contains("physical_network")) {
      physical_networks.push_back(uplink->second["physical_network"]);
    }
  }
  return {{"host", config.host},
          {"roles", config.roles},
          {"vtep", config.vtep},
          {"capacity", std::move(capacity)},
          {"details",
           {{"virt_type", config.virt_type == "kvm" ? "kvm" : "qemu"},
            {"versions", std::move(versions)},
            {"volume_pools", volume_pools(config, store, answers)},
            {"physical_networks", std::move(physical_networks)}}}};
}

// Everything that one role needs to live. Destroyed in reverse order: first the workers, then what they use.
struct Parts {
  Reports reports;
  SystemClock clock;
  std::unique_ptr<storage::BlockStore> store;
  std::unique_ptr<storage::Converter> converter;
  std::unique_ptr<JsonRpcClient> dataplane;
  std::unique_ptr<Hypervisor> hypervisor;
  std::unique_ptr<InstanceReconciler> instances;
  std::unique_ptr<VolumeReconciler> volumes;
  std::unique_ptr<BackupReconciler> backups;
  std::unique_ptr<WorkReconciler> works;
  std::unique_ptr<NetworkRole> network;
  std::unique_ptr<ObjectRole> compute, volume, backup;
  std::unique_ptr<WorkRole> work;
  std::unique_ptr<TrashSweeper> trash;
  std::vector<Role*> roles;
};

void wire_compute(const Config& config, Parts& parts) {
  DomainSettings domains{config.virt_type == "kvm", config.state_dir, config.ceph_conf, config.ceph_client,
                         config.ceph_secret_uuid};
  parts.hypervisor = libvirt_hypervisor(config.libvirt_uri, domains);
  InstanceSettings settings{config.state_dir, config.run_dir + "/vhost", config.shutdown_wait_s * 1'000'000,
                            config.virt_type == "kvm"};
  const std::string socket =
      config.storage_socket.empty() ? config.run_dir + "/storage.sock" : config.storage_socket;
  // A connection each: calls come from several workers, and an image may take long to open.
  const auto storage_target = [socket](const std::string& method, const Json& params) {
    return JsonRpcClient(socket).call(method, params, kStorageTimeout_ms);
  };
  parts.instances =
      std::make_unique<InstanceReconciler>(settings, *parts.hypervisor, *parts.store, *parts.converter,
                                           parts.reports, parts.clock, storage_target);
  parts.compute = std::make_unique<ObjectRole>(*parts.instances, parts.reports, kComputeWorkers);
  parts.hypervisor->watch(
      [role = parts.compute.get()](const std::string& id) { role->recheck("instance", id); });
  parts.roles.push_back(parts.compute.get());
}

Status wire(const Config& config, Parts& parts) {
  HANOK_CHECK(make_folders(config));
  parts.store = storage::open_rbd_store(config.ceph_conf, config.ceph_client);
  parts.converter = std::make_unique<storage::QemuImg>(config.ceph_conf, config.ceph_client);
  if (config.has("network")) {
    HANOK_TRY(settings, network_settings(config));
    const std::string socket =
        config.dataplane_socket.empty() ? config.run_dir + "/dataplane.sock" : config.dataplane_socket;
    parts.dataplane = std::make_unique<JsonRpcClient>(socket);
    const auto call = [client = parts.dataplane.get()](const std::string& method, const Json& params) {
      return client->call(method, params);
    };
    parts.network = std::make_unique<NetworkRole>(std::move(settings), call, parts.reports);
    parts.roles.push_back(parts.network.get());
  }
  if (config.has("compute")) wire_compute(config, parts);
  if (config.has("volume")) {
    parts.volumes = std::make_unique<VolumeReconciler>(*parts.store, *parts.converter);
    parts.volume = std::make_unique<ObjectRole>(*parts.volumes, parts.reports, kVolumeWorkers);
    parts.roles.push_back(parts.volume.get());
    parts.backups = std::make_unique<BackupReconciler>(*parts.store);
    parts.backup = std::make_unique<ObjectRole>(*parts.backups, parts.reports, kBackupWorkers);
    parts.roles.push_back(parts.backup.get());
    parts.works = std::make_unique<WorkReconciler>(*parts.store, parts.reports);
    parts.work = std::make_unique<WorkRole>(*parts.works, parts.reports, kWorkWorkers);
    parts.roles.push_back(parts.work.get());
    const auto purge = [store = parts.store.get()](const std::string& pool) {
      return store->purge_trash(pool);
    };
    std::vector<std::string> pools = config.volume_pools;
    pools.insert(pools.end(), {"images", "vms", "backups"});
    parts.trash = std::make_unique<TrashSweeper>(purge, pools, kTrashSweepMs);
  }
  return {};
}

// A copy may run for minutes, and a call to a Ceph that is away for as long as it is. All work is such that
// the next start takes it up, as after a kill.
void stop_anyway_after(std::chrono::seconds patience) {
  std::thread([patience] {
    std::this_thread::sleep_for(patience);
    spdlog::warn("[-] some work did not end within {} s: the next start takes it up", patience.count());
    spdlog::shutdown();
    _exit(0);
  }).detach();
}

Status run(const Config& config, const sigset_t& signals) {
  HANOK_TRY(token, read_token(config.token_file));
  HANOK_TRY(connect, http_api(config.api, token));
  Parts parts;
  HANOK_CHECK(wire(config, parts));
  SessionSettings settings;
  settings.host = config.host;
  Session session(
      settings, connect, [&] { return announcement(config, parts.hypervisor.get(), *parts.store); },
      parts.roles, parts.reports);
  session.start();
  spdlog::info("[-] hanok-agent {} runs on host {} with roles {}", HANOK_VERSION, config.host,
               fmt::join(config.roles, ", "));
  int got = 0;
  sigwait(&signals, &got);
  spdlog::info("[-] signal {}: stopping; guests and data plane go on", got);
  stop_anyway_after(kStopPatience);
  session.stop();
  if (parts.hypervisor) parts.hypervisor->watch({});
  return {};
}

}  // namespace
}  // namespace hanok::agent

int main(int argc, char** argv) {
  // Blocked before the first thread starts, so that all inherit it and only sigwait() sees them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  hanok::agent::Config config;
  config.host = hanok::agent::own_host_name();
  CLI::App app(
      "Agent of one host: fetches from hanok-api what the host shall do and brings it about by libvirt, the "
      "data plane "
      "and Ceph.\nIt may be stopped or killed at any time: guests and packets go on, and the next start goes "
      "on where "
      "this one was.",
      "hanok-agent");
  app.set_version_flag("--version", HANOK_VERSION);
  hanok::agent::add_options(app, config);
  CLI11_PARSE(app, argc, argv);
  hanok::init_log(config.log_level);
  if (const auto status = hanok::agent::run(config, signals); !status.ok()) {
    spdlog::error("[-] {}", status.error().message);
    return 1;
  }
  return 0;
}
