#include "control/http/server.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstring>
#include <set>

#include "common/log.h"
#include "common/uuid.h"
#include "control/http/body_pipe.h"

namespace hanok::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using asio::ip::tcp;
using LocalProtocol = asio::local::stream_protocol;
using Socket = asio::generic::stream_protocol::socket;  // TCP or Unix
using Stream = beast::basic_stream<asio::generic::stream_protocol>;
using BufferParser = bhttp::request_parser<bhttp::buffer_body>;

constexpr auto kIdleTimeout = std::chrono::seconds(75);
constexpr auto kTransferTimeout = std::chrono::seconds(120);
constexpr auto kStopTimeout = std::chrono::seconds(10);
constexpr std::size_t kMaxHeaderBytes = 64U << 10U;
constexpr std::size_t kMaxDrainBytes = 64U << 20U;
constexpr std::size_t kChunkBytes = 256U << 10U;
constexpr std::string_view kUnixPrefix = "unix:";
constexpr unsigned kMaxConnections = 1024;
const beast::error_category& kHttpErrors = bhttp::make_error_code(bhttp::error::end_of_stream).category();
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

std::optional<Method> to_method(bhttp::verb verb) {
  switch (verb) {
    case bhttp::verb::get:
      return Method::kGet;
    case bhttp::verb::head:
      return Method::kHead;
    case bhttp::verb::post:
      return Method::kPost;
    case bhttp::verb::put:
      return Method::kPut;
    case bhttp::verb::patch:
      return Method::kPatch;
    case bhttp::verb::delete_:
      return Method::kDelete;
    default:
      return std::nullopt;
  }
}

// Links are built from the Host header: it may hold nothing but a host and a port.
bool is_host(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]";
  return !text.empty() && text.size() < 256 && text.find_first_not_of(kAllowed) == std::string_view::npos;
}

bool is_request_id(std::string_view text) {
  return text.substr(0, 4) == "req-" && is_uuid(text.substr(4));
}

struct Services {  // what every connection shares
  asio::io_context& io;
  asio::thread_pool& workers;
  unsigned& in_flight;  // requests that have begun and are not yet answered
};

class InFlight {
 public:
  explicit InFlight(unsigned& count) : count_(count) { ++count_; }
  ~InFlight() { --count_; }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

 private:
  unsigned& count_;
};

class Connection {
 public:
  Connection(Socket socket, const Dispatcher& dispatcher, const std::string& authority, Services services)
      : stream_(std::move(socket)), dispatcher_(dispatcher), authority_(authority), services_(services) {}

  asio::awaitable<void> serve() {
    while (co_await serve_one()) {
    }
    beast::error_code ignored;
    stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
  }

  // What is being read or written fails at once.
  void cut_off() {
    beast::error_code ignored;
    stream_.socket().close(ignored);
  }

 private:
  // True: another request may follow.
  asio::awaitable<bool> serve_one() {
    BufferParser parser;
    parser.header_limit(kMaxHeaderBytes);
    parser.body_limit(boost::none);
    stream_.expires_after(kIdleTimeout);
    auto [error, got] = co_await bhttp::async_read_header(stream_, buffer_, parser, kTuple);
    started_ = std::chrono::steady_clock::now();
    if (error) {
      // Not a word came, or the peer left: nobody is there to be told.
      const bool gone = error == bhttp::error::end_of_stream || error == bhttp::error::partial_message;
      if (!gone && error.category() == kHttpErrors) co_await refuse_unparsed(error);
      co_return false;
    }
    const InFlight in_flight(services_.in_flight);
    Request request = read_header(parser);
    const auto method = to_method(parser.get().method());
    if (!method) {
      co_await write_refusal(ErrorCode::kMethodNotAllowed, "The method is not known.", request, false);
      co_return false;
    }
    request.method = *method;
    const Dispatcher::Plan plan =
        dispatcher_.plan({parser.get().target().data(), parser.get().target().size()}, request);
    if (beast::iequals(parser.get()[bhttp::field::expect], "100-continue")) co_await write_continue();
    const bool stream = plan.route != nullptr && plan.route->body == Body::kStream;
    // No conditional expression here: gcc 12 awaits both of its branches.
    if (stream) co_return co_await serve_stream(plan, request, parser);
    co_return co_await serve_text(plan, request, parser);
  }

  Request read_header(const BufferParser& parser) {
    Request request;
    for (const auto& field : parser.get()) {
      const std::string name(field.name_string());
      const std::string value(field.value());
      auto [it, fresh] = request.headers.emplace(name, value);
      if (!fresh) it->second += ", " + value;
    }
    const std::string host = request.header("Host");
    request.base_url = "http://" + (is_host(host) ? host : authority_);
    request.request_id = "req-" + new_uuid();
    return request;
  }

  asio::awaitable<bool> serve_text(const Dispatcher::Plan& plan, Request& request, BufferParser& parser) {
    std::string body;
    bool too_large = parser.content_length() && *parser.content_length() > kMaxJsonBytes;
    while (!parser.is_done()) {
      std::string chunk;
      if (!co_await read_some(parser, chunk)) co_return false;
      drained_ += chunk.size();
      if (drained_ > kMaxDrainBytes) co_return false;
      too_large = too_large || body.size() + chunk.size() > kMaxJsonBytes;
      if (!too_large)
        body += chunk;  // what is too large is read and dropped, so that the client sees the answer
    }
    drained_ = 0;
    const bool keep = parser.get().keep_alive();
    if (too_large) {
      co_return co_await write_refusal(ErrorCode::kTooLarge, "Request is too large: a body may have 1 MiB.",
                                       request, keep);
    }
    Response response = co_await asio::co_spawn(
        services_.workers,
        [&]() -> asio::awaitable<Response> { co_return dispatcher_.answer(plan, request, body); },
        asio::use_awaitable);
    co_return co_await write(std::move(response), request, keep);
  }

  asio::awaitable<bool> serve_stream(const Dispatcher::Plan& plan, Request& request, BufferParser& parser) {
    BodyPipe pipe(services_.io.get_executor());
    request.body = &pipe;
    std::optional<Response> response;
    asio::steady_timer done(services_.io, asio::steady_timer::time_point::max());
    asio::co_spawn(
        services_.workers,
        [&]() -> asio::awaitable<Response> { co_return dispatcher_.answer(plan, request, {}); },
        asio::bind_executor(services_.io, [&](const std::exception_ptr&, Response out) {
          response = std::move(out);
          pipe.close();
          done.cancel();
        }));
    bool whole = true;
    while (!parser.is_done() && !pipe.closed()) {
      std::string chunk;
      whole = co_await read_some(parser, chunk);
      if (!whole) break;
      co_await pipe.push(std::move(chunk));
    }
    if (whole) {
      pipe.end();
    } else {
      pipe.fail();
    }
    while (!response) co_await done.async_wait(kTuple);
    const bool keep = whole && parser.is_done() && parser.get().keep_alive();
    const bool written = co_await write(std::move(*response), request, keep);
    if (whole && !parser.is_done()) co_await drain(parser);
    co_return written;
  }

  // After an early answer: the client may still be sending, and a reset would take the answer from it.
  asio::awaitable<void> drain(BufferParser& parser) {
    std::string chunk;
    for (std::size_t total = 0; !parser.is_done() && total < kMaxDrainBytes; total += chunk.size()) {
      if (!co_await read_some(parser, chunk)) co_return;
    }
  }

  asio::awaitable<bool> read_some(BufferParser& parser, std::string& chunk) {
    chunk.resize(kChunkBytes);
    parser.get().body().data = chunk.data();
    parser.get().body().size = chunk.size();
    stream_.expires_after(kTransferTimeout);
    auto [error, got] = co_await bhttp::async_read_some(stream_, buffer_, parser, kTuple);
    if (error == bhttp::error::need_buffer) error = {};
    chunk.resize(kChunkBytes - parser.get().body().size);
    co_return !error;
  }

  asio::awaitable<void> write_continue() {
    bhttp::response<bhttp::empty_body> out(bhttp::status::continue_, 11);
    co_await bhttp::async_write(stream_, out, kTuple);
  }

  asio::awaitable<void> refuse_unparsed(beast::error_code error) {
    Request request;
    request.request_id = "req-" + new_uuid();
    request.path = "(unreadable)";
    const bool large = error == bhttp::error::header_limit || error == bhttp::error::buffer_overflow;
    co_await write_refusal(ErrorCode::kBadRequest,
                           large ? "The headers are too large." : "The request is not HTTP/1.1.", request,
                           false);
  }

  // The error is made here, not in the awaiting expression: gcc 12 destroys an aggregate that is made there
  // twice.
  asio::awaitable<bool> write_refusal(ErrorCode code, const char* message, const Request& request,
                                      bool keep) {
    Error error;
    error.code = code;
    error.message = message;
    Response response = dispatcher_.refuse(error, request);
    co_return co_await write(std::move(response), request, keep);
  }

  template <typename Body>
  static void set_headers(bhttp::response<Body>& out, const Response& response, bool keep) {
    out.version(11);
    out.result(static_cast<unsigned>(response.status));
    for (const auto& [name, value] : response.headers) out.set(name, value);
    out.keep_alive(keep);
  }

  asio::awaitable<bool> write(Response response, const Request& request, bool keep) {
    log(response, request);
    stream_.expires_after(kTransferTimeout);
    if (response.source) co_return co_await write_source(response, request, keep);
    bhttp::response<bhttp::string_body> out;
    set_headers(out, response, keep);
    if (!response.content_type.empty()) {
      out.body() = std::move(response.text);
      out.set(bhttp::field::content_type, response.content_type);
    } else if (!response.body.is_null()) {
      out.body() = dump_json(response.body);
      if (out.find(bhttp::field::content_type) == out.end())
        out.set(bhttp::field::content_type, "application/json");
    }
    const bool no_body = response.status == 204 || response.status == 304;
    if (!no_body) out.content_length(out.body().size());
    if (request.method == Method::kHead) out.body().clear();  // its length stays
    auto [error, sent] = co_await bhttp::async_write(stream_, out, kTuple);
    co_return keep && !error;
  }

  asio::awaitable<bool> write_source(Response& response, const Request& request, bool keep) {
    bhttp::response<bhttp::buffer_body> out;
    set_headers(out, response, keep);
    out.set(bhttp::field::content_type,
            response.content_type.empty() ? "application/octet-stream" : response.content_type);
    if (response.source_bytes) {
      out.content_length(*response.source_bytes);
    } else {
      out.chunked(true);
    }
    out.body().more = request.method != Method::kHead;
    out.body().data = nullptr;
    bhttp::response_serializer<bhttp::buffer_body> serializer(out);
    auto [header_error, header_sent] = co_await bhttp::async_write_header(stream_, serializer, kTuple);
    if (header_error || request.method == Method::kHead) co_return keep && !header_error;
    std::string chunk(kChunkBytes, '\0');
    while (true) {
      // optional: co_spawn wants a type with a default
      const auto read = co_await asio::co_spawn(
          services_.workers,
          [&]() -> asio::awaitable<std::optional<Result<std::size_t>>> {
            co_return response.source(chunk.data(), chunk.size());
          },
          asio::use_awaitable);
      const Result<std::size_t>& got = *read;
      if (!got.ok()) {  // the status is sent: breaking the connection is the only way left to say that it is
                        // not whole
        spdlog::error("[{}] the answer was cut off: {}", request.request_id, got.error().message);
        co_return false;
      }
      out.body().data = *got == 0 ? nullptr : chunk.data();
      out.body().size = *got;
      out.body().more = *got != 0;
      stream_.expires_after(kTransferTimeout);
      auto [error, sent] = co_await bhttp::async_write(stream_, serializer, kTuple);
      if (error == bhttp::error::need_buffer) error = {};
      if (error) co_return false;
      if (*got == 0) co_return keep;
    }
  }

  void log(const Response& response, const Request& request) const {
    const auto took = std::chrono::steady_clock::now() - started_;
    const std::string global = request.header("X-Openstack-Request-Id");
    spdlog::info("[{}] {} {} {} {} {:.1f} ms{}{}", request.request_id, dispatcher_.service().name,
                 method_name(request.method), request.path.substr(0, 256), response.status,
                 std::chrono::duration<double, std::milli>(took).count(),
                 is_request_id(global) ? " global " : "", is_request_id(global) ? global : "");
  }

  Stream stream_;
  beast::flat_buffer buffer_{kMaxHeaderBytes + kChunkBytes};
  const Dispatcher& dispatcher_;
  const std::string& authority_;  // host:port for links when the client names none
  Services services_;
  std::size_t drained_ = 0;
  std::chrono::steady_clock::time_point started_{};
};

class BeastServer final : public Server {
 public:
  explicit BeastServer(const ServerSettings& settings) : workers_(settings.workers), signals_(io_) {
    if (!settings.stop_on_signals) return;
    signals_.add(SIGTERM);
    signals_.add(SIGINT);
    signals_.async_wait([this](beast::error_code error, int) {
      if (!error) begin_stop();
    });
  }

  Status add(const Listener& listener) {
    auto door = std::make_unique<Door>(Door{asio::basic_socket_acceptor<asio::generic::stream_protocol>(io_),
                                            listener.dispatcher, authority_of(listener), listener.port});
    beast::error_code error;
    if (listener.address.rfind(kUnixPrefix, 0) == 0) {
      error = open_unix(*door, listener.address.substr(kUnixPrefix.size()));
    } else {
      const auto address = asio::ip::make_address(listener.address, error);
      if (error) return bad_request("listen address '" + listener.address + "' is not an IP address");
      error = open_tcp(*door, tcp::endpoint(address, listener.port));
    }
    if (error) {
      return unavailable(fmt::format("{} cannot listen on {}: {}", listener.dispatcher->service().name,
                                     door->authority, error.message()));
    }
    doors_.push_back(std::move(door));
    return {};
  }

  void run() override {
    for (auto& door : doors_) asio::co_spawn(io_, accept(*door), asio::detached);
    io_.run();
    workers_.join();
  }

  void stop() override {
    asio::post(io_, [this] { begin_stop(); });
  }

  [[nodiscard]] std::vector<std::uint16_t> ports() const override {
    std::vector<std::uint16_t> out;
    for (const auto& door : doors_) out.push_back(door->port);
    return out;
  }

 private:
  struct Door {
    asio::basic_socket_acceptor<asio::generic::stream_protocol> acceptor;
    std::shared_ptr<const Dispatcher> dispatcher;
    std::string authority;
    std::uint16_t port;
  };

  static std::string authority_of(const Listener& listener) {
    if (listener.address.rfind(kUnixPrefix, 0) == 0) return listener.address.substr(kUnixPrefix.size());
    const bool v6 = listener.address.find(':') != std::string::npos;
    return fmt::format("{}{}{}:{}", v6 ? "[" : "", listener.address, v6 ? "]" : "", listener.port);
  }

  static beast::error_code open_tcp(Door& door, const tcp::endpoint& endpoint) {
    beast::error_code error;
    door.acceptor.open(endpoint.protocol(), error);
    if (!error) door.acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) door.acceptor.bind(endpoint, error);
    if (!error) door.acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (!error && door.port == 0) {
      tcp::endpoint given;
      const auto local = door.acceptor.local_endpoint();
      std::memcpy(given.data(), local.data(), local.size());
      door.port = given.port();
    }
    return error;
  }

  // Mode 0600 before the first client can come. A socket file that a killed server left is replaced.
  static beast::error_code open_unix(Door& door, const std::string& path) {
    beast::error_code error;
    if (path.size() >= sizeof(sockaddr_un::sun_path)) return make_error_code(beast::errc::filename_too_long);
    unlink(path.c_str());
    const LocalProtocol::endpoint endpoint(path);
    door.acceptor.open(endpoint.protocol(), error);
    if (!error && fchmod(door.acceptor.native_handle(), 0600) != 0)
      error.assign(errno, beast::system_category());
    if (!error) door.acceptor.bind(endpoint, error);
    if (!error && chmod(path.c_str(), 0600) != 0) error.assign(errno, beast::system_category());
    if (!error) door.acceptor.listen(asio::socket_base::max_listen_connections, error);
    return error;
  }

  asio::awaitable<void> accept(Door& door) {
    while (door.acceptor.is_open()) {
      auto [error, socket] = co_await door.acceptor.async_accept(kTuple);
      if (error || stopping_) {
        if (error == asio::error::operation_aborted || stopping_) co_return;
        asio::steady_timer pause(io_, std::chrono::milliseconds(20));  // out of descriptors: others may end
        co_await pause.async_wait(kTuple);
        continue;
      }
      if (connections_.size() >= kMaxConnections) continue;  // closes it
      beast::error_code ignored;
      if (door.authority.front() != '/') socket.set_option(tcp::no_delay(true), ignored);
      asio::co_spawn(io_, serve(std::move(socket), door), asio::detached);
    }
  }

  asio::awaitable<void> serve(Socket socket, const Door& door) {
    Connection connection(std::move(socket), *door.dispatcher, door.authority,
                          Services{io_, workers_, in_flight_});
    connections_.insert(&connection);
    co_await connection.serve();
    connections_.erase(&connection);
  }

  void begin_stop() {
    if (stopping_) return;
    stopping_ = true;
    beast::error_code ignored;
    signals_.cancel(ignored);
    for (auto& door : doors_) door->acceptor.close(ignored);
    asio::co_spawn(io_, finish(), asio::detached);
  }

  // Running requests end by themselves; after a while those whose clients stall are cut off, so that their
  // handlers end too. Idle keep-alive connections hold nobody.
  asio::awaitable<void> finish() {
    for (int round = 0; round < 2; ++round) {
      const auto deadline = std::chrono::steady_clock::now() + kStopTimeout;
      asio::steady_timer tick(io_);
      while (in_flight_ > 0 && std::chrono::steady_clock::now() < deadline) {
        tick.expires_after(std::chrono::milliseconds(5));
        co_await tick.async_wait(kTuple);
      }
      if (in_flight_ == 0) break;
      spdlog::warn("http: {} requests did not end within {} s", in_flight_, kStopTimeout.count());
      for (Connection* connection : connections_) connection->cut_off();
    }
    io_.stop();
  }

  asio::io_context io_{1};
  asio::thread_pool workers_;
  asio::signal_set signals_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::set<Connection*> connections_;
  unsigned in_flight_ = 0;
  bool stopping_ = false;
};

}  // namespace

Result<std::unique_ptr<Server>> make_server(const std::vector<Listener>& listeners,
                                            const ServerSettings& settings) {
  auto server = std::make_unique<BeastServer>(settings);
  for (const Listener& listener : listeners) HANOK_CHECK(server->add(listener));
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace hanok::http
