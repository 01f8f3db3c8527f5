// hanok-api: wires the services, their store and their doors. Nothing else is decided here.
#include <fmt/format.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <thread>

#include "common/log.h"
#include "common/secret.h"
#include "control/bus/agent_service.h"
#include "control/bus/changes.h"
#include "control/compute/compute.h"
#include "control/http/server.h"
#include "control/identity/identity.h"
#include "control/image/image.h"
#include "control/network/network.h"
#include "control/options.h"
#include "control/store/store.h"
#include "control/volume/volume.h"
#include "storage/rbd/rbd_store.h"

namespace hanok {
namespace {

constexpr unsigned kAgentWorkers = 64;  // a long poll holds one: the bound on agents of a controller
constexpr auto kSweepPeriod = std::chrono::seconds(1), kTrashPeriod = std::chrono::seconds(10);

// The secret in a file, made there when absent.
Result<std::string> secret_from(const std::string& path) {
  auto text = read_file(path, 4096);
  if (text.ok()) {
    std::string out = std::move(*text);
    while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
    if (out.empty()) return bad_request(path + ": the file is empty");
    return out;
  }
  if (text.error().code != ErrorCode::kNotFound) return text.take_error();
  std::string made = random_token();
  HANOK_CHECK(write_secret_file(path, made));
  return made;
}

identity::Settings identity_settings(const ApiOptions& options) {
  const auto url = [&](std::uint16_t port, const char* path) {
    const bool v6 = options.public_host.find(':') != std::string::npos;
    return fmt::format("http://{}{}{}:{}{}", v6 ? "[" : "", options.public_host, v6 ? "]" : "", port, path);
  };
  identity::Settings out;
  out.region = options.region;
  out.fernet_keys = options.fernet_keys;
  out.admin_password_file = options.admin_password_file;
  out.catalog = {
      {"identity", "keystone", url(options.identity_port, "/v3")},
      {"compute", "nova", url(options.compute_port, "/v2.1")},
      {"network", "neutron", url(options.network_port, "")},
      {"volumev3", "cinderv3", url(options.volume_port, "/v3/$(project_id)s")},
      {"block-storage", "cinder", url(options.volume_port, "/v3/$(project_id)s")},
      {"image", "glance", url(options.image_port, "")},
  };
  return out;
}

// Transient states that are past their deadline move to an error.
void sweep(store::Database& database, const Clock& clock, identity::Identity& identity) {
  const auto report = [](const char* what, const Status& status) {
    if (!status.ok()) spdlog::error("sweep: {}: {}", what, status.error().message);
  };
  const auto run = [&](const char* what, Status (*expire)(store::Tx&, std::int64_t)) {
    const auto done = database.write([&](store::Tx& tx) -> Result<bool> {
      HANOK_CHECK(expire(tx, clock.now_us()));
      return true;
    });
    report(what, done.ok() ? Status() : Status(done.error()));
  };
  run("servers", compute::expire_servers);
  run("volumes", volume::expire_volumes);
  report("identity", identity.maintain());
}

// Does something now and then, in a thread of its own, until it is destroyed.
class Sweeper {
 public:
  Sweeper(std::chrono::seconds period, std::function<void()> work)
      : thread_([this, period, work = std::move(work)] {
          std::unique_lock lock(mutex_);
          while (!stop_.wait_for(lock, period, [this] { return stopping_; })) work();
        }) {}
  ~Sweeper() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    stop_.notify_all();
    thread_.join();
  }
  Sweeper(const Sweeper&) = delete;
  Sweeper& operator=(const Sweeper&) = delete;

 private:
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

std::vector<store::Module> modules() {
  return {bus::bus_module(),     identity::identity_module(), network::network_module(),
          image::image_module(), volume::volume_module(),     compute::compute_module()};
}

std::vector<bus::Kind> kinds(const Clock& clock, const volume::Keys& keys) {
  std::vector<bus::Kind> out = network::network_kinds();
  for (auto more : {volume::volume_kinds(), compute::compute_kinds(clock)}) {
    for (auto& kind : more) out.push_back(volume::with_keys(std::move(kind), keys));
  }
  return out;
}

Result<std::vector<http::Listener>> agent_doors(const ApiOptions& options, http::Service service,
                                                http::Authenticator& authenticator) {
  const auto dispatcher = std::make_shared<http::Dispatcher>(std::move(service), authenticator);
  std::vector<http::Listener> out = {{"unix:" + options.agent_socket, 0, dispatcher}};
  if (options.agent_listen.empty()) return out;
  const std::size_t colon = options.agent_listen.rfind(':');
  const std::string port = colon == std::string::npos ? "" : options.agent_listen.substr(colon + 1);
  if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos ||
      std::stoi(port) > 65535) {
    return bad_request("agent-listen must be ADDRESS:PORT, not '" + options.agent_listen + "'");
  }
  out.push_back(
      {options.agent_listen.substr(0, colon), static_cast<std::uint16_t>(std::stoi(port)), dispatcher});
  return out;
}

Status run(const ApiOptions& options) {
  std::error_code error;
  for (const std::string& folder : {options.state_dir, options.run_dir}) {
    std::filesystem::create_directories(folder, error);
    if (error) return internal_error(folder + ": " + error.message());
  }
  const SystemClock clock;
  HANOK_TRY(database, store::open_database(options.state_dir + "/hanok.db", modules()));
  HANOK_TRY(identity, identity::make_identity(*database, clock, identity_settings(options)));
  HANOK_TRY(agent_token, secret_from(options.agent_token_file));
  HANOK_TRY(volume_key, secret_from(options.volume_key_file));
  const volume::Keys keys(volume_key);

  std::unique_ptr<storage::BlockStore> blocks;
  if (!options.ceph_conf.empty()) blocks = storage::open_rbd_store(options.ceph_conf, options.ceph_client);

  bus::Sessions sessions;
  database->on_commit([&](std::int64_t generation) { sessions.wake(generation); });
  HANOK_TRY(generation, database->read([](store::Tx& tx) { return bus::newest_generation(tx); }));
  sessions.wake(generation);

  const auto door = [&](http::Service service, std::uint16_t port) {
    return http::Listener{options.listen, port,
                          std::make_shared<http::Dispatcher>(std::move(service), *identity)};
  };
  const std::vector<http::Listener> doors = {
      door(identity->service(), options.identity_port),
      door(compute::compute_service(*database, clock, sessions), options.compute_port),
      door(network::network_service(*database, clock), options.network_port),
      door(volume::volume_service(*database, clock, sessions, keys), options.volume_port),
      door(image::image_service(*database, clock, blocks.get()), options.image_port),
  };
  HANOK_TRY(server, http::make_server(doors, {.workers = options.workers, .stop_on_signals = true}));
  HANOK_TRY(
      for_agents,
      agent_doors(options, bus::agent_service(*database, clock, sessions, kinds(clock, keys), agent_token),
                  *identity));
  HANOK_TRY(agent_server,
            http::make_server(for_agents, {.workers = kAgentWorkers, .stop_on_signals = false}));

  std::thread agents([&] { agent_server->run(); });
  {
    const Sweeper deadlines(kSweepPeriod, [&] { sweep(*database, clock, *identity); });
    const Sweeper trash(kTrashPeriod, [&] { image::empty_trash(*database, blocks.get()); });
    spdlog::info("hanok-api {} listens on {}: identity {}, compute {}, network {}, volume {}, image {}",
                 HANOK_VERSION, options.listen, options.identity_port, options.compute_port,
                 options.network_port, options.volume_port, options.image_port);
    server->run();
  }
  spdlog::info("hanok-api stops");
  sessions.stop();
  agent_server->stop();
  agents.join();
  return {};
}

}  // namespace
}  // namespace hanok

int main(int argc, char** argv) {
  umask(077);
  hanok::ApiOptions options;
  int exit_status = 0;
  if (!hanok::parse_api_options(argc, argv, options, exit_status)) return exit_status;
  hanok::init_log(options.log_level);
  const hanok::Status status = hanok::run(options);
  if (status.ok()) return 0;
  spdlog::error("hanok-api: {}", status.error().message);
  return 1;
}
