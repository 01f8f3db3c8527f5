#pragma once
// Reports on their way to the API: one place per object, the newest report wins, kept until the API took it.

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "agents/core/reconciler.h"

namespace hanok::agent {

class Reports final : public Outbox {
 public:
  struct Entry {
    std::string kind, id;
    Json observed;
    std::uint64_t serial = 0;  // tells a replaced report from the one that was sent
    int refusals = 0;
  };

  void report(const std::string& kind, const std::string& id, Json observed) override;

  // Waits until something is to be sent, at most `wait_ms`; gives up to `limit` reports, oldest first. They
  // stay here until done().
  [[nodiscard]] std::vector<Entry> next(std::size_t limit, std::int64_t wait_ms);
  // The API took the report.
  void done(const Entry& entry);
  // The API answered that it cannot: it is sent again, up to kMaxRefusals times, then dropped (true) and
  // counted.
  bool refused(const Entry& entry);
  void stop();  // next() returns at once from now on

  [[nodiscard]] std::size_t waiting() const;
  [[nodiscard]] std::uint64_t dropped() const;
  static constexpr int kMaxRefusals = 5;

 private:
  using Key = std::pair<std::string, std::string>;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, Entry> by_serial_;
  std::map<Key, std::uint64_t> newest_;
  std::uint64_t next_serial_ = 1;
  std::uint64_t dropped_ = 0;
  bool stopping_ = false;
};

}  // namespace hanok::agent
