#include "dataplane/flow/neighbours.h"

#include <utility>

namespace hanok::dataplane {

NeighbourTable::Known NeighbourTable::find(Handle network, const Ip& ip) const {
  const std::lock_guard<std::mutex> guard(mutex_);
  const auto found = entries_.find({network, ip});
  return found != entries_.end() ? Known{true, found->second.mac} : Known{};
}

bool NeighbourTable::ask(const Awaited& awaited, std::uint64_t now_us) {
  const std::lock_guard<std::mutex> guard(mutex_);
  const NetworkIp key{awaited.network, awaited.ip};
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    if (entries_.size() >= kEntries) return false;
    found = entries_.emplace(key, Entry{}).first;
  }
  Entry& entry = found->second;
  entry.awaited = awaited;
  if (entry.mac || entry.tries > 0) return false;
  entry.tries = 1;
  entry.asked_us = now_us;
  return true;
}

void NeighbourTable::learn(Handle network, const Ip& ip, const Mac& mac, bool only_known,
                           std::uint64_t now_us) {
  const std::lock_guard<std::mutex> guard(mutex_);
  const NetworkIp key{network, ip};
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    if (only_known || entries_.size() >= kEntries) return;
    found = entries_.emplace(key, Entry{}).first;
    found->second.awaited = {network, ip, {}, {}};
  }
  Entry& entry = found->second;
  const std::optional<Mac> before = std::exchange(entry.mac, mac);
  entry.learned_us = now_us;
  entry.tries = 0;
  if (before == mac) return;
  if (network == kUnderlay) {
    ++news_.underlay;
  } else if (before) {
    ++news_.moved;
  }
  changed();
}

void NeighbourTable::age(std::uint64_t now_us, std::vector<Awaited>& ask_again) {
  const std::lock_guard<std::mutex> guard(mutex_);
  bool any_gone = false;
  // Another worker's clock may be a moment ahead.
  const auto since = [now_us](std::uint64_t then_us) { return now_us > then_us ? now_us - then_us : 0; };
  for (auto at = entries_.begin(); at != entries_.end();) {
    Entry& entry = at->second;
    const std::uint64_t age_us = since(entry.learned_us);
    const bool due = since(entry.asked_us) >= kRetryUs;
    const bool may_ask = !entry.awaited.sender_mac.is_zero();
    bool gone = false;
    if (!entry.mac && due) {
      gone = entry.tries >= kTries;
      if (!gone && may_ask) ask_again.push_back(entry.awaited);
    } else if (entry.mac && age_us >= kFreshUs && due) {
      gone = age_us >= kStaleUs;
      if (!gone && may_ask) ask_again.push_back(entry.awaited);
    }
    if (due && !gone && (!entry.mac || age_us >= kFreshUs)) {
      ++entry.tries;
      entry.asked_us = now_us;
    }
    if (gone) {
      any_gone = true;
      if (entry.mac) ++news_.forgotten;
      at = entries_.erase(at);
    } else {
      ++at;
    }
  }
  if (any_gone) changed();
}

void NeighbourTable::clear() {
  const std::lock_guard<std::mutex> guard(mutex_);
  entries_.clear();
  changed();
}

NeighbourTable::News NeighbourTable::news() const {
  const std::lock_guard<std::mutex> guard(mutex_);
  return news_;
}

bool Neighbours::wait(Handle network, const Ip& ip, const Waiting& waiting) {
  if (queued_ >= most_ || !table_.find(network, ip).asked) return false;
  std::vector<Waiting>& queue = queues_[{network, ip}];
  if (queue.size() >= kQueued) return false;
  queue.push_back(waiting);
  ++queued_;
  return true;
}

Neighbours::Changes Neighbours::catch_up(std::vector<Waiting>& ready, std::vector<Waiting>& given_up) {
  seen_version_ = table_.version();  // first: what comes in between is looked at next time
  for (auto at = queues_.begin(); at != queues_.end();) {
    const NeighbourTable::Known known = table_.find(at->first.network, at->first.ip);
    if (known.asked && !known.mac) {
      ++at;
      continue;
    }
    std::vector<Waiting>& to = known.mac ? ready : given_up;
    to.insert(to.end(), at->second.begin(), at->second.end());
    queued_ -= at->second.size();
    at = queues_.erase(at);
  }
  const NeighbourTable::News before = std::exchange(seen_, table_.news());
  return {before.underlay != seen_.underlay, before.moved != seen_.moved,
          before.forgotten != seen_.forgotten};
}

void Neighbours::give_up_all(std::vector<Waiting>& given_up) {
  for (auto& [key, queue] : queues_) given_up.insert(given_up.end(), queue.begin(), queue.end());
  queues_.clear();
  queued_ = 0;
}

}  // namespace hanok::dataplane
