#include "common/clock.h"

#include <fmt/format.h>

#include <cstdio>
#include <ctime>

namespace hanok {
namespace {

std::string seconds_part(std::int64_t time_us) {
  std::int64_t seconds = time_us / kSecond_us;
  if (time_us % kSecond_us < 0) --seconds;
  const auto whole = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&whole, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::int64_t micro_part(std::int64_t time_us) {
  const std::int64_t rest = time_us % kSecond_us;
  return rest < 0 ? rest + kSecond_us : rest;
}

}  // namespace

std::int64_t SystemClock::now_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string iso8601_z(std::int64_t time_us) {
  return seconds_part(time_us) + "Z";
}
std::string iso8601_micro(std::int64_t time_us) {
  return fmt::format("{}.{:06}", seconds_part(time_us), micro_part(time_us));
}
std::string iso8601_micro_z(std::int64_t time_us) {
  return iso8601_micro(time_us) + "Z";
}

Result<std::int64_t> parse_iso8601(std::string_view text) {
  const Error wrong = bad_request("not a date and time in ISO 8601 form");
  if (text.size() < 19 || text.size() > 40) return wrong;
  const std::string copy(text);
  std::tm parts{};
  int consumed = 0;
  char separator = 0;
  if (std::sscanf(copy.c_str(), "%4d-%2d-%2d%c%2d:%2d:%2d%n", &parts.tm_year, &parts.tm_mon,
                  &parts.tm_mday,  // NOLINT
                  &separator, &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &consumed) != 7 ||
      (separator != 'T' && separator != ' ')) {
    return wrong;
  }
  if (parts.tm_mon < 1 || parts.tm_mon > 12 || parts.tm_mday < 1 || parts.tm_mday > 31 ||
      parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 60) {
    return wrong;
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  std::int64_t out = static_cast<std::int64_t>(timegm(&parts)) * kSecond_us;
  std::string_view rest = std::string_view(copy).substr(static_cast<std::size_t>(consumed));
  if (!rest.empty() && rest.front() == '.') {
    rest.remove_prefix(1);
    std::int64_t unit = kSecond_us / 10;
    if (rest.empty() || rest.front() < '0' || rest.front() > '9') return wrong;
    while (!rest.empty() && rest.front() >= '0' && rest.front() <= '9') {
      out += (rest.front() - '0') * unit;
      unit /= 10;
      rest.remove_prefix(1);
    }
  }
  if (rest.empty() || rest == "Z") return out;
  int hours = 0;
  int minutes = 0;
  if (rest.size() == 6 && (rest[0] == '+' || rest[0] == '-') &&
      std::sscanf(std::string(rest.substr(1)).c_str(), "%2d:%2d", &hours, &minutes) == 2) {  // NOLINT
    const std::int64_t offset_us = (hours * 3600LL + minutes * 60LL) * kSecond_us;
    return rest[0] == '+' ? out - offset_us : out + offset_us;
  }
  return wrong;
}

}  // namespace hanok
