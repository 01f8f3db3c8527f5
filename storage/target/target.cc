#include "storage/target/target.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>

#include "common/log.h"
#include "common/secret.h"

namespace hanok::storage::target {
namespace {

constexpr std::chrono::milliseconds kRetryPause{500};
constexpr std::size_t kMaxFile_bytes = 65536;

}  // namespace

const char* Target::to_text(State state) {
  switch (state) {
    case State::kOpening:
      return "opening";
    case State::kServed:
      return "served";
    case State::kClosing:
      return "closing";
    case State::kGone:
      return "gone";
  }
  return "";
}

Target::~Target() {
  std::unique_lock lock(mutex_);
  for (const auto& [name, volume] : volumes_) volume->close = true;
  changed_.notify_all();
  for (const auto& [name, volume] : volumes_) {
    lock.unlock();
    volume->thread.join();
    lock.lock();
  }
}

std::string Target::file_of(const VolumeSpec& spec) const {
  return parts_.state_dir + "/" + spec.pool + "@" + spec.image + ".json";
}

Status Target::remember(const VolumeSpec& spec) const {
  Json json = to_json(spec);
  if (!spec.encryption.empty())
    json["encryption"] = {{"format", spec.encryption}, {"passphrase", spec.passphrase}};
  return write_secret_file(file_of(spec), dump_json(json) + "\n");
}

void Target::restore() {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(parts_.state_dir, failed)) {
    if (entry.path().extension() != ".json") continue;
    const auto text = read_file(entry.path().string(), kMaxFile_bytes);
    const auto json = text.ok() ? parse_json(*text) : Result<Json>(text.error());
    auto spec = json.ok() ? volume_spec(*json) : Result<VolumeSpec>(json.error());
    if (!spec.ok()) {
      spdlog::error("{}: not served: {}", entry.path().string(), spec.error().message);
      continue;
    }
    const std::lock_guard lock(mutex_);
    start(*spec, true);
  }
}

// With the mutex held.
void Target::start(const VolumeSpec& spec, bool lasting) {
  auto volume = std::make_unique<Volume>();
  volume->spec = spec;
  volume->lasting = lasting;
  Volume& started = *volume;
  volumes_[spec.name()] = std::move(volume);
  started.thread = std::thread([this, &started] { serve(started); });
}

void Target::serve(Volume& volume) {
  bool open = open_once(volume);
  std::unique_lock lock(mutex_);
  while (!open && volume.lasting && !volume.close) {
    changed_.wait_for(lock, kRetryPause, [&] { return volume.close; });
    if (volume.close) break;
    lock.unlock();
    open = open_once(volume);
    lock.lock();
  }
  changed_.wait(lock, [&] { return volume.close || !open; });
  volume.state = State::kClosing;
  std::unique_ptr<Export> served = std::move(volume.served);
  lock.unlock();
  served.reset();
  lock.lock();
  volume.state = State::kGone;
  changed_.notify_all();
}

bool Target::open_once(Volume& volume) {
  auto device = parts_.open_device(volume.spec);
  auto served = device.ok() ? parts_.export_device(volume.spec, std::move(device).value())
                            : Result<std::unique_ptr<Export>>(device.error());
  Status outcome = served.ok() ? (volume.lasting ? Status{} : remember(volume.spec)) : Status(served.error());
  const std::lock_guard lock(mutex_);
  if (!outcome.ok() &&
      (volume.last_error.ok() || volume.last_error.error().message != outcome.error().message)) {
    spdlog::warn("{}: not served: {}", volume.spec.name(), outcome.error().message);
  }
  volume.last_error = outcome;
  if (outcome.ok()) {
    volume.served = std::move(served).value();
    volume.state = State::kServed;
    volume.lasting = true;
    spdlog::info("{}: served at {}", volume.spec.name(), volume.spec.socket);
  }
  changed_.notify_all();
  return outcome.ok();
}

// With the mutex held: forgets volumes whose threads have ended.
void Target::reap() {
  std::erase_if(volumes_, [](const auto& item) {
    if (item.second->state != State::kGone) return false;
    item.second->thread.join();
    return true;
  });
}

// Who attached it first may not have said of which cluster it is.
static bool same(VolumeSpec there, const VolumeSpec& wanted) {
  if (there.cluster.empty()) there.cluster = wanted.cluster;
  return to_json(there) == to_json(wanted);
}

Status Target::attach(const VolumeSpec& spec, std::int64_t wait_ms) {
  std::unique_lock lock(mutex_);
  reap();
  const std::string name = spec.name();
  for (const auto& [other, volume] : volumes_) {
    if (other != name && volume->spec.socket == spec.socket)
      return conflict(spec.socket + ": is " + other + "'s");
  }
  const auto found = volumes_.find(name);
  if (found == volumes_.end()) {
    start(spec, false);
  } else if (!same(found->second->spec, spec)) {
    return conflict(name + ": attached with other values; detach it first");
  }
  Volume& volume = *volumes_.at(name);
  const bool in_time = changed_.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] {
    return volume.state == State::kServed || volume.state == State::kGone;
  });
  if (!in_time) {
    volume.lasting = true;
    return Error{ErrorCode::kTimeout, name + ": still being opened", {}};
  }
  if (volume.state == State::kServed) return {};
  const Status why = volume.last_error;
  reap();
  return why.ok() ? Status(conflict(name + ": is being detached")) : why;
}

Status Target::detach(const std::string& name, bool force, std::int64_t wait_ms) {
  std::unique_lock lock(mutex_);
  reap();
  const auto found = volumes_.find(name);
  if (found == volumes_.end()) return not_found(name + ": not attached");
  Volume& volume = *found->second;
  if (!force && volume.served && volume.served->connected()) return conflict(name + ": a guest is connected");
  unlink(file_of(volume.spec).c_str());
  volume.close = true;
  changed_.notify_all();
  if (!changed_.wait_for(lock, std::chrono::milliseconds(wait_ms),
                         [&] { return volume.state == State::kGone; })) {
    return Error{ErrorCode::kTimeout, name + ": still being closed", {}};
  }
  reap();
  return {};
}

Status Target::set_limits(const std::string& name, const Limits& limits) {
  const std::lock_guard lock(mutex_);
  const auto found = volumes_.find(name);
  if (found == volumes_.end() || !found->second->served) return not_found(name + ": not attached");
  Volume& volume = *found->second;
  VolumeSpec changed = volume.spec;
  changed.limits = limits;
  HANOK_CHECK(remember(changed));
  volume.spec = changed;
  volume.served->set_limits(limits);
  return {};
}

Json Target::list() const {
  const std::lock_guard lock(mutex_);
  Json out = Json::array();
  for (const auto& [name, volume] : volumes_) {
    Json item = to_json(volume->spec);
    item["state"] = to_text(volume->state);
    if (!volume->last_error.ok()) item["reason"] = volume->last_error.error().message;
    if (volume->served) item.update(volume->served->status());
    out.push_back(std::move(item));
  }
  return out;
}

void Target::for_each(const std::function<void(const std::string&, const VolumeStats&)>& visit) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, volume] : volumes_) {
    if (volume->served) visit(name, volume->served->stats());
  }
}

}  // namespace hanok::storage::target
