#pragma once
// Connections and the flow records compiled for them, in memory of fixed size. A connection is known under
// several keys (one per port that judged it, two for a translation) and has a few records (one per direction
// as it is seen). It ends by its age, by a refusal after a change of rules, or with its port; its keys and
// records end with it.

#include <vector>

#include "dataplane/flow/flow_templates.h"
#include "dataplane/flow/hash_index.h"
#include "dataplane/flow/huge_allocator.h"
#include "dataplane/flow/ownership.h"
#include "dataplane/flow/record.h"
#include "dataplane/flow/shared_quota.h"
#include "dataplane/stages/context.h"

namespace hanok::dataplane {

// RFC 5382 and 4787 for the times; TIME-WAIT is kept as a state of its own.
enum class ConnectionState : std::uint8_t {
  kNew,  // one direction seen
  kSynSeen,
  kSynAckSeen,
  kEstablished,  // both directions; any protocol
  kClosing,      // a FIN one way
  kTimeWait,     // a FIN each way
  kClosed,       // RST
};
[[nodiscard]] std::string_view to_string(ConnectionState state);
[[nodiscard]] std::uint32_t idle_limit_s(std::uint8_t protocol, ConnectionState state);

struct Connection {
  static constexpr unsigned kKeys = 5, kRecords = 6;
  std::uint32_t keys[kKeys];
  std::uint32_t records[kRecords];
  std::uint32_t next_due = kNoSlot;  // list of a wheel slot, or of free ones
  std::uint32_t last_seen = 0;       // 2^20 us
  DeviceIndex owner = kNoDevice;     // whose quota it counts against
  std::uint8_t key_count = 0, record_count = 0;
  std::uint8_t protocol = 0;
  ConnectionState state = ConnectionState::kNew;
  std::uint8_t fins = 0;  // bit per direction
  bool live = false;
  bool has_binding = false;
  Binding binding;
};

class ConnectionTable final : public ConnectionView {
 public:
  // Capacities in entries; `records` is the engine's flow_capacity. `sessions`: where several workers count a
  // port's connections together; null: `per_owner` is of those here.
  ConnectionTable(std::uint32_t records, std::uint32_t per_owner, std::uint64_t seed,
                  SharedQuota* sessions = nullptr);
  // Translations get ports of the same part, so that the answer comes to this worker. Null: any.
  void set_ownership(const Ownership* ownership) { ownership_ = ownership; }

  // ConnectionView. Thread: the worker.
  [[nodiscard]] std::optional<ConnectionMatch> find(const ConnectionKey& key) const override;
  [[nodiscard]] std::optional<std::uint16_t> free_port(ConnectionKey key) const override;

  // The record of a key, or kNoSlot; `hash` by hash_of(key, seed()).
  [[nodiscard]] std::uint32_t find_record(const FlowKey& key, std::uint64_t hash) const {
    return flows_.find(hash, [&](std::uint32_t slot) { return same_key(records_[slot].key, key); });
  }
  // `candidate` is what prefetch_record said; a record may have come or gone since.
  [[nodiscard]] std::uint32_t find_record(const FlowKey& key, std::uint64_t hash,
                                          std::uint32_t candidate) const {
    if (candidate != kNoSlot && records_[candidate].connection != kNoSlot &&
        same_key(records_[candidate].key, key))
      return candidate;
    return find_record(key, hash);
  }
  void prefetch(std::uint64_t hash) const { flows_.prefetch(hash); }
  [[nodiscard]] std::uint32_t prefetch_record(std::uint64_t hash) const {
    const std::uint32_t slot = flows_.candidate(hash);
    if (slot == kNoSlot) return slot;
    __builtin_prefetch(&records_[slot]);
    __builtin_prefetch(&records_[slot].program);
    return slot;
  }
  // Where a name would be.
  void prefetch_name(const ConnectionKey& key) const { names_.prefetch(hash(key)); }
  FlowRecord& record(std::uint32_t slot) { return records_[slot]; }
  [[nodiscard]] const FlowRecord& record(std::uint32_t slot) const { return records_[slot]; }
  // What the record was made from; records of one template share it.
  std::shared_ptr<const Depends>& depends(std::uint32_t slot) { return depends_[slot]; }
  Connection& connection(std::uint32_t slot) { return connections_[slot]; }
  [[nodiscard]] const Connection& connection(std::uint32_t slot) const { return connections_[slot]; }

  // A new connection of `owner`. kNoSlot with the reason: session_quota or flow_table_full.
  [[nodiscard]] std::uint32_t open(DeviceIndex owner, std::uint8_t protocol, std::uint32_t now,
                                   DropReason& reason);
  // Another name for the connection; one that named another before names this one from now on. Of more than
  // kKeys the one that was added longest ago is forgotten; adding it again keeps it. False: no room.
  [[nodiscard]] bool add_key(std::uint32_t connection, const ConnectionKey& key, bool local_started);
  // A record for the connection, with its key set and in the index; an old one with the same key is used
  // again. kNoSlot: no room.
  [[nodiscard]] std::uint32_t add_record(std::uint32_t connection, const FlowKey& key, std::uint64_t hash);
  // The same for keys that are known to be absent, which saves the search.
  [[nodiscard]] bool insert_key(std::uint32_t connection, const ConnectionKey& key, std::uint64_t hash,
                                bool local_started);
  [[nodiscard]] std::uint32_t insert_record(std::uint32_t connection, const FlowKey& key, std::uint64_t hash);
  [[nodiscard]] std::uint64_t hash(const ConnectionKey& key) const;
  [[nodiscard]] bool has_key(const ConnectionKey& key, std::uint64_t hash) const {
    return find_key(key, hash) != kNoSlot;
  }
  [[nodiscard]] const ConnectionKey& key(std::uint32_t slot) const { return keys_[slot].key; }
  [[nodiscard]] bool local_started(std::uint32_t slot) const { return keys_[slot].local_started; }
  [[nodiscard]] std::uint32_t last_seen(const Connection& connection) const;
  void remove_record(std::uint32_t slot);
  void close(std::uint32_t connection);

  // TCP flags of a segment, or any packet of another protocol; `answers`: not in the first packet's
  // direction.
  void track(std::uint32_t connection, std::uint8_t tcp_flags, bool answers, std::uint32_t now);
  // Puts the connection to the place in the wheel where it would end.
  void schedule(std::uint32_t connection, std::uint32_t now);
  // Ends what is due, at most `budget` looked at; returns how many ended.
  unsigned expire(std::uint32_t now, unsigned budget);

  // True: expire() has nothing left to look at before the next slot of time.
  [[nodiscard]] bool caught_up(std::uint32_t now) const { return wheel_at_ >= now; }
  [[nodiscard]] std::uint32_t live_connections() const { return live_; }
  [[nodiscard]] std::uint32_t live_records() const { return live_records_; }
  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  template <typename Visit>
  void for_each_record(Visit&& visit) const {
    for (const FlowRecord& record : records_) {
      if (record.connection != kNoSlot && !visit(record)) return;
    }
  }

  // With its slot; it may be closed.
  template <typename Visit>
  void for_each_connection(Visit&& visit) {
    for (std::uint32_t slot = 0; slot < connections_.size(); ++slot) {
      if (connections_[slot].live) visit(slot);
    }
  }

 private:
  static constexpr unsigned kWheel = 1024;         // slots of about a second
  static constexpr std::uint32_t kLookAgain = 30;  // slots: a connection is looked at this often at least
  struct KeyEntry {
    ConnectionKey key;
    std::uint32_t connection = kNoSlot;  // free: the next free one in `next`
    std::uint32_t next = kNoSlot;
    bool local_started = false;
  };
  [[nodiscard]] std::uint32_t find_key(const ConnectionKey& key, std::uint64_t hash) const;
  void remove_key(std::uint32_t slot);

  std::uint64_t seed_;
  std::uint32_t per_owner_;
  SharedQuota* sessions_;
  const Ownership* ownership_ = nullptr;
  HashIndex flows_, names_;
  std::vector<FlowRecord, HugeAllocator<FlowRecord>> records_;
  std::vector<std::shared_ptr<const Depends>> depends_;  // cold: looked at after a change of the tables
  std::vector<Connection, HugeAllocator<Connection>> connections_;
  std::vector<KeyEntry, HugeAllocator<KeyEntry>> keys_;
  std::uint32_t free_record_ = 0, free_connection_ = 0, free_key_ = 0;
  std::uint32_t live_ = 0, live_records_ = 0;
  std::vector<std::uint32_t> wheel_;
  std::uint32_t wheel_at_ = 0;
  std::vector<std::uint32_t> per_owner_count_;
  std::uint32_t owners_ = 0;  // with at least one connection
};

}  // namespace hanok::dataplane
