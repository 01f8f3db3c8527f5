#include "storage/target/blk_queue.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/log.h"

namespace hanok::storage::target {
namespace {

constexpr std::uint64_t kSmoothing = 16;
constexpr unsigned kTakeAtOnce = 64;                    // so that other rings get their turn
constexpr std::size_t kKeptBuffer_bytes = 128U << 10U;  // of a slot between requests

std::size_t index_of(BlkType type) {
  return static_cast<std::size_t>(type);
}

bool has_data(BlkType type) {
  return type == BlkType::kRead || type == BlkType::kWrite;
}

IoType io_type_of(BlkType type) {
  switch (type) {
    case BlkType::kRead:
      return IoType::kRead;
    case BlkType::kWrite:
      return IoType::kWrite;
    case BlkType::kDiscard:
      return IoType::kDiscard;
    case BlkType::kWriteZeroes:
      return IoType::kWriteZeroes;
    default:
      return IoType::kFlush;
  }
}

}  // namespace

struct BlkQueue::Slot {
  IoRequest io;
  Chain chain;
  BlkRequest request;
  std::unique_ptr<std::byte[]> buffer;
  std::size_t buffer_bytes = 0;
  std::uint64_t ring_wait_ns = 0, held_ns = 0, taken_ns = 0, submitted_ns = 0;
  Moment given_back;  // last time; before it the guest could not use the number again
  BlkQueue* queue = nullptr;
};

BlkQueue::BlkQueue(VolumeCore& core, std::unique_ptr<Ring> ring, const GuestMemory* memory, int call_fd)
    : core_(core), ring_(std::move(ring)), memory_(memory), call_fd_(call_fd), slots_(ring_->size()) {}

BlkQueue::~BlkQueue() = default;

bool BlkQueue::start() {
  if (const RingFault why = ring_->recover(*memory_, replay_); why != RingFault::kNone) {
    ring_fault(why);
    return false;
  }
  std::reverse(replay_.begin(), replay_.end());
  core_.stats.replayed.add(replay_.size());
  ring_->disable_kicks();
  return true;
}

BlkQueue::Slot& BlkQueue::slot_of(std::uint16_t id) {
  std::unique_ptr<Slot>& slot = slots_[id];  // the ring checked the number
  if (!slot) {
    slot = std::make_unique<Slot>();
    slot->queue = this;
    slot->io.owner = slot.get();
  }
  return *slot;
}

void BlkQueue::ring_fault(RingFault why) {
  core_.stats.ring_faults[static_cast<std::size_t>(why)].add();
  fault_ = to_string(why).data();
}

void BlkQueue::lose_memory() {
  core_.stats.vanished.add();
  fault_ = "memory_vanished";
}

bool BlkQueue::poll(std::uint64_t now_ns) {
  wait_ns_ = 0;
  if (paused_ || abandoned_ || faulted()) return false;
  bool worked = false;
  for (unsigned taken = 0; taken < kTakeAtOnce && !faulted(); ++taken) {
    if (waiting_ != nullptr) {
      if (submit(*waiting_, now_ns) == Submitted::kWait) break;
      hold(false, now_ns);
      waiting_ = nullptr;
    } else if (!take_next(now_ns)) {
      looked_ = {now_ns, held_ns(now_ns)};
      break;
    }
    worked = true;
  }
  call_guest();  // answers that needed no I/O
  tell_drained();
  return worked;
}

bool BlkQueue::take_next(std::uint64_t now_ns) {
  if (!replay_.empty()) {
    Chain chain = std::move(replay_.back());
    replay_.pop_back();
    admit(std::move(chain), now_ns);
    return true;
  }
  if (draining_) return false;
  switch (ring_->pop(*memory_, chain_)) {
    case Pop::kEmpty:
      return false;
    case Pop::kFault:
      ring_fault(ring_->fault());
      return false;
    case Pop::kTaken:
      break;
  }
  admit(std::move(chain_), now_ns);
  return true;
}

void BlkQueue::admit(Chain&& chain, std::uint64_t now_ns) {
  Slot& slot = slot_of(chain.id);
  std::swap(slot.chain, chain);  // the old one's memory is used again
  ++in_flight_;
  slot.taken_ns = now_ns;
  // It came after the ring was seen without it, and after its number's last use.
  const Moment& since = slot.given_back.at_ns > looked_.at_ns ? slot.given_back : looked_;
  slot.held_ns = since.at_ns == 0 ? 0 : held_ns(now_ns) - since.held_ns;
  slot.ring_wait_ns = since.at_ns == 0 ? 0 : now_ns - since.at_ns - slot.held_ns;
  const BlkLimits limits{core_.device.size_bytes(), core_.device.read_only()};
  if (!parse_request(*memory_, slot.chain, limits, slot.request)) {
    core_.stats.no_status.add();
    fault_ = "no_status";
    return;
  }
  if (slot.request.refusal != BlkRefusal::kNone) {
    core_.stats.refusals[static_cast<std::size_t>(slot.request.refusal)].add();
    answer(slot, status_of(slot.request.refusal), 1);
    return;
  }
  if (slot.request.type == BlkType::kGetId) {
    answer_id(slot);
    return;
  }
  if (submit(slot, now_ns) == Submitted::kWait) {
    waiting_ = &slot;
    hold(true, now_ns);
  }
}

// What waits in the ring behind a request over its limit waits for the limit as well.
void BlkQueue::hold(bool held, std::uint64_t now_ns) {
  held_ns_ = held_ns(now_ns);
  held_since_ns_ = held ? now_ns : 0;
}

BlkQueue::Submitted BlkQueue::submit(Slot& slot, std::uint64_t now_ns) {
  const std::uint64_t copied = has_data(slot.request.type) ? slot.request.length_bytes : 0;
  if (core_.in_flight_bytes != 0 && core_.in_flight_bytes + copied > kMaxInFlight_bytes) {
    return Submitted::kWait;  // a completion comes
  }
  if (slot.request.type != BlkType::kFlush) {
    wait_ns_ = core_.throttle.take(now_ns, copied);
    if (wait_ns_ != 0) return Submitted::kWait;
  }
  if (copied > slot.buffer_bytes) {
    slot.buffer.reset(new std::byte[copied]);  // NOLINT: not zeroed, as make_unique would
    slot.buffer_bytes = copied;
  }
  core_.in_flight_bytes += copied;
  if (slot.request.type == BlkType::kWrite &&
      !gather(*memory_, slot.chain, slot.request.data_at, slot.buffer.get(), copied)) {
    core_.in_flight_bytes -= copied;
    lose_memory();
    return Submitted::kYes;
  }
  hand_to_device(slot, now_ns);
  return Submitted::kYes;
}

void BlkQueue::hand_to_device(Slot& slot, std::uint64_t now_ns) {
  slot.submitted_ns = now_ns;
  slot.io.type = io_type_of(slot.request.type);
  slot.io.offset_bytes = slot.request.offset_bytes;
  slot.io.length_bytes = slot.request.length_bytes;
  slot.io.data = slot.buffer.get();
  slot.io.may_unmap = slot.request.may_unmap;
  slot.io.list = &core_.completions;
  slot.io.result = 0;
  slot.io.osd_ns = 0;
  slot.io.silent = core_.busy();
  ++core_.at_device;
  ++at_device_;
  core_.device.submit(slot.io);
}

void BlkQueue::answer_id(Slot& slot) {
  std::array<char, kIdBytes> id{};
  std::copy_n(core_.serial.data(), std::min(core_.serial.size(), id.size()), id.data());
  const auto length = static_cast<std::uint32_t>(slot.request.length_bytes);
  if (!scatter(*memory_, slot.chain, 0, reinterpret_cast<const std::byte*>(id.data()), length)) {
    lose_memory();
    return;
  }
  core_.stats.requests[index_of(BlkType::kGetId)].add();
  answer(slot, BlkStatus::kOk, length + 1);
}

void BlkQueue::answer(Slot& slot, BlkStatus status, std::uint32_t written) {
  if (!put_status(*memory_, slot.chain, status)) {
    lose_memory();
    return;
  }
  ring_->give_back(slot.chain, written);
  gave_back_ = true;
  --in_flight_;
}

BlkQueue& BlkQueue::complete(IoRequest& io, std::uint64_t now_ns) {
  Slot& slot = *static_cast<Slot*>(io.owner);
  BlkQueue& queue = *slot.queue;
  queue.ended(slot, now_ns);
  return queue;
}

void BlkQueue::ended(Slot& slot, std::uint64_t now_ns) {
  --at_device_;
  --core_.at_device;
  slot.given_back = {now_ns, held_ns(now_ns)};
  if (has_data(slot.request.type)) core_.in_flight_bytes -= slot.request.length_bytes;
  const std::size_t type = index_of(slot.request.type);
  core_.stats.ring_wait[type].add(slot.ring_wait_ns);
  core_.stats.throttle[type].add(slot.held_ns + slot.submitted_ns - slot.taken_ns);
  const std::uint64_t took_ns = now_ns - slot.submitted_ns;
  core_.stats.device[type].add(took_ns);
  core_.usual_ns += took_ns / kSmoothing - core_.usual_ns / kSmoothing;
  if (slot.io.osd_ns != 0) core_.stats.osd_reads.add(slot.io.osd_ns);
  if (paused_ && !abandoned_) {
    ended_paused_.push_back(&slot);
  } else {
    finish(slot);
  }
}

void BlkQueue::finish(Slot& slot) {
  const BlkRequest& request = slot.request;
  const bool read = request.type == BlkType::kRead;
  if (abandoned_ || faulted()) {
    core_.stats.orphaned.add();
    --in_flight_;
  } else if (slot.io.result < 0) {
    core_.stats.errors[index_of(request.type)].add();
    tell_error(slot);
    answer(slot, BlkStatus::kIoError, 1);
  } else if (read && !scatter(*memory_, slot.chain, 0, slot.buffer.get(), request.length_bytes)) {
    lose_memory();
  } else {
    core_.stats.requests[index_of(request.type)].add();
    core_.stats.bytes[index_of(request.type)].add(request.length_bytes);
    answer(slot, BlkStatus::kOk, read ? static_cast<std::uint32_t>(request.length_bytes) + 1 : 1);
  }
  if (slot.buffer_bytes > kKeptBuffer_bytes) {
    slot.buffer.reset();
    slot.buffer_bytes = 0;
  }
  tell_drained();
}

// A cluster that fails all requests must not fill the log.
void BlkQueue::tell_error(const Slot& slot) {
  const std::uint64_t second = slot.given_back.at_ns / 1'000'000'000;
  if (std::exchange(core_.told_second, second) == second) return;
  const BlkRequest& request = slot.request;
  spdlog::error("{}: {} of {} bytes at {} failed: {}", core_.name, to_string(request.type),
                request.length_bytes, request.offset_bytes, std::strerror(-slot.io.result));
}

void BlkQueue::tell_drained() {
  if (drained_ && ((in_flight_ == 0 && replay_.empty()) || faulted() || abandoned_)) {
    std::exchange(drained_, nullptr)();
  }
}

void BlkQueue::abandon() {
  abandoned_ = true;
  waiting_ = nullptr;
  for (Slot* slot : std::exchange(ended_paused_, {})) finish(*slot);
  tell_drained();
}

void BlkQueue::call_guest() {
  if (!gave_back_ || abandoned_ || faulted() || paused_) return;
  gave_back_ = false;
  if (!ring_->wants_call() || call_fd_ < 0) return;
  const std::uint64_t one = 1;
  // Non-blocking: a counter that is full has told the guest already.
  if (write(call_fd_, &one, sizeof(one)) == sizeof(one)) core_.stats.calls.add();
}

void BlkQueue::go_on() {
  paused_ = false;
  for (Slot* slot : std::exchange(ended_paused_, {})) finish(*slot);
  call_guest();
}

void BlkQueue::drain(std::function<void()> drained) {
  draining_ = true;
  drained_ = std::move(drained);
  tell_drained();
}

}  // namespace hanok::storage::target
