#pragma once
// One virtqueue of a volume at work: takes requests from the ring, submits them, gives them back. All calls
// on the owner's thread. Data is copied between guest and device here, so that the guest's memory is touched
// by this thread only, and may be replaced or go away while I/O is in flight.

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>

#include "storage/target/block_device.h"
#include "storage/target/throttle.h"
#include "storage/target/volume_stats.h"

namespace hanok::storage::target {

// What the queues of a volume share.
struct VolumeCore {
  std::string serial;  // for GET_ID, its first 20 bytes
  BlockDevice& device;
  CompletionList& completions;
  VolumeStats stats{};
  Throttle throttle{};
  std::uint64_t in_flight_bytes = 0;  // copies held for requests
  std::string name{};                 // in the log
  std::uint64_t told_second = 0;      // in which an error was logged last
  std::size_t at_device = 0;          // requests
  std::uint64_t usual_ns = 0;         // that the device takes, smoothed

  // How long its owner may look away: an answer waits 1/32 of its time longer, on average.
  [[nodiscard]] std::uint64_t nap_ns() const {
    return std::clamp(usual_ns / 16, std::uint64_t{10'000}, std::uint64_t{200'000});
  }
  // Many are out, and every other nap finds an answer at least: nobody needs to tell of each.
  [[nodiscard]] bool busy() const { return at_device >= 16 && 2 * at_device * nap_ns() >= usual_ns; }
};
inline constexpr std::uint64_t kMaxInFlight_bytes = 64U
                                                    << 20U;  // of a volume; further requests wait in the ring

class BlkQueue {
 public:
  // `memory` and `core` outlive the queue; `call_fd` is an eventfd or -1, not owned.
  BlkQueue(VolumeCore& core, std::unique_ptr<Ring> ring, const GuestMemory* memory, int call_fd);
  ~BlkQueue();
  BlkQueue(const BlkQueue&) = delete;
  BlkQueue& operator=(const BlkQueue&) = delete;

  // What a predecessor left in flight is submitted again by the first polls, before anything new.
  [[nodiscard]] bool start();
  // Takes and submits; true when there was something to do. False also when only time helps (see wait_ns).
  bool poll(std::uint64_t now_ns);
  // A request came out of the completion list: its queue gives it back. Call call_guest() after a batch.
  static BlkQueue& complete(IoRequest& io, std::uint64_t now_ns);
  // The interrupt, if something was given back and the guest wants one.
  void call_guest();

  // True when there is work already that only needs a poll.
  bool enable_kicks() {
    return !faulted() && !paused_ && ring_->enable_kicks() && waiting_ == nullptr && !draining_;
  }
  void disable_kicks() {
    if (!faulted() && !paused_) ring_->disable_kicks();
  }
  // The owner slept until now, for want of work or for wait_ns().
  void woke(std::uint64_t now_ns) {
    if (waiting_ == nullptr) looked_ = {now_ns, held_ns(now_ns)};
  }
  // How long a throttled request still waits; 0: none does.
  [[nodiscard]] std::uint64_t wait_ns() const { return wait_ns_; }

  void set_memory(const GuestMemory* memory) { memory_ = memory; }
  void set_call_fd(int fd) { call_fd_ = fd; }
  // Without a kick descriptor the ring has to be looked at by time.
  void set_kicked(bool kicked) { kicked_ = kicked; }
  [[nodiscard]] bool kicked() const { return kicked_; }
  // Takes nothing new and gives nothing back until it goes on (the memory is being replaced).
  void pause() { paused_ = true; }
  void go_on();
  // Takes nothing new; `drained` runs once when nothing is in flight, now or later.
  void drain(std::function<void()> drained);
  // The guest's memory and rings are gone or forbidden; what is in flight ends without telling it.
  void abandon();

  // Requests that the device still has: while there are any, the queue must live.
  [[nodiscard]] std::size_t at_device() const { return at_device_; }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_; }
  // A broken ring: nothing is taken any more, the client is to be disconnected.
  [[nodiscard]] bool faulted() const { return fault_ != nullptr; }
  void lose_memory();  // breaks it: an access went to memory that is gone
  [[nodiscard]] const char* fault() const { return fault_; }
  [[nodiscard]] const Ring& ring() const { return *ring_; }

 private:
  struct Slot;
  struct Moment {
    std::uint64_t at_ns = 0;    // 0: never
    std::uint64_t held_ns = 0;  // how long requests had been held by a limit until then
  };
  enum class Submitted : std::uint8_t { kYes, kWait };

  [[nodiscard]] std::uint64_t held_ns(std::uint64_t now_ns) const {
    return held_ns_ + (held_since_ns_ == 0 ? 0 : now_ns - held_since_ns_);
  }
  void hold(bool held, std::uint64_t now_ns);
  bool take_next(std::uint64_t now_ns);
  [[nodiscard]] Submitted submit(Slot& slot, std::uint64_t now_ns);
  void admit(Chain&& chain, std::uint64_t now_ns);
  bool prepare_write(Slot& slot);
  void hand_to_device(Slot& slot, std::uint64_t now_ns);
  void answer(Slot& slot, BlkStatus status, std::uint32_t written);
  void answer_id(Slot& slot);
  void ended(Slot& slot, std::uint64_t now_ns);
  void finish(Slot& slot);
  void tell_error(const Slot& slot);
  void tell_drained();
  void ring_fault(RingFault why);
  [[nodiscard]] Slot& slot_of(std::uint16_t id);

  VolumeCore& core_;
  std::unique_ptr<Ring> ring_;
  const GuestMemory* memory_;
  int call_fd_;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::vector<Chain> replay_;        // newest first: taken from the back
  Chain chain_;                      // scratch
  Slot* waiting_ = nullptr;          // taken, but over a limit
  std::vector<Slot*> ended_paused_;  // ended while paused
  std::size_t in_flight_ = 0;        // taken and not given back
  std::size_t at_device_ = 0;
  Moment looked_;  // when the ring was last seen empty
  std::uint64_t wait_ns_ = 0;
  std::uint64_t held_ns_ = 0, held_since_ns_ = 0;  // by a limit, before now; since when again, 0: it is not
  bool gave_back_ = false;                         // since the last call_guest()
  bool kicked_ = true;
  bool paused_ = false;
  bool draining_ = false;
  bool abandoned_ = false;
  const char* fault_ = nullptr;
  std::function<void()> drained_;
};

}  // namespace hanok::storage::target
