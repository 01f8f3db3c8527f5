#pragma once
// What the stages said of a connection's first frame, kept with its source port left open: clients open one
// connection after another from new ports, and the next one gets its record without the stages. (Open
// vSwitch's megaflows serve the same end with a mask for each field.)
//
// A template stands for a frame only if everything that the stages asked about is the same: the rest of the
// flow key, the objects in `depends`, and that none of the connections they asked for exists.

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/flow/record.h"
#include "dataplane/stages/context.h"

namespace hanok::dataplane {

using Depends = std::vector<ObjectRef>;

// A connection that the stages asked for, in vain.
struct AskedFor {
  ConnectionKey key;             // with the first frame's source port
  bool source_is_local = false;  // whose end the source port is
  bool kept = false;             // the new connection gets this name
  bool local_starts = false;

  [[nodiscard]] ConnectionKey with_source_port(std::uint16_t port) const {
    ConnectionKey out = key;
    (source_is_local ? out.local_port : out.remote_port) = port;
    return out;
  }
};

struct FlowTemplate {
  static constexpr unsigned kAsked = 4;

  FlowKey key;              // source_port is 0
  std::uint32_t epoch = 0;  // of the engine, when it was last found good; 0: empty
  std::uint32_t version = 0;
  Program program;
  std::shared_ptr<const Depends> depends;
  std::array<AskedFor, kAsked> asked;
  std::uint8_t asked_count = 0;
  DeviceIndex owner = kNoDevice;
};

// Passes questions on, and notes them. One per frame that takes the stages.
class AskingView final : public ConnectionView {
 public:
  explicit AskingView(const ConnectionView& connections) : connections_(connections) {}
  [[nodiscard]] std::optional<ConnectionMatch> find(const ConnectionKey& key) const override {
    auto match = connections_.find(key);
    if (match) {
      more_ = true;
    } else if (std::find(asked_.begin(), asked_.begin() + count_, key) != asked_.begin() + count_) {
      // asked before, by another stage
    } else if (count_ == asked_.size()) {
      more_ = true;
    } else {
      asked_[count_++] = key;
    }
    return match;
  }
  [[nodiscard]] std::optional<std::uint16_t> free_port(ConnectionKey key) const override {
    more_ = true;
    return connections_.free_port(key);
  }
  // Something was found or allotted, or there were too many questions.
  [[nodiscard]] bool more_than_misses() const { return more_; }
  [[nodiscard]] unsigned count() const { return count_; }
  [[nodiscard]] const ConnectionKey& asked(unsigned i) const { return asked_[i]; }

 private:
  const ConnectionView& connections_;
  mutable std::array<ConnectionKey, FlowTemplate::kAsked> asked_;
  mutable unsigned count_ = 0;
  mutable bool more_ = false;
};

// Direct-mapped: a template that another one displaces is made anew by its next connection.
class FlowTemplates {
 public:
  // Frames of other kinds are never templates: lower source ports mean something to the stages (DHCP).
  static constexpr std::uint16_t kLowestSourcePort = 1024;
  [[nodiscard]] static bool may_match(unsigned protocol, unsigned tcp_flags, std::uint16_t source_port);

  [[nodiscard]] FlowTemplate* find(const FlowKey& key, std::uint64_t seed);
  // From what the stages said of a frame with `key` that opened a connection; nothing when their answer
  // depends on its source port.
  void keep(const FlowKey& key, std::uint64_t seed, const Context& context, const AskingView& view,
            const FlowRecord& record, DeviceIndex owner, std::shared_ptr<const Depends> depends);
  void clear() { std::fill(entries_.begin(), entries_.end(), FlowTemplate{}); }

 private:
  static constexpr std::size_t kEntries = 1024;
  [[nodiscard]] FlowTemplate& entry(const FlowKey& open, std::uint64_t seed) {
    return entries_[hash_of(open, seed) % kEntries];
  }

  std::vector<FlowTemplate> entries_{kEntries};
};

}  // namespace hanok::dataplane
