#pragma once
// BlockDevice: an open volume with asynchronous I/O. Twins: memory (memory_device.h, tests) and RBD
// (storage/rbd/rbd_device.h). Submitting never blocks; completions come on the device's own threads, which
// only put the request into a list that the ring's owner empties.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "common/result.h"
#include "storage/target/osd_times.h"

namespace hanok::storage::target {

enum class IoType : std::uint8_t { kRead, kWrite, kFlush, kDiscard, kWriteZeroes };

class CompletionList;

// Lives until it comes out of the list. The device touches `data` and `result` only until then.
struct IoRequest {
  IoType type = IoType::kRead;
  std::uint64_t offset_bytes = 0;
  std::uint64_t length_bytes = 0;
  std::byte* data = nullptr;  // of read and write
  bool may_unmap = false;
  bool silent = false;  // collect() may be the only one to tell when it is done
  int result = 0;       // 0 or a negative errno
  CompletionList* list = nullptr;
  void* owner = nullptr;   // of whoever submits
  void* device = nullptr;  // the device's own while it has the request, as is sent_ns
  std::uint64_t sent_ns = 0;
  std::uint64_t osd_ns = 0;  // how long it was at an OSD, where the device knows it
  IoRequest* next = nullptr;
};

// Many producers, one consumer, no locks.
class CompletionList {
 public:
  // `wake` runs on the producer's thread when the list was empty; it must not block.
  explicit CompletionList(std::function<void()> wake) : wake_(std::move(wake)) {}
  void push(IoRequest& request) {
    IoRequest* head = head_.load(std::memory_order_relaxed);
    do {
      request.next = head;
    } while (!head_.compare_exchange_weak(head, &request, std::memory_order_seq_cst));
    if (head == nullptr) wake_();
  }
  [[nodiscard]] bool empty() const { return head_.load(std::memory_order_seq_cst) == nullptr; }
  // All of them, oldest first, linked by `next`.
  [[nodiscard]] IoRequest* take() {
    IoRequest* newest = head_.exchange(nullptr, std::memory_order_acquire);
    IoRequest* oldest = nullptr;
    while (newest != nullptr) {
      IoRequest* next = newest->next;
      newest->next = oldest;
      oldest = newest;
      newest = next;
    }
    return oldest;
  }

 private:
  std::atomic<IoRequest*> head_{nullptr};
  std::function<void()> wake_;
};

class BlockDevice {
 public:
  virtual ~BlockDevice() = default;                            // waits for what is in flight
  [[nodiscard]] virtual std::uint64_t size_bytes() const = 0;  // any thread; may change while open
  [[nodiscard]] virtual bool read_only() const = 0;
  // Completes through request.list, also when it cannot be submitted.
  virtual void submit(IoRequest& request) = 0;
  // Puts what is done into the lists, of requests that no thread of the device tells of; how many of those it
  // still has. By whoever submits, again and again while there are some.
  virtual std::size_t collect() { return 0; }
  // Of the operations that it makes of requests; null where there are no OSDs. Lives as long as the device.
  [[nodiscard]] virtual const OsdTimes* osd_times() const { return nullptr; }
  // `changed` runs on a thread of the device after size_bytes() changed; unset with an empty function, after
  // which it does not run any more.
  virtual void on_resize(std::function<void()> changed) = 0;
};

}  // namespace hanok::storage::target
