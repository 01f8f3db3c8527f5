#include "control/http/connection.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/log.h"
#include "common/uuid.h"
#include "control/http/body_pipe.h"
#include "control/http/router.h"

namespace hanok::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;

constexpr auto kIdleTimeout = std::chrono::seconds(75);
constexpr std::size_t kMaxHeaderBytes = 64U << 10U;
constexpr std::size_t kMaxDrainBytes = 64U << 20U;
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

class InFlight {
 public:
  explicit InFlight(unsigned& count) : count_(count) { ++count_; }
  ~InFlight() { --count_; }
  InFlight(const InFlight&) = delete;
  InFlight& operator=(const InFlight&) = delete;

 private:
  unsigned& count_;
};

}  // namespace

Connection::Connection(Socket socket, const Dispatcher& dispatcher, const std::string& authority,
                       Services services)
    : stream_(std::move(socket)),
      buffer_(kMaxHeaderBytes + kChunkBytes),
      dispatcher_(dispatcher),
      authority_(authority),
      services_(services) {}

asio::awaitable<void> Connection::serve() {
  while (co_await serve_one()) {
  }
  beast::error_code ignored;
  stream_.socket().shutdown(asio::socket_base::shutdown_send, ignored);
}

void Connection::cut_off() {
  beast::error_code ignored;
  stream_.socket().close(ignored);
}

asio::awaitable<bool> Connection::serve_one() {
  Parser parser;
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

Request Connection::read_header(const Parser& parser) const {
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

asio::awaitable<bool> Connection::serve_text(const Dispatcher::Plan& plan, Request& request, Parser& parser) {
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

asio::awaitable<bool> Connection::serve_stream(const Dispatcher::Plan& plan, Request& request,
                                               Parser& parser) {
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
asio::awaitable<void> Connection::drain(Parser& parser) {
  std::string chunk;
  for (std::size_t total = 0; !parser.is_done() && total < kMaxDrainBytes; total += chunk.size()) {
    if (!co_await read_some(parser, chunk)) co_return;
  }
}

asio::awaitable<bool> Connection::read_some(Parser& parser, std::string& chunk) {
  chunk.resize(kChunkBytes);
  parser.get().body().data = chunk.data();
  parser.get().body().size = chunk.size();
  stream_.expires_after(kTransferTimeout);
  auto [error, got] = co_await bhttp::async_read_some(stream_, buffer_, parser, kTuple);
  if (error == bhttp::error::need_buffer) error = {};
  chunk.resize(kChunkBytes - parser.get().body().size);
  co_return !error;
}

asio::awaitable<void> Connection::refuse_unparsed(beast::error_code error) {
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
asio::awaitable<bool> Connection::write_refusal(ErrorCode code, const char* message, const Request& request,
                                                bool keep) {
  Error error;
  error.code = code;
  error.message = message;
  Response response = dispatcher_.refuse(error, request);
  co_return co_await write(std::move(response), request, keep);
}

void Connection::log(const Response& response, const Request& request) const {
  const auto took = std::chrono::steady_clock::now() - started_;
  const std::string global = request.header("X-Openstack-Request-Id");
  spdlog::info("[{}] {} {} {} {} {:.1f} ms{}{}", request.request_id, dispatcher_.service().name,
               method_name(request.method), request.path.substr(0, 256), response.status,
               std::chrono::duration<double, std::milli>(took).count(),
               is_request_id(global) ? " global " : "", is_request_id(global) ? global : "");
}

}  // namespace hanok::http
