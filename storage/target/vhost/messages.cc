// What vhost-user messages mean for a session: the library keeps the protocol's state, the device's own
// messages and the order of things are here.

#include <rte_vhost.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>

#include "common/log.h"
#include "storage/target/vhost/message.h"
#include "storage/target/vhost/session.h"

namespace hanok::storage::target {
namespace {

constexpr std::uint64_t kRecordAlignment = 64;

// Which ring a message is about.
std::uint64_t ring_of(const VhostMessage& message) {
  switch (message.request) {
    case kSetVringNum:
    case kSetVringAddr:
    case kSetVringBase:
    case kGetVringBase:
    case kSetVringEnable:
      return message.state.index;
    case kSetVringKick:
    case kSetVringCall:
    case kSetVringErr:
      return message.number & kIndexMask;
    default:
      return 0;
  }
}

bool is_packed(int vid) {
  std::uint64_t features = 0;
  return rte_vhost_get_negotiated_features(vid, &features) == 0 && (features & kFeaturePacked) != 0;
}

}  // namespace

Session::Answer Session::refuse(const char* why) {
  protocol_errors_.add();
  spdlog::warn("{}: the front end is wrong: {}", spec_.name(), why);
  return Answer::kRefused;
}

// A message that the library refuses ends the connection without after().
Session::Answer Session::before(int vid, void* raw) {
  const Answer answer = look_at(vid, raw);
  at_library_ = answer == Answer::kGoOn;
  return answer;
}

Session::Answer Session::look_at(int vid, void* raw) {
  auto& message = *static_cast<VhostMessage*>(raw);
  const std::uint64_t ring = ring_of(message);
  if (ring >= spec_.queues) return refuse("a ring beyond the device's");
  const auto index = static_cast<std::uint16_t>(ring);
  switch (message.request) {
    case kGetQueueNum:
      message.number = spec_.queues;
      message.size = sizeof(message.number);
      return Answer::kReply;
    case kGetConfig:
    case kSetConfig:
      return configuration(message.request, raw);
    case kGetInflightFd:
    case kSetInflightFd:
      return check_inflight(vid, raw);
    case kSetMemTable:  // the old mapping goes away under the rings
      for (std::uint16_t each = 0; each < spec_.queues; ++each) {
        rings_[each].restart = rings_[each].running;
        drain(vid, each);
      }
      return Answer::kGoOn;
    case kGetVringBase:
      drain(vid, index);
      return Answer::kGoOn;
    case kSetVringAddr:
    case kSetVringNum:
      stop(index);
      return Answer::kGoOn;
    case kSetVringKick:
      stop(index);
      return check_record(vid, index);
    default:
      return Answer::kGoOn;
  }
}

bool Session::after(int vid, const void* raw) {
  at_library_ = false;
  const auto& message = *static_cast<const VhostMessage*>(raw);
  switch (message.request) {
    case kSetVringKick:
      return start(vid, static_cast<std::uint16_t>(message.number & kIndexMask));
    case kSetMemTable:
      for (std::uint16_t each = 0; each < spec_.queues; ++each) {
        if (std::exchange(rings_[each].restart, false) && !start(vid, each)) return false;
      }
      return true;
    case kSetVringCall:
      update_call(vid, static_cast<std::uint16_t>(message.number & kIndexMask));
      return true;
    case kSetInflightFd:
      record_entries_ = message.inflight.queue_size;
      return true;
    default:
      return true;
  }
}

Session::Answer Session::configuration(std::uint32_t request, void* raw) {
  auto& message = *static_cast<VhostMessage*>(raw);
  auto& config = message.config;
  if (message.size < kConfigHeader_bytes || config.size > config.region.size() ||
      message.size < kConfigHeader_bytes + config.size) {
    return refuse("a configuration message of a wrong size");
  }
  const std::uint64_t end = std::uint64_t{config.offset} + config.size;
  if (request == kSetConfig) {
    if (config.offset != offsetof(BlkConfig, writeback) || config.size != 1) {
      return refuse("a write to a field of the configuration that is not the guest's");
    }
    writeback_ = config.region[0] != 0;
    return Answer::kDone;
  }
  const BlkConfig values = config_of(device_->size_bytes(), spec_.queues, writeback_);
  config.region.fill(0);
  if (config.offset < sizeof(values)) {
    const std::size_t there = std::min<std::uint64_t>(end, sizeof(values)) - config.offset;
    std::memcpy(config.region.data(), reinterpret_cast<const std::byte*>(&values) + config.offset, there);
  }
  message.size = kConfigHeader_bytes + config.size;
  return Answer::kReply;
}

// The library trusts the sizes; a record that is smaller than they say would be read beyond its end.
Session::Answer Session::check_inflight(int vid, const void* raw) {
  const auto& message = *static_cast<const VhostMessage*>(raw);
  const auto& inflight = message.inflight;
  if (message.size != sizeof(inflight)) return refuse("an inflight message of a wrong size");
  if (inflight.queues == 0 || inflight.queues > spec_.queues) {
    return refuse("an inflight record for more rings than the device has");
  }
  if (inflight.queue_size == 0 || inflight.queue_size > kMaxQueueSize) {
    return refuse("an inflight record for a ring of a wrong size");
  }
  if (message.request == kGetInflightFd) return Answer::kGoOn;
  const std::uint64_t bytes =
      is_packed(vid) ? sizeof(PackedInflightHeader) + sizeof(PackedInflightEntry) * inflight.queue_size
                     : sizeof(SplitInflightHeader) + sizeof(SplitInflightEntry) * inflight.queue_size;
  const std::uint64_t of_ring = (bytes + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
  if (inflight.mmap_size < of_ring * inflight.queues) return refuse("an inflight record that is too small");
  stop_all();
  return Answer::kGoOn;
}

// The library looks at the entries that the record names (split: clears the one last given back; packed:
// reads that of the used index) without looking at the numbers.
Session::Answer Session::check_record(int vid, std::uint16_t index) {
  rte_vhost_ring_inflight inflight{};
  if (record_entries_ == 0 || rte_vhost_get_vhost_ring_inflight(vid, index, &inflight) != 0 ||
      inflight.inflight_split == nullptr) {
    return Answer::kGoOn;
  }
  bool wrong = false;
  if (is_packed(vid)) {
    const auto* record = reinterpret_cast<const PackedInflightHeader*>(inflight.inflight_packed);
    wrong = record->position.old_used >= record_entries_ || record->entries > record_entries_;
  } else {
    const auto* record = reinterpret_cast<const SplitInflightHeader*>(inflight.inflight_split);
    wrong = record->last_given_back >= record_entries_ || record->entries > record_entries_;
  }
  return wrong ? refuse("an inflight record that contradicts itself") : Answer::kGoOn;
}

}  // namespace hanok::storage::target
