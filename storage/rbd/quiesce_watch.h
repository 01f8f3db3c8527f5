#pragma once
// Hears of each snapshot that is about to be made of an image, and holds it up until it is answered (RBD's
// "quiesce"). By a watch of our own on the image's header, not by librbd::Image::quiesce_watch: librbd 16.2
// ends the process (ImageState.cc: m_blocked) when a watch begins between a quiesce and its end.
// Messages: librbd's WatchNotifyTypes.h, as of version 16.

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "storage/rbd/cluster.h"

namespace hanok::storage {

class QuiesceWatch final : public librados::WatchCtx2 {
 public:
  // One request to make a snapshot: client, its watch, number. After 10 s without all answers it is asked
  // again with the same.
  using Request = std::array<std::uint64_t, 3>;
  // Called by a thread of librados, which waits for nothing meanwhile: it must not block on Ceph.
  using Asked = std::function<void(const Request& request, std::uint64_t question)>;
  using Lost = std::function<void()>;  // nothing is held up any more

  QuiesceWatch(Asked asked, Lost lost) : asked_(std::move(asked)), lost_(std::move(lost)) {}
  ~QuiesceWatch() override { close(); }
  QuiesceWatch(const QuiesceWatch&) = delete;
  QuiesceWatch& operator=(const QuiesceWatch&) = delete;

  [[nodiscard]] Status open(const Pool& pool, const std::string& image_id);
  // No call is made after it.
  void close();
  // Does not wait. A negative errno fails the snapshot.
  void answer(std::uint64_t question, int code);

  void handle_notify(std::uint64_t notify, std::uint64_t cookie, std::uint64_t notifier,
                     librados::bufferlist& message) override;
  void handle_error(std::uint64_t cookie, int code) override;

 private:
  const Asked asked_;
  const Lost lost_;
  Pool pool_;
  std::string header_;
  std::uint64_t cookie_ = 0;
  bool open_ = false;
};

}  // namespace hanok::storage
