#pragma once
// What the model test does to an image's bytes goes through one of these: librbd, or the rings of a guest
// that hanok-storage serves. One thread.

#include <chrono>
#include <memory>
#include <rbd/librbd.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "storage/block/block_store.h"

namespace hanok::storage::testing {

// Until `step` succeeds; its last error when it does not within a minute.
template <typename Step>
Status eventually(Step step) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + std::chrono::seconds{60};
  while (true) {
    Status outcome = step();
    if (outcome.ok() || Clock::now() > deadline) return outcome;
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
}

class ModelDisk {
 public:
  using Writes = std::vector<std::pair<std::uint64_t, std::string>>;  // offset, data; apart from each other
  static constexpr std::size_t kMaxIo_bytes = std::size_t{256} * 1024;

  virtual ~ModelDisk() = default;
  [[nodiscard]] virtual std::uint64_t unit_bytes() const = 0;  // of all offsets, lengths and sizes
  [[nodiscard]] virtual Status open(const ImageRef& image) = 0;
  [[nodiscard]] virtual Status close() = 0;
  [[nodiscard]] virtual Result<std::string> read(std::uint64_t offset, std::size_t length) = 0;
  [[nodiscard]] virtual Status write(std::uint64_t offset, const std::string& data) = 0;
  [[nodiscard]] virtual Status discard(std::uint64_t offset, std::size_t length) = 0;
  [[nodiscard]] virtual Status write_zeroes(std::uint64_t offset, std::size_t length) = 0;
  // Somebody else gave the image this size: returns when the disk has it.
  [[nodiscard]] virtual Status resized(std::uint64_t size_bytes) = 0;
  // Who does the I/O dies (kill -9) `after_us` after these writes were asked for, and another takes over. All
  // are done when this returns.
  [[nodiscard]] virtual Status die_during(const Writes& writes, std::uint64_t after_us) = 0;
};

// One handle that stays open, as QEMU's is. It has nobody who could die: it is opened again.
[[nodiscard]] std::unique_ptr<ModelDisk> librbd_disk(librados::IoCtx& io);
// By a hanok-storage of its own ($HANOK_BIN/hanok-storage).
[[nodiscard]] std::unique_ptr<ModelDisk> virtio_disk(const std::string& ceph_conf, const std::string& client);

}  // namespace hanok::storage::testing
