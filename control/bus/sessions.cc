#include "control/bus/sessions.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "common/json.h"
#include "common/uuid.h"

namespace hanok::bus {
namespace {

constexpr std::size_t kMaxAskedPerHost = 256;

// In the agent's words. That something is not there is told apart: it is no fault of the host.
Error error_of(const Json& error) {
  if (error.is_string()) return unavailable(error.get<std::string>());
  const auto message = get_string(error, "message");
  const auto code = get_string(error, "code");
  if (!message.ok() || !code.ok() || !*message) return unavailable(dump_json(error));
  return *code == to_string(ErrorCode::kNotFound) ? not_found(**message) : unavailable(**message);
}

}  // namespace

void Sessions::wake(std::int64_t generation) {
  const std::lock_guard lock(mutex_);
  generation_ = std::max(generation_, generation);
  changed_.notify_all();
}

void Sessions::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_all();
}

Json Sessions::wait(const std::string& host, std::int64_t since, std::int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms), [&] {
    const auto asked = asked_.find(host);
    return stopped_ || generation_ > since || (asked != asked_.end() && !asked->second.empty());
  });
  Json out = Json::array();
  if (const auto asked = asked_.find(host); asked != asked_.end()) {
    for (Json& question : asked->second) out.push_back(std::move(question));
    asked_.erase(asked);
  }
  return out;
}

Status Sessions::answer(const std::string& id, const Json& reply) {
  const std::lock_guard lock(mutex_);
  const auto it = open_.find(id);
  if (it == open_.end()) return not_found("nobody waits for this answer");
  it->second->reply = reply;
  it->second->answered = true;
  changed_.notify_all();
  return {};
}

Result<Json> Sessions::ask(const std::string& host, const std::string& method, const Json& params,
                           std::int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  if (asked_[host].size() >= kMaxAskedPerHost) {
    return unavailable(fmt::format("Host {} does not fetch its questions.", host));
  }
  const std::string id = new_uuid();
  const auto question = std::make_shared<Question>();
  open_[id] = question;
  asked_[host].push_back({{"id", id}, {"method", method}, {"params", params}});
  changed_.notify_all();
  changed_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                    [&] { return stopped_ || question->answered; });
  open_.erase(id);
  if (!question->answered) {
    return Error{ErrorCode::kTimeout, fmt::format("Host {} did not answer within {} ms.", host, timeout_ms)};
  }
  if (const auto error = question->reply.find("error"); error != question->reply.end()) {
    return error_of(*error);
  }
  return question->reply.value("result", Json());
}

}  // namespace hanok::bus
