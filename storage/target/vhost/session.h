#pragma once
// A volume's rings as the vhost library sets them up. Messages come on the library's one thread; the rings
// are the poller's.

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "storage/target/config_space.h"
#include "storage/target/packed_ring.h"
#include "storage/target/poller.h"
#include "storage/target/split_ring.h"
#include "storage/target/target.h"

namespace hanok::storage::target {

class Session {
 public:
  Session(VolumeSpec spec, std::unique_ptr<BlockDevice> device, Poller& poller);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // On the library's thread. False: there is a front end already.
  bool connect(int vid);
  void disconnect(int vid);
  enum class Answer { kGoOn, kDone, kReply, kRefused };
  // Before the library handles a message, and after. `message` is the library's.
  [[nodiscard]] Answer before(int vid, void* message);
  [[nodiscard]] bool after(int vid, const void* message);  // false: refused

  // Any thread.
  [[nodiscard]] Json status() const;
  [[nodiscard]] const VolumeStats& stats() const { return core_.stats; }
  [[nodiscard]] bool connected() const { return vid_.load() >= 0; }
  void set_limits(const Limits& limits);
  void close();  // no front end comes any more; waits for the device

 private:
  struct RingEnds {
    int kick_fd = -1, call_fd = -1;  // our own copies
    bool running = false;
    bool restart = false;  // when the new memory is there
  };

  [[nodiscard]] Answer refuse(const char* why);
  [[nodiscard]] Answer look_at(int vid, void* message);
  [[nodiscard]] Answer configuration(std::uint32_t request, void* message);
  [[nodiscard]] Answer check_inflight(int vid, const void* message);
  [[nodiscard]] Answer check_record(int vid, std::uint16_t index);
  [[nodiscard]] bool start(int vid, std::uint16_t index);  // false: refused
  void stop(std::uint16_t index);
  void stop_all();
  void drain(int vid, std::uint16_t index);
  void update_call(int vid, std::uint16_t index);
  void announce_size();

  const VolumeSpec spec_;
  std::unique_ptr<BlockDevice> device_;
  Poller& poller_;
  VolumeCore core_;
  QueueSet set_;
  GuestMemory memory_;  // the poller's while rings run
  std::array<RingEnds, kMaxQueues> rings_;
  std::uint16_t record_entries_ = 0;  // of each queue, as the front end said
  bool writeback_ = false;            // what the guest asked for
  bool closed_ = false;
  bool at_library_ = false;  // it has a message that before() let pass and after() has not seen
  std::mutex connection_;    // held while vid_ changes, and while a message is sent to it
  std::atomic<int> vid_{-1};
  std::atomic<unsigned> running_{0};
  Counter connections_, protocol_errors_, undrained_;
  std::atomic<const char*> fault_{nullptr};
};

}  // namespace hanok::storage::target
