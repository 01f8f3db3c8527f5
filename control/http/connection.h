#pragma once
// One client's connection: requests in, answers out, one after the other (HTTP/1.1, RFC 9112). Sees Beast, so
// only server.cc and the two files of connections include this. Runs on the event loop's thread; handlers run
// on the workers.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <string>

#include "control/http/dispatcher.h"

namespace hanok::http {

// What every connection shares. All outlive the connections.
struct Services {
  boost::asio::io_context& io;
  boost::asio::thread_pool& workers;
  unsigned& in_flight;  // requests that have begun and are not yet answered
};

class Connection {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;  // TCP or Unix

  // `authority` (host:port) is for links when the client names no host.
  Connection(Socket socket, const Dispatcher& dispatcher, const std::string& authority, Services services);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Until the client ends, breaks the protocol or says nothing for too long.
  boost::asio::awaitable<void> serve();
  // What is being read or written fails at once.
  void cut_off();

 private:
  template <typename T>
  using awaitable = boost::asio::awaitable<T>;
  using Parser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;
  using Serializer = boost::beast::http::response_serializer<boost::beast::http::buffer_body>;
  static constexpr auto kTransferTimeout = std::chrono::seconds(120);
  static constexpr std::size_t kChunkBytes = 256U << 10U;

  awaitable<bool> serve_one();  // true: another request may follow
  [[nodiscard]] Request read_header(const Parser& parser) const;
  awaitable<bool> serve_text(const Dispatcher::Plan& plan, Request& request, Parser& parser);
  awaitable<bool> serve_stream(const Dispatcher::Plan& plan, Request& request, Parser& parser);
  awaitable<void> drain(Parser& parser);
  awaitable<bool> read_some(Parser& parser, std::string& chunk);
  awaitable<void> refuse_unparsed(boost::beast::error_code error);
  awaitable<bool> write_refusal(ErrorCode code, const char* message, const Request& request, bool keep);
  void log(const Response& response, const Request& request) const;

  // connection_write.cc; false: the connection ends.
  awaitable<void> write_continue();
  awaitable<bool> send(Serializer& serializer);
  awaitable<bool> write(Response response, const Request& request, bool keep);
  awaitable<bool> write_source(Response& response, const Request& request, bool keep);

  boost::beast::basic_stream<boost::asio::generic::stream_protocol> stream_;
  boost::beast::flat_buffer buffer_;
  const Dispatcher& dispatcher_;
  const std::string& authority_;
  Services services_;
  std::size_t drained_ = 0;
  std::chrono::steady_clock::time_point started_{};
};

}  // namespace hanok::http
