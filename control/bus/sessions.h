#pragma once
// Who waits for what: long polls for a generation or a question, handlers for an answer. In memory only: a
// lost wake-up costs one poll, a lost question its asker's deadline.

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

#include "control/bus/bus.h"

namespace hanok::bus {

class Sessions final : public Asker {
 public:
  // From any thread: a commit moved the generation.
  void wake(std::int64_t generation);
  // Everything that waits returns at once, now and later.
  void stop();

  // Waits until the generation is above `since`, a question is there, or the time is over; gives the
  // questions.
  [[nodiscard]] Json wait(const std::string& host, std::int64_t since, std::int64_t timeout_ms);
  // kNotFound: nobody waits for it (any more).
  [[nodiscard]] Status answer(const std::string& id, const Json& reply);

  [[nodiscard]] Result<Json> ask(const std::string& host, const std::string& method, const Json& params,
                                 std::int64_t timeout_ms) override;

 private:
  struct Question {
    Json reply;
    bool answered = false;
  };

  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t generation_ = 0;
  bool stopped_ = false;
  std::map<std::string, std::deque<Json>> asked_;  // by host, not yet fetched
  std::map<std::string, std::shared_ptr<Question>> open_;
};

}  // namespace hanok::bus
