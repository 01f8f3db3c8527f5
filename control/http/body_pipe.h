#pragma once
// Hands a streamed request body from the socket's thread to the handler's: bounded, so that a slow handler
// slows the client.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>

#include "control/http/http.h"

namespace hanok::http {

class BodyPipe final : public BodyReader {
 public:
  explicit BodyPipe(const boost::asio::any_io_executor& executor);

  // Handler's thread.
  [[nodiscard]] Result<std::size_t> read(char* out, std::size_t capacity) override;

  // Socket's thread (one thread: a wake-up posted to it cannot come between the check and the wait).
  boost::asio::awaitable<void> push(std::string chunk);
  void end();    // the body is whole
  void fail();   // the client went away
  void close();  // the handler is done: what still comes is dropped
  [[nodiscard]] bool closed();

 private:
  static constexpr std::size_t kMaxChunks = 8;

  std::mutex mutex_;
  std::condition_variable readable_;
  std::deque<std::string> chunks_;
  std::size_t offset_ = 0;  // in the first chunk
  bool ended_ = false, failed_ = false, closed_ = false;
  boost::asio::steady_timer writable_;
};

}  // namespace hanok::http
