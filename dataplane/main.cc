// hanok-dataplane: the packet process. Wires DPDK, workers, engines and control socket; stops on SIGTERM and
// SIGINT.

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <iostream>

#include "common/log.h"
#include "common/secret.h"
#include "dataplane/dpdk/eal.h"
#include "dataplane/dpdk/native_datapath.h"
#include "dataplane/dpdk/worker_group.h"
#include "dataplane/rpc/convert.h"
#include "dataplane/rpc/methods.h"
#include "dataplane/rpc/server.h"

namespace {

using namespace hanok;
using namespace hanok::dataplane;

constexpr std::size_t kMaxStateBytes = 256U << 20U;
constexpr const char* kVersion = HANOK_VERSION;

constexpr const char* kHelp = R"(
Moves the packets of guests: switching, routing, NAT, DHCP, security groups. What it shall do is one JSON document,
given by --state FILE or over the control socket (JSON-RPC 2.0, one object per line; methods state.put, state.apply,
state.generation, status, counters, flows, trace, version). The document's schema: dataplane/rpc/state.schema.json.

Two guests in network namespaces, on one network, without huge pages:
  hanok-dataplane --no-huge --socket /tmp/dp.sock --state two-guests.json
where a port of two-guests.json has "device": {"type": "dpdk", "device": "net_af_packet0,iface=veth0"}.
Ask it:            hanok-dpctl --socket /tmp/dp.sock counters
Check a document:  hanok-dataplane --check-state two-guests.json
Benchmarks:        --idle-sleep-us 0, devices net_pcap and net_null.
Exit status: 0 stopped by SIGTERM or SIGINT, or the document is good; 1 otherwise.)";

struct Options {
  std::string socket = "/run/hanok/dataplane.sock";
  std::string state_file;
  std::string check_file;
  std::vector<unsigned> lcores = {0};
  unsigned huge_mib = 256;
  bool no_huge = false;
  std::vector<std::string> eal;
  std::uint32_t idle_sleep_us = dpdk::WorkerOptions{}.idle_sleep_us;
  std::uint32_t flow_capacity = EngineOptions{}.flow_capacity;
  std::uint32_t sessions_per_port = EngineOptions{}.sessions_per_port;
  std::string log_level = "info";
};

void describe(CLI::App& app, Options& options) {
  app.set_config("--config", "", "TOML file with any of these options as keys");
  app.allow_config_extras(false);
  app.set_version_flag("--version", std::string("hanok-dataplane ") + kVersion);
  app.add_option("--socket", options.socket, "Control socket, made with mode 0600")->capture_default_str();
  app.add_option("--state", options.state_file, "State document to start with");
  app.add_option("--check-state", options.check_file, "Only say whether this state document is good");
  app.add_option("--lcores", options.lcores, "CPUs of the packet workers, one each, separated by commas")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--huge-mib", options.huge_mib, "Memory for packets, in huge pages")
      ->check(CLI::Range(32U, 65536U))
      ->capture_default_str();
  app.add_flag("--no-huge", options.no_huge, "Use plain memory instead of huge pages; no PCI devices");
  app.add_option("--eal", options.eal, "Further arguments for DPDK's EAL");
  app.add_option("--idle-sleep-us", options.idle_sleep_us, "Longest sleep of an idle worker; 0: never sleep")
      ->check(CLI::Range(0U, 10000U))
      ->capture_default_str();
  app.add_option("--flow-capacity", options.flow_capacity, "Flow records; two for a connection")
      ->check(CLI::Range(1024U, 1U << 26U))
      ->capture_default_str();
  app.add_option("--sessions-per-port", options.sessions_per_port, "Connections that one port may hold")
      ->check(CLI::Range(1U, 1U << 26U))
      ->capture_default_str();
  app.add_option("--log-level", options.log_level, "trace, debug, info, warn or error")
      ->capture_default_str();
  app.footer(kHelp);
}

// Two data planes of one machine have two run folders, so two names for DPDK's own files.
std::string file_prefix_of(const std::string& socket) {
  std::error_code ignored;
  std::string out = std::filesystem::absolute(socket, ignored).parent_path().string();
  for (char& letter : out) {
    if (letter == '/') letter = '-';
  }
  return out.size() > 1 ? out.substr(1) : "hanok";
}

Result<StateDocument> read_state(const std::string& file) {
  HANOK_TRY(text, read_file(file, kMaxStateBytes));
  auto json = parse_json(text);
  if (!json.ok()) return bad_request(file + ": " + json.error().message);
  auto converted = rpc::to_state_document(rpc::StateSchema(), *json, true);
  if (const auto* problem = std::get_if<rpc::Problem>(&converted)) {
    return bad_request(file + ": at \"" + problem->path + "\": " + problem->message);
  }
  return std::get<StateDocument>(std::move(converted));
}

Status check_state(const std::string& file) {
  HANOK_TRY(document, read_state(file));
  const ApplyResult result = Tables::empty()->apply(document);
  if (result.tables == nullptr) {
    return bad_request(file + ": at \"" + result.error.path + "\": " + result.error.message);
  }
  std::cout << file << ": good; " << document.port.size() << " ports, " << result.added.size()
            << " devices here\n";
  return {};
}

Status load_state(Datapath& datapath, const std::string& file) {
  HANOK_TRY(document, read_state(file));
  const auto outcome = datapath.apply(document);
  if (const auto* error = std::get_if<StateError>(&outcome)) {
    return bad_request(file + ": at \"" + error->path + "\": " + error->message);
  }
  return {};
}

Status run(const Options& options) {
  sigset_t signals;  // taken by sigwait below; blocked before any thread starts
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  HANOK_TRY(eal, dpdk::Eal::start({options.lcores, options.huge_mib, options.no_huge,
                                   file_prefix_of(options.socket), options.eal}));
  dpdk::WorkerOptions worker_options;
  worker_options.idle_sleep_us = options.idle_sleep_us;
  worker_options.engine.flow_capacity = options.flow_capacity;
  worker_options.engine.sessions_per_port = options.sessions_per_port;
  const auto count = static_cast<unsigned>(options.lcores.size());
  HANOK_TRY(workers, dpdk::WorkerGroup::make(eal.pool(), worker_options, count));
  dpdk::NativeDatapath datapath(*workers, dpdk::real_devices(eal.pool(), count), eal.pool());
  if (!options.state_file.empty()) HANOK_CHECK(load_state(datapath, options.state_file));
  HANOK_CHECK(workers->start(eal.worker_lcores()));

  std::atomic<const rpc::Server*> counting = nullptr;  // read on the server's thread
  rpc::MethodContext context{
      datapath, {{"version", kVersion}, {"dpdk", dpdk::dpdk_version()}, {"state_schema", 1}}, [&counting] {
        const rpc::Server* serving = counting.load();
        return serving != nullptr ? rpc::to_json(serving->counters()) : Json::object();
      }};
  HANOK_TRY(server, rpc::Server::start(options.socket, rpc::make_methods(std::move(context))));
  counting = server.get();
  spdlog::info("ready: control socket {}", options.socket);
  int signal = 0;
  sigwait(&signals, &signal);
  spdlog::info("stopping on signal {}", signal);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The data plane of Hanok");
  Options options;
  describe(app, options);
  CLI11_PARSE(app, argc, argv);
  init_log(options.log_level);
  const Status done = options.check_file.empty() ? run(options) : check_state(options.check_file);
  if (done.ok()) return 0;
  std::cerr << "hanok-dataplane: " << done.error().message << '\n';
  return 1;
}
