#include "agents/core/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "common/log.h"

namespace hanok::agent {
namespace {

constexpr std::int64_t kDefaultHeartbeatS = 10;
constexpr std::size_t kMaxQuestions = 64;
constexpr std::size_t kReportsPerCall = 100;

std::string text_of(const Json& object, const char* key) {
  if (!object.is_object()) return {};
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string{};
}

void log_changes(const Changes& changes) {
  for (const auto& [kind, objects] : changes.objects) {
    for (const auto& [id, object] : objects) {
      const std::string request_id = text_of(object, "request_id");
      spdlog::info("[{}] {} {} {} in generation {}", request_id.empty() ? "-" : request_id, kind, id,
                   object.is_null() ? "gone" : "wanted", changes.generation);
    }
  }
}

}  // namespace

Session::Session(SessionSettings settings, ApiFactory connect, std::function<Json()> announcement,
                 std::vector<Role*> roles, Reports& reports)
    : settings_(std::move(settings)),
      connect_(std::move(connect)),
      announcement_(std::move(announcement)),
      roles_(std::move(roles)),
      reports_(reports) {
  for (auto& link : links_) link.api = connect_();
}

Session::~Session() {
  stop();
}

void Session::start() {
  threads_.emplace_back([this] { heartbeats(); });
  threads_.emplace_back([this] { fetches(); });
  threads_.emplace_back([this] { deliveries(); });
  threads_.emplace_back([this] { questions(); });
}

void Session::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  reports_.stop();
  for (auto& link : links_) link.api->cancel();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Session::pause(std::int64_t delay_ms) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(delay_ms), [this] { return stopping_; });
}

std::int64_t Session::backoff_ms(const Link& link) const {
  const int doublings = std::clamp(link.failures - 1, 0, 10);
  return std::min(settings_.first_backoff_ms << doublings, settings_.longest_backoff_ms);
}

// One line when the API goes and one when it is back, not one per attempt.
Result<Json> Session::call(Link& link, const std::string& verb, const std::string& target, const Json& body,
                           std::int64_t timeout_ms) {
  auto reply = link.api->call(verb, target, body, timeout_ms);
  const std::lock_guard lock(mutex_);
  if (stopping_) return reply;
  const std::string path = target.substr(0, target.find('?'));
  if (reply.ok()) {
    if (link.failures > 0) spdlog::info("[-] {} works again after {} failures", path, link.failures);
    link.failures = 0;
  } else if (++link.failures == 1) {
    spdlog::warn("[-] {}: {}; trying again", path, reply.error().message);
  }
  return reply;
}

void Session::heartbeats() {
  Link& link = links_[0];
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const Json body = announcement_();
    const auto reply = call(link, "POST", "/agent/v1/session", body, settings_.call_timeout_ms);
    std::int64_t delay_ms = backoff_ms(link);
    lock.lock();
    if (reply.ok()) {
      if (!announced_) spdlog::info("[-] host {} announced to hanok-api", settings_.host);
      announced_ = true;
      changed_.notify_all();
      const auto heartbeat_s = get_int(reply.value(), "heartbeat_s");
      const std::int64_t every_s =
          heartbeat_s.ok() ? heartbeat_s.value().value_or(kDefaultHeartbeatS) : kDefaultHeartbeatS;
      delay_ms = std::clamp<std::int64_t>(every_s, 1, 60) * 1000;
    }
    // Sooner when a fetch found that the API does not know this host (any more).
    const auto wake = [this, ok = reply.ok()] { return stopping_ || (ok && !announced_); };
    changed_.wait_for(lock, std::chrono::milliseconds(delay_ms), wake);
  }
}

void Session::fetches() {
  std::int64_t generation = 0;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || announced_; });
    if (stopping_) return;
    lock.unlock();
    fetch_once(links_[1], generation);
    lock.lock();
  }
}

void Session::fetch_once(Link& link, std::int64_t& generation) {
  const std::int64_t since = generation;
  const auto reply = call(link, "GET",
                          fmt::format("/agent/v1/changes?host={}&since={}&wait_ms={}", settings_.host, since,
                                      settings_.poll_wait_ms),
                          nullptr, settings_.poll_wait_ms + settings_.call_timeout_ms);
  if (reply.ok()) {
    take(reply.value(), generation, since);
    return;
  }
  if (reply.error().code == ErrorCode::kNotFound || reply.error().code == ErrorCode::kConflict) {
    const std::lock_guard lock(mutex_);
    announced_ = false;
    changed_.notify_all();
  }
  pause(backoff_ms(link));
}

void Session::take(const Json& reply, std::int64_t& generation, std::int64_t since) {
  Changes changes;
  const auto number = get_int(reply, "generation");
  const auto whole = get_bool(reply, "whole");
  const auto objects = get_object(reply, "objects");
  if (!number.ok() || !number.value() || !whole.ok() || !objects.ok()) {
    spdlog::error("[-] hanok-api sent changes that are not of the protocol; ignored");
    pause(settings_.longest_backoff_ms);
    return;
  }
  changes.generation = **number;
  changes.whole = whole->value_or(since == 0);
  if (changes.generation < since) {  // an older database was put in place: nothing that we have counts
    spdlog::warn("[-] hanok-api is at generation {}, before ours ({}): fetching everything",
                 changes.generation, since);
    generation = 0;
    return;
  }
  if (*objects != nullptr) {
    for (const auto& [kind, by_id] : (*objects)->items()) {
      if (!by_id.is_object()) continue;
      for (const auto& [id, object] : by_id.items()) changes.objects[kind][id] = object;
    }
  }
  const bool news = changes.whole || !changes.objects.empty();
  if (news) {
    log_changes(changes);
    for (Role* role : roles_) role->changed(changes);
  }
  generation = changes.generation;
  const auto asks = get_array(reply, "asks");
  if (asks.ok() && *asks != nullptr) queue_questions(**asks);
}

void Session::deliveries() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    deliver_once(links_[2]);
    lock.lock();
  }
}

void Session::deliver_once(Link& link) {
  const auto entries = reports_.next(kReportsPerCall, 1000);
  if (entries.empty()) return;
  Json observations = Json::array();
  for (const auto& entry : entries) {
    observations.push_back({{"kind", entry.kind}, {"id", entry.id}, {"observed", entry.observed}});
  }
  const Json body = {{"host", settings_.host}, {"observations", std::move(observations)}};
  const auto reply = call(link, "POST", "/agent/v1/observed", body, settings_.call_timeout_ms);
  if (!reply.ok()) {
    pause(backoff_ms(link));
    return;
  }
  const auto results = get_array(reply.value(), "results");
  bool any_refused = false;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Json* result =
        results.ok() && *results != nullptr && i < (*results)->size() ? &(**results)[i] : nullptr;
    if (result == nullptr || !result->is_object() || result->value("ok", Json(true)) != Json(false)) {
      reports_.done(entries[i]);
      continue;
    }
    any_refused = true;
    if (reports_.refused(entries[i])) {
      spdlog::error("[-] {} {}: hanok-api refused the report {} times, dropped: {}", entries[i].kind,
                    entries[i].id, Reports::kMaxRefusals, dump_json(result->value("error", Json())));
    }
  }
  if (any_refused) pause(settings_.first_backoff_ms);
}

void Session::queue_questions(const Json& asks) {
  const std::lock_guard lock(mutex_);
  for (const auto& ask : asks) {
    if (asks_.size() >= kMaxQuestions) {
      spdlog::warn("[-] more than {} questions are waiting; one dropped", kMaxQuestions);
      break;
    }
    asks_.push_back(ask);
  }
  changed_.notify_all();
}

void Session::questions() {
  Link& link = links_[3];
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !asks_.empty(); });
    if (stopping_) return;
    const Json question = std::move(asks_.front());
    asks_.erase(asks_.begin());
    lock.unlock();
    // Sent once: who asks waits a bounded time and asks again.
    static_cast<void>(call(link, "POST", "/agent/v1/answer", answer(question), settings_.call_timeout_ms));
    lock.lock();
  }
}

Json Session::answer(const Json& question) {
  const std::string method = text_of(question, "method");
  Json out = {{"host", settings_.host}, {"id", question.is_object() ? question.value("id", Json()) : Json()}};
  const Json params = question.is_object() ? question.value("params", Json::object()) : Json::object();
  for (Role* role : roles_) {
    auto result = role->answer(method, params);
    if (!result) continue;
    if (result->ok()) {
      out["result"] = std::move(result->value());
    } else {
      out["error"] = {{"message", result->error().message}, {"code", to_string(result->error().code)}};
    }
    return out;
  }
  out["error"] = {{"message", "this host does not answer '" + method + "'"}};
  return out;
}

}  // namespace hanok::agent
