#pragma once
// A vhost-user-blk front end, as a virtual machine monitor and its guest together: for tests
// and measurements. It keeps memory and inflight record over the back end's death and connects again. One
// thread.

#include <chrono>
#include <functional>
#include <string>

#include "common/result.h"
#include "tests/storage/target/ring_driver.h"

namespace hanok::storage::target::testing {

enum class RequestType : std::uint32_t {
  kRead = 0,
  kWrite = 1,
  kFlush = 4,
  kGetId = 8,
  kDiscard = 11,
  kWriteZeroes = 13
};

class FrontEnd {
 public:
  static constexpr std::uint64_t kSlotHead_bytes = 4096;  // header, status, indirect table; data behind it
  struct Options {
    std::string socket;
    std::uint16_t depth = 32;  // slots; a ring is the next power of two
    std::uint16_t queues = 1;  // slot N is on ring N modulo this
    std::uint32_t slot_bytes = 4096;
    bool inflight = true;
    bool event_index = true;
    bool packed = false;  // the ring's layout; an error when the back end has not got it
  };
  explicit FrontEnd(const Options& options);
  ~FrontEnd();
  FrontEnd(const FrontEnd&) = delete;
  FrontEnd& operator=(const FrontEnd&) = delete;

  // One try; the ring runs when it is fine.
  [[nodiscard]] Status connect();
  [[nodiscard]] bool connected() const { return socket_ >= 0; }
  void disconnect();
  // Another kick descriptor's worth: the back end starts the ring anew while the others go on.
  [[nodiscard]] Status restart_ring(std::uint16_t index);
  [[nodiscard]] std::uint64_t capacity_bytes() const { return capacity_bytes_; }

  [[nodiscard]] std::byte* data(std::uint16_t slot) const;
  [[nodiscard]] std::uint16_t ring_of(std::uint16_t slot) const {
    return static_cast<std::uint16_t>(slot % queues_.size());
  }
  void submit(std::uint16_t slot, RequestType type, std::uint64_t offset_bytes, std::uint32_t length);
  void kick();
  struct Done {
    std::uint16_t slot;
    std::uint8_t status;
  };
  // Calls for what was given back; waits at most `wait` when there is nothing. False: the back end is gone.
  [[nodiscard]] bool collect(std::chrono::milliseconds wait, const std::function<void(Done)>& done);

 private:
  [[nodiscard]] std::uint64_t slot_at(std::uint16_t slot) const;
  [[nodiscard]] Status negotiate();
  [[nodiscard]] Status set_up_record();
  [[nodiscard]] Status start_rings();
  [[nodiscard]] Status start_ring(std::uint16_t index);
  struct Queue {
    int kick_fd = -1, call_fd = -1;
    RingPlace place;
    std::unique_ptr<RingDriver> driver;
  };
  [[nodiscard]] Queue& queue_of(std::uint16_t slot) { return queues_[ring_of(slot)]; }
  [[nodiscard]] Status send(std::uint32_t request, const void* payload, std::uint32_t size, int fd = -1);
  [[nodiscard]] Status ask(std::uint32_t request, void* payload, std::uint32_t size, int* fd = nullptr);

  Options options_;
  std::uint16_t size_ = 0;
  std::uint64_t memory_bytes_ = 0, slots_at_ = 0, capacity_bytes_ = 0;
  int memory_fd_ = -1, record_fd_ = -1, socket_ = -1;
  std::uint64_t record_bytes_ = 0, record_offset_ = 0;
  std::byte* memory_ = nullptr;
  std::vector<Queue> queues_;
};

}  // namespace hanok::storage::target::testing
