#pragma once
// Reads that lie in one object of an image, by librados alone (decision 0011): most of what a small read
// costs in this process are librbd's layers and threads. Only where the object is all that there is to a
// read: no cache, no encryption, no limit of librbd's, default striping, nobody else writes. Whatever
// librados does not answer with data (an object that is not there: a parent's, or zeroes; an error) librbd is
// asked.

#include <rados/librados.h>
#include <rbd/librbd.h>

#include <array>
#include <atomic>
#include <string>
#include <vector>

#include "storage/target/block_device.h"
#include "storage/target/osd_times.h"

namespace hanok::storage::target {

class ObjectReads {
 public:
  explicit ObjectReads(OsdTimes& times) : times_(times) {}
  ~ObjectReads();  // waits for what librados has; `image` must still be open
  ObjectReads(const ObjectReads&) = delete;
  ObjectReads& operator=(const ObjectReads&) = delete;

  // Of an image that is open to write to it; all outlive this. An image that has something special stays
  // librbd's.
  [[nodiscard]] Status start(rados_t rados, rbd_image_t image);
  // The image's configuration or features may have changed. Blocks; on one thread.
  void look();
  // False: it is librbd's. On the owner's thread, as is collect().
  [[nodiscard]] bool submit(IoRequest& request);
  // As BlockDevice::collect(): requests that may be silent wake nobody.
  std::size_t collect();

 private:
  static constexpr std::size_t kHints = 1U << 16U;
  // Reads that go past an object that was not there, before it is looked for again.
  static constexpr std::uint8_t kPassed = 16;

  struct Untold {
    rados_completion_t completion = nullptr;
    IoRequest* request = nullptr;
  };
  static void answered(rados_completion_t completion, void* argument);
  void answer(rados_completion_t completion, IoRequest& request);
  [[nodiscard]] bool known_absent(std::uint64_t object);
  [[nodiscard]] bool plain() const;  // as the image is now

  OsdTimes& times_;
  rbd_image_t image_ = nullptr;
  rados_ioctx_t io_ = nullptr;  // of the pool with the data
  std::string prefix_;
  std::uint64_t object_bytes_ = 0;
  std::atomic<bool> on_{false};
  std::atomic<std::uint64_t> told_{0};  // of which librados tells when they are done
  std::vector<Untold> untold_;
  std::array<std::atomic<std::uint8_t>, kHints> passes_{};  // by object number, modulo
};

// Gives the request to librbd; it completes through its list.
void read_by_librbd(rbd_image_t image, IoRequest& request);
// An answer of librbd's: the argument of its completions is the request.
void completed_by_librbd(rbd_completion_t completion, void* argument);

}  // namespace hanok::storage::target
