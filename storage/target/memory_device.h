#pragma once
// The memory twin of an RBD volume, for tests: completes at once, or when the test says so.

#include <deque>
#include <mutex>
#include <vector>

#include "storage/target/block_device.h"

namespace hanok::storage::target {

class MemoryDevice final : public BlockDevice {
 public:
  explicit MemoryDevice(std::uint64_t size_bytes, bool read_only = false)
      : bytes_(size_bytes), read_only_(read_only) {}
  [[nodiscard]] std::uint64_t size_bytes() const override;
  [[nodiscard]] bool read_only() const override { return read_only_; }
  void submit(IoRequest& request) override;
  void on_resize(std::function<void()> changed) override;

  void hold();  // from now on requests wait
  std::size_t held() const;
  void release(std::size_t number);  // does and completes the held request with this number
  void release_all();
  void fail_next(int result);  // the next request done ends with this errno
  void resize(std::uint64_t size_bytes);
  void keep_silent();  // from now on only collect() tells what is done
  std::size_t collect() override;
  [[nodiscard]] std::vector<std::byte> content() const;

 private:
  void perform(IoRequest& request);

  mutable std::mutex mutex_;
  std::vector<std::byte> bytes_;
  bool read_only_;
  bool holding_ = false;
  int fail_next_ = 0;
  std::deque<IoRequest*> held_;
  bool silent_ = false;
  std::deque<IoRequest*> untold_;  // done
  std::function<void()> changed_;
};

}  // namespace hanok::storage::target
