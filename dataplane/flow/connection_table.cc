#include "dataplane/flow/connection_table.h"

#include <algorithm>

#include "dataplane/packet/headers.h"
#include "dataplane/tables/persistent_map.h"

namespace hanok::dataplane {

std::string_view to_string(ConnectionState state) {
  static constexpr std::string_view kNames[] = {"new",     "syn_seen",  "syn_ack_seen", "established",
                                                "closing", "time_wait", "closed"};
  return kNames[static_cast<std::size_t>(state)];
}

std::uint32_t idle_limit_s(std::uint8_t protocol, ConnectionState state) {
  if (protocol == protocol::kTcp) {
    switch (state) {
      case ConnectionState::kNew:
        return 300;  // found in its middle, not answered yet
      case ConnectionState::kSynSeen:
      case ConnectionState::kSynAckSeen:
        return 60;
      case ConnectionState::kEstablished:
        return 7440;  // RFC 5382, REQ-5: two hours and four minutes
      case ConnectionState::kClosing:
        return 240;
      case ConnectionState::kTimeWait:
        return 120;
      case ConnectionState::kClosed:
        return 10;
    }
  }
  if (protocol == protocol::kUdp)
    return state == ConnectionState::kEstablished ? 300 : 120;                 // RFC 4787, REQ-5
  if (protocol == protocol::kIcmp || protocol == protocol::kIcmp6) return 60;  // RFC 5508, REQ-1
  return 600;
}

ConnectionTable::ConnectionTable(std::uint32_t records, std::uint32_t per_owner, std::uint64_t seed,
                                 SharedQuota* sessions)
    : seed_(seed),
      per_owner_(per_owner),
      sessions_(sessions),
      flows_(records),
      names_(records * 2),
      records_(records),
      depends_(records),
      connections_(records / 2 + 1),
      keys_(std::size_t{records} * 2),
      wheel_(kWheel, kNoSlot),
      per_owner_count_(kMaxDevices + 1, 0) {
  for (std::uint32_t i = 0; i < records; ++i) {
    records_[i].connection = kNoSlot;
    records_[i].version = i + 1 < records ? i + 1 : kNoSlot;
  }
  for (std::uint32_t i = 0; i < connections_.size(); ++i) {
    connections_[i].next_due = i + 1 < connections_.size() ? i + 1 : kNoSlot;
  }
  for (std::uint32_t i = 0; i < keys_.size(); ++i) keys_[i].next = i + 1 < keys_.size() ? i + 1 : kNoSlot;
}

std::uint64_t ConnectionTable::hash(const ConnectionKey& key) const {
  static_assert(sizeof(ConnectionKey) == 48);
  std::uint64_t words[7] = {};
  std::memcpy(words, &key, sizeof key);
  return hash_words(words, seed_);
}

std::uint32_t ConnectionTable::find_key(const ConnectionKey& key, std::uint64_t hash) const {
  return names_.find(hash, [&](std::uint32_t slot) { return keys_[slot].key == key; });
}

std::optional<ConnectionMatch> ConnectionTable::find(const ConnectionKey& key) const {
  const std::uint32_t slot = find_key(key, hash(key));
  if (slot == kNoSlot) return std::nullopt;
  const KeyEntry& entry = keys_[slot];
  const Connection& connection = connections_[entry.connection];
  return ConnectionMatch{entry.connection, entry.local_started,
                         connection.has_binding ? &connection.binding : nullptr};
}

std::optional<std::uint16_t> ConnectionTable::free_port(ConnectionKey key) const {
  // One of so many ports is of the same part.
  const unsigned tries = 64 * (ownership_ != nullptr ? ownership_->workers() : 1);
  constexpr std::uint32_t kLowest = 1024, kCount = 65536 - kLowest;
  const auto protocol = static_cast<std::uint8_t>(key.protocol);
  const bool icmp = protocol == protocol::kIcmp;
  const std::uint16_t wanted = key.local_port;
  const std::uint64_t start = mix(hash(key));
  const unsigned part = ownership_ != nullptr ? ownership_->part(protocol, wanted) : 0;
  for (unsigned i = 0; i <= tries; ++i) {
    std::uint16_t port = wanted;
    if (i > 0) port = static_cast<std::uint16_t>(kLowest + (start + std::uint64_t{i} * 7919) % kCount);
    if (port < kLowest && !icmp)
      continue;  // RFC 4787, REQ-3: a low port is not what a guest may take outside
    if (ownership_ != nullptr && ownership_->part(protocol, port) != part) continue;
    key.local_port = port;
    if (icmp) key.remote_port = port;
    if (find_key(key, hash(key)) == kNoSlot) return port;
  }
  return std::nullopt;
}

std::uint32_t ConnectionTable::open(DeviceIndex owner, std::uint8_t protocol, std::uint32_t now,
                                    DropReason& reason) {
  std::uint32_t& count = per_owner_count_[std::min<std::uint32_t>(owner, kMaxDevices)];
  if (sessions_ == nullptr ? count >= per_owner_ : !sessions_->take(owner, per_owner_)) {
    reason = DropReason::session_quota;
    return kNoSlot;
  }
  // Nearly full: who holds more than an even share gets no more; the others, and one who has none yet, use
  // what is left.
  const auto capacity = static_cast<std::uint32_t>(connections_.size());
  const std::uint32_t share = capacity / (owners_ + 1U);
  const bool crowded = live_ + capacity / 8 >= capacity;
  if (free_connection_ == kNoSlot || (crowded && count >= share)) {
    reason = DropReason::flow_table_full;
    if (sessions_ != nullptr) sessions_->give(owner);
    return kNoSlot;
  }
  const std::uint32_t slot = free_connection_;
  Connection& connection = connections_[slot];
  free_connection_ = connection.next_due;
  connection = Connection{};
  connection.owner = owner;
  connection.protocol = protocol;
  connection.live = true;
  connection.last_seen = now;
  if (count++ == 0) ++owners_;
  ++live_;
  return slot;
}

bool ConnectionTable::add_key(std::uint32_t connection_slot, const ConnectionKey& key, bool local_started) {
  const std::uint64_t key_hash = hash(key);
  if (const std::uint32_t old = find_key(key, key_hash); old != kNoSlot) {
    if (keys_[old].connection == connection_slot) {
      Connection& connection = connections_[connection_slot];
      auto* end = connection.keys + connection.key_count;
      auto* at = std::find(connection.keys, end, old);
      std::rotate(at, at + 1, end);
      return true;
    }
    remove_key(old);
  }
  return insert_key(connection_slot, key, key_hash, local_started);
}

bool ConnectionTable::insert_key(std::uint32_t connection_slot, const ConnectionKey& key,
                                 std::uint64_t key_hash, bool local_started) {
  Connection& connection = connections_[connection_slot];
  if (connection.key_count == Connection::kKeys) remove_key(connection.keys[0]);
  if (free_key_ == kNoSlot || !names_.insert(key_hash, free_key_)) return false;
  const std::uint32_t slot = free_key_;
  KeyEntry& entry = keys_[slot];
  free_key_ = entry.next;
  entry = {key, connection_slot, kNoSlot, local_started};
  connection.keys[connection.key_count++] = slot;
  return true;
}

void ConnectionTable::remove_key(std::uint32_t slot) {
  KeyEntry& entry = keys_[slot];
  Connection& connection = connections_[entry.connection];
  auto* end = connection.keys + connection.key_count;
  auto* at = std::find(connection.keys, end, slot);
  if (at != end) {
    std::copy(at + 1, end, at);
    --connection.key_count;
  }
  names_.erase(hash(entry.key), slot);
  entry.connection = kNoSlot;
  entry.next = free_key_;
  free_key_ = slot;
}

std::uint32_t ConnectionTable::add_record(std::uint32_t connection_slot, const FlowKey& key,
                                          std::uint64_t key_hash) {
  if (const std::uint32_t old = find_record(key, key_hash); old != kNoSlot) {
    if (records_[old].connection == connection_slot) return old;
    remove_record(old);
  }
  return insert_record(connection_slot, key, key_hash);
}

std::uint32_t ConnectionTable::insert_record(std::uint32_t connection_slot, const FlowKey& key,
                                             std::uint64_t key_hash) {
  Connection& connection = connections_[connection_slot];
  if (connection.record_count == Connection::kRecords) remove_record(connection.records[0]);
  if (free_record_ == kNoSlot || !flows_.insert(key_hash, free_record_)) return kNoSlot;
  const std::uint32_t slot = free_record_;
  FlowRecord& record = records_[slot];
  free_record_ = record.version;
  record = FlowRecord{};
  record.key = key;
  record.connection = connection_slot;
  depends_[slot].reset();
  connection.records[connection.record_count++] = slot;
  ++live_records_;
  return slot;
}

void ConnectionTable::remove_record(std::uint32_t slot) {
  FlowRecord& record = records_[slot];
  Connection& connection = connections_[record.connection];
  auto* end = connection.records + connection.record_count;
  auto* at = std::find(connection.records, end, slot);
  if (at != end) {
    std::copy(at + 1, end, at);
    --connection.record_count;
  }
  connection.last_seen = std::max(connection.last_seen, record.last_seen);
  flows_.erase(hash_of(record.key, seed_), slot);
  record.connection = kNoSlot;
  record.version = free_record_;
  free_record_ = slot;
  --live_records_;
}

void ConnectionTable::close(std::uint32_t slot) {
  Connection& connection = connections_[slot];
  if (!connection.live) return;
  while (connection.record_count > 0) remove_record(connection.records[0]);
  while (connection.key_count > 0) remove_key(connection.keys[0]);
  connection.live = false;  // the wheel still holds it; expire() gives it back
  std::uint32_t& count = per_owner_count_[std::min<std::uint32_t>(connection.owner, kMaxDevices)];
  if (--count == 0) --owners_;
  if (sessions_ != nullptr) sessions_->give(connection.owner);
  --live_;
}

void ConnectionTable::track(std::uint32_t slot, std::uint8_t tcp_flags, bool answers, std::uint32_t now) {
  Connection& connection = connections_[slot];
  connection.last_seen = now;
  ConnectionState& state = connection.state;
  if (connection.protocol != protocol::kTcp) {
    if (answers) state = ConnectionState::kEstablished;
    return;
  }
  if ((tcp_flags & tcp_flag::kRst) != 0) {
    state = ConnectionState::kClosed;
  } else if ((tcp_flags & tcp_flag::kSyn) != 0) {
    if ((tcp_flags & tcp_flag::kAck) != 0) {
      if (answers && state == ConnectionState::kSynSeen) state = ConnectionState::kSynAckSeen;
    } else if (!answers && state != ConnectionState::kEstablished && state != ConnectionState::kClosing) {
      state = ConnectionState::kSynSeen;  // also the same ports again after TIME-WAIT
      connection.fins = 0;
    }
  } else {
    if ((tcp_flags & tcp_flag::kFin) != 0) connection.fins |= answers ? 2 : 1;
    if (connection.fins == 3) {
      if (state != ConnectionState::kClosed) state = ConnectionState::kTimeWait;
    } else if (connection.fins != 0) {
      if (state != ConnectionState::kClosed) state = ConnectionState::kClosing;
    } else if (state == ConnectionState::kSynAckSeen ? !answers
                                                     : (state == ConnectionState::kNew && answers)) {
      state = ConnectionState::kEstablished;
    }
  }
}

std::uint32_t ConnectionTable::last_seen(const Connection& connection) const {
  std::uint32_t last = connection.last_seen;
  for (unsigned i = 0; i < connection.record_count; ++i)
    last = std::max(last, records_[connection.records[i]].last_seen);
  return last;
}

void ConnectionTable::schedule(std::uint32_t slot, std::uint32_t now) {
  Connection& connection = connections_[slot];
  const std::uint32_t end = last_seen(connection) + idle_limit_s(connection.protocol, connection.state);
  // Looked at every half minute at the latest, since its state may have shortened its time.
  const std::uint32_t wait = connection.live && end > now ? std::min(end - now, kLookAgain) : 1;
  std::uint32_t& head = wheel_[(now + wait) % kWheel];
  connection.next_due = head;
  head = slot;
}

unsigned ConnectionTable::expire(std::uint32_t now, unsigned budget) {
  unsigned ended = 0;
  // What is looked at goes up to kLookAgain slots ahead of `now`: the hand stays clear of these, else it
  // would meet the same connections for ever.
  constexpr std::uint32_t kBehind = kWheel - kLookAgain - 2;
  if (wheel_at_ == 0 || now - wheel_at_ > kBehind) wheel_at_ = now > kBehind ? now - kBehind : 0;
  while (wheel_at_ < now && budget > 0) {
    std::uint32_t& head = wheel_[(wheel_at_ + 1) % kWheel];
    while (head != kNoSlot && budget > 0) {
      --budget;
      const std::uint32_t slot = head;
      Connection& connection = connections_[slot];
      head = connection.next_due;
      const bool over = last_seen(connection) + idle_limit_s(connection.protocol, connection.state) <= now;
      if (connection.live && !over) {
        schedule(slot, now);
        continue;
      }
      ended += connection.live ? 1 : 0;
      close(slot);
      connection.next_due = free_connection_;
      free_connection_ = slot;
    }
    if (head == kNoSlot) ++wheel_at_;
  }
  return ended;
}

}  // namespace hanok::dataplane
