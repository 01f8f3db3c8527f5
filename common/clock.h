#pragma once
// Time is a parameter: everything that compares or stamps times takes a Clock, so that tests set it.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/result.h"

namespace hanok {

constexpr std::int64_t kSecond_us = 1'000'000;

class Clock {
 public:
  virtual ~Clock() = default;
  // Microseconds since the Unix epoch, UTC.
  [[nodiscard]] virtual std::int64_t now_us() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t now_us() const override;
};

class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::int64_t start_us = 1'700'000'000'000'000) : now_us_(start_us) {}
  [[nodiscard]] std::int64_t now_us() const override { return now_us_; }
  void advance_us(std::int64_t by_us) { now_us_ += by_us; }

 private:
  std::int64_t now_us_;
};

[[nodiscard]] std::string iso8601_z(std::int64_t time_us);  // 2026-01-02T03:04:05Z (Nova, Neutron, Glance)
[[nodiscard]] std::string iso8601_micro(std::int64_t time_us);    // 2026-01-02T03:04:05.123456 (Cinder)
[[nodiscard]] std::string iso8601_micro_z(std::int64_t time_us);  // 2026-01-02T03:04:05.123456Z (Keystone)
// Accepts the three above, and an offset as +00:00; error kBadRequest otherwise.
[[nodiscard]] Result<std::int64_t> parse_iso8601(std::string_view text);

}  // namespace hanok
