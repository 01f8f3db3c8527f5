#pragma once
// The agent's session with hanok-api: announces the host, fetches what is wanted, delivers reports, answers
// questions. While the API is away it tries again, with bounded delays, and changes nothing on the host.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agents/core/api.h"
#include "agents/core/reports.h"
#include "agents/core/role.h"

namespace hanok::agent {

struct SessionSettings {
  std::string host;
  std::int64_t poll_wait_ms = 20'000;       // how long one fetch waits for a change
  std::int64_t call_timeout_ms = 10'000;    // on top of poll_wait_ms for fetches
  std::int64_t first_backoff_ms = 200;      // delays between attempts while the API is away
  std::int64_t longest_backoff_ms = 5'000;  // doubled up to this
};

class Session {
 public:
  // `announcement`: the body of POST /agent/v1/session, made anew for each heartbeat (capacity changes).
  // `roles` and `reports` outlive this.
  Session(SessionSettings settings, ApiFactory connect, std::function<Json()> announcement,
          std::vector<Role*> roles, Reports& reports);
  ~Session();  // stop()
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start();
  // Breaks waiting calls off and joins the threads. Idempotent.
  void stop();

 private:
  struct Link {  // one thread's connection and its view of whether the API is there
    std::unique_ptr<Api> api;
    int failures = 0;
  };

  void heartbeats();
  void fetches();
  void deliveries();
  void questions();

  void fetch_once(Link& link, std::int64_t& generation);
  void take(const Json& reply, std::int64_t& generation, std::int64_t since);
  void deliver_once(Link& link);
  void queue_questions(const Json& asks);
  [[nodiscard]] Json answer(const Json& question);

  Result<Json> call(Link& link, const std::string& verb, const std::string& target, const Json& body,
                    std::int64_t timeout_ms);
  void pause(std::int64_t delay_ms);  // ends early when stopping
  std::int64_t backoff_ms(const Link& link) const;

  SessionSettings settings_;
  ApiFactory connect_;
  std::function<Json()> announcement_;
  std::vector<Role*> roles_;
  Reports& reports_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool announced_ = false;  // the API knows this host; cleared when it seems to have forgotten
  std::vector<Json> asks_;  // questions not yet answered, bounded
  Link links_[4];           // heartbeat, fetch, deliver, answer
  std::vector<std::thread> threads_;
};

}  // namespace hanok::agent
