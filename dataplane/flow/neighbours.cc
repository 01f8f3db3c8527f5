#include "dataplane/flow/neighbours.h"

namespace hanok::dataplane {

std::optional<Mac> Neighbours::mac_of(Handle network, const Ip& ip) const {
  const auto found = entries_.find({network, ip});
  return found != entries_.end() ? found->second.mac : std::nullopt;
}

bool Neighbours::ask(const Awaited& awaited, std::uint64_t now_us) {
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

bool Neighbours::wait(Handle network, const Ip& ip, const Waiting& waiting) {
  const auto found = entries_.find({network, ip});
  if (found == entries_.end() || found->second.queue.size() >= kQueued || queued_ >= kQueuedInAll)
    return false;
  found->second.queue.push_back(waiting);
  ++queued_;
  return true;
}

Neighbours::Change Neighbours::learn(Handle network, const Ip& ip, const Mac& mac, bool only_known,
                                     std::uint64_t now_us, std::vector<Waiting>& ready) {
  const NetworkIp key{network, ip};
  auto found = entries_.find(key);
  if (found == entries_.end()) {
    if (only_known || entries_.size() >= kEntries) return Change::kIgnored;
    found = entries_.emplace(key, Entry{}).first;
    found->second.awaited = {network, ip, {}, {}};
  }
  Entry& entry = found->second;
  const Change change = !entry.mac ? Change::kNew : (*entry.mac == mac ? Change::kRefreshed : Change::kMoved);
  entry.mac = mac;
  entry.learned_us = now_us;
  entry.tries = 0;
  queued_ -= entry.queue.size();
  ready.insert(ready.end(), entry.queue.begin(), entry.queue.end());
  entry.queue.clear();
  return change;
}

bool Neighbours::age(std::uint64_t now_us, std::vector<Awaited>& ask_again, std::vector<Waiting>& given_up) {
  bool forgotten = false;
  for (auto at = entries_.begin(); at != entries_.end();) {
    Entry& entry = at->second;
    const std::uint64_t age_us = now_us - entry.learned_us;
    const bool due = now_us - entry.asked_us >= kRetryUs;
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
      forgotten = forgotten || entry.mac.has_value();
      queued_ -= entry.queue.size();
      given_up.insert(given_up.end(), entry.queue.begin(), entry.queue.end());
      at = entries_.erase(at);
    } else {
      ++at;
    }
  }
  return forgotten;
}

void Neighbours::clear(std::vector<Waiting>& given_up) {
  for (auto& [key, entry] : entries_) given_up.insert(given_up.end(), entry.queue.begin(), entry.queue.end());
  entries_.clear();
  queued_ = 0;
}

}  // namespace hanok::dataplane
