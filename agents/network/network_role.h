#pragma once
// The network role: hands the API's network objects to the data plane, as changes while generations agree and
// whole otherwise, and reports which ports are up. While the API or the data plane is away, packets go on as
// they were.

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agents/core/reconciler.h"
#include "agents/core/role.h"
#include "agents/network/local_state.h"

namespace hanok::agent {

// A JSON-RPC call to the data plane; errors as of JsonRpcClient. Called from one thread.
using DataplaneCall = std::function<Result<Json>(const std::string& method, const Json& params)>;

// The part without a thread: each step is called by whoever drives it.
class NetworkSync {
 public:
  NetworkSync(NetworkSettings settings, DataplaneCall call, Outbox& outbox);

  // Brings `changes` (in order of generation) to the data plane.
  [[nodiscard]] Status push(const std::vector<Changes>& changes);
  // Looks whether the data plane still has what it was given, puts it again where not, and reports ports.
  [[nodiscard]] Status check();
  // Whether what was taken so far is in force.
  [[nodiscard]] bool in_step() const { return in_step_; }
  [[nodiscard]] std::uint64_t refused_objects() const { return refused_objects_; }

 private:
  [[nodiscard]] Status put_whole();
  [[nodiscard]] bool leave_out_refused(const std::string& message);
  void report_ports(const Json& status);

  LocalState state_;
  DataplaneCall call_;
  Outbox& outbox_;
  bool in_step_ = false;
  std::int64_t in_force_ = -1;  // generation that the data plane told last
  std::uint64_t refused_objects_ = 0;
  std::map<std::string, bool> reported_;  // ports, by what was reported last
};

class NetworkRole final : public Role {
 public:
  NetworkRole(NetworkSettings settings, DataplaneCall call, Outbox& outbox,
              std::int64_t check_every_ms = 1000);
  ~NetworkRole() override;  // leaves the data plane as it is

  void changed(const Changes& changes) override;
  [[nodiscard]] std::optional<Result<Json>> answer(const std::string&, const Json&) override {
    return std::nullopt;
  }

 private:
  void run();

  NetworkSync sync_;
  std::int64_t check_every_ms_;
  std::mutex mutex_;
  std::condition_variable woken_;
  std::vector<Changes> pending_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace hanok::agent
