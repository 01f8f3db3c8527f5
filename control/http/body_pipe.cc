#include "control/http/body_pipe.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>

namespace hanok::http {

namespace asio = boost::asio;

BodyPipe::BodyPipe(const asio::any_io_executor& executor)
    : writable_(executor, asio::steady_timer::time_point::max()) {}

Result<std::size_t> BodyPipe::read(char* out, std::size_t capacity) {
  std::unique_lock lock(mutex_);
  readable_.wait(lock, [this] { return !chunks_.empty() || ended_ || failed_; });
  if (chunks_.empty()) {
    if (failed_) return bad_request("The connection ended before the whole body had come.");
    return std::size_t{0};
  }
  const std::string& chunk = chunks_.front();
  const std::size_t take = std::min(capacity, chunk.size() - offset_);
  std::memcpy(out, chunk.data() + offset_, take);
  offset_ += take;
  if (offset_ == chunk.size()) {
    chunks_.pop_front();
    offset_ = 0;
    asio::post(writable_.get_executor(), [this] { writable_.cancel(); });
  }
  return take;
}

asio::awaitable<void> BodyPipe::push(std::string chunk) {
  // The parser gives nothing for the frame of a chunk alone; to the reader nothing would mean the end.
  if (chunk.empty()) co_return;
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) co_return;
      if (chunks_.size() < kMaxChunks) {
        chunks_.push_back(std::move(chunk));
        readable_.notify_one();
        co_return;
      }
    }
    co_await writable_.async_wait(asio::as_tuple(asio::use_awaitable));
  }
}

void BodyPipe::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  readable_.notify_one();
}

void BodyPipe::fail() {
  const std::lock_guard lock(mutex_);
  failed_ = true;
  readable_.notify_one();
}

void BodyPipe::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  writable_.cancel();
}

bool BodyPipe::closed() {
  const std::lock_guard lock(mutex_);
  return closed_;
}

}  // namespace hanok::http
