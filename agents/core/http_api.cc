// The only file of the agent that sees Boost.
#include <fmt/format.h>

#include <atomic>
#include <boost/asio/connect.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>

#include "agents/core/api.h"

namespace hanok::agent {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Stream = beast::basic_stream<asio::generic::stream_protocol>;
using Endpoint = asio::generic::stream_protocol::endpoint;

constexpr std::uint64_t kMaxReplyBytes = 256U << 20U;
constexpr std::size_t kMaxUnixPath = 107;

struct Target {
  std::string unix_path;  // or
  std::string host, port;
};

ErrorCode code_of(unsigned status) {
  switch (status) {
    case 400:
      return ErrorCode::kBadRequest;
    case 401:
      return ErrorCode::kUnauthorized;
    case 403:
      return ErrorCode::kForbidden;
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return ErrorCode::kConflict;
    case 413:
      return ErrorCode::kTooLarge;
    case 503:
      return ErrorCode::kUnavailable;
    default:
      return ErrorCode::kInternal;
  }
}

class HttpApi final : public Api {
 public:
  HttpApi(Target target, std::string token) : target_(std::move(target)), token_(std::move(token)) {}

  Result<Json> call(const std::string& verb, const std::string& target, const Json& body,
                    std::int64_t timeout_ms) override {
    if (cancelled_) return unavailable("the agent is stopping");
    const bool reused = stream_.has_value();
    auto reply = exchange(verb, target, body, timeout_ms);
    // A kept connection may have been closed by the server meanwhile: once more on a fresh one. All calls of
    // the protocol are idempotent.
    if (!reply.ok() && reused && !cancelled_ && reply.error().code == ErrorCode::kUnavailable) {
      reply = exchange(verb, target, body, timeout_ms);
    }
    return reply;
  }

  void cancel() override {
    cancelled_ = true;
    asio::post(io_, [this] {
      if (stream_) stream_->cancel();
    });
  }

 private:
  // Runs what was started until done; the stream's own timer bounds it.
  beast::error_code run(const beast::error_code& outcome) {
    if (cancelled_ && stream_) stream_->cancel();
    io_.restart();
    io_.run();
    return outcome;
  }

  Result<std::vector<Endpoint>> endpoints() {
    if (!target_.unix_path.empty()) {
      return std::vector<Endpoint>{asio::local::stream_protocol::endpoint(target_.unix_path)};
    }
    asio::ip::tcp::resolver resolver(io_);
    beast::error_code error;
    std::vector<Endpoint> out;
    for (const auto& entry : resolver.resolve(target_.host, target_.port, error))
      out.push_back(entry.endpoint());
    if (error) return unavailable(fmt::format("{}: {}", target_.host, error.message()));
    return out;
  }

  Status open(std::int64_t timeout_ms) {
    if (stream_) return {};
    HANOK_TRY(candidates, endpoints());
    beast::error_code outcome = asio::error::host_unreachable;
    for (const auto& endpoint : candidates) {
      stream_.emplace(io_);
      stream_->expires_after(std::chrono::milliseconds(timeout_ms));
      stream_->async_connect(endpoint, [&](beast::error_code error) { outcome = error; });
      if (!run(outcome)) return {};
    }
    stream_.reset();
    return unavailable("cannot connect to hanok-api: " + outcome.message());
  }

  Result<Json> exchange(const std::string& verb, const std::string& target, const Json& body,
                        std::int64_t timeout_ms) {
    HANOK_CHECK(open(timeout_ms));
    http::request<http::string_body> request(verb == "GET" ? http::verb::get : http::verb::post, target, 11);
    request.set(http::field::host, target_.unix_path.empty() ? target_.host : "localhost");
    request.set(http::field::authorization, "Bearer " + token_);
    if (!body.is_null()) {
      request.set(http::field::content_type, "application/json");
      request.body() = dump_json(body);
    }
    request.prepare_payload();

    beast::error_code outcome;
    stream_->expires_after(std::chrono::milliseconds(timeout_ms));
    http::async_write(*stream_, request, [&](beast::error_code error, std::size_t) { outcome = error; });
    if (run(outcome)) return broken(outcome);

    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(kMaxReplyBytes);
    http::async_read(*stream_, buffer, parser,
                     [&](beast::error_code error, std::size_t) { outcome = error; });
    if (run(outcome)) return broken(outcome);
    if (!parser.get().keep_alive()) stream_.reset();
    return decode(parser.get().result_int(), parser.get().body());
  }

  Error broken(const beast::error_code& error) {
    stream_.reset();
    if (error == beast::error::timeout) return Error{ErrorCode::kTimeout, "hanok-api gave no answer in time"};
    return unavailable("connection to hanok-api broke: " + error.message());
  }

  static Result<Json> decode(unsigned status, const std::string& text) {
    if (status >= 300) {
      return Error{code_of(status), fmt::format("hanok-api answered {}: {}", status, text.substr(0, 300))};
    }
    if (text.empty()) return Json::object();
    return parse_json(text, 128);
  }

  Target target_;
  std::string token_;
  std::atomic<bool> cancelled_ = false;
  asio::io_context io_{1};
  std::optional<Stream> stream_;
};

Result<Target> parse_address(const std::string& address) {
  if (address.starts_with("unix:")) {
    Target out{address.substr(5), {}, {}};
    if (out.unix_path.empty() || out.unix_path.size() > kMaxUnixPath) {
      return bad_request("api: the socket path must have 1 to 107 characters");
    }
    return out;
  }
  constexpr std::string_view kScheme = "http://";
  const std::size_t colon = address.rfind(':');
  if (!address.starts_with(kScheme) || colon < kScheme.size()) {
    return bad_request("api: expected unix:/path/to/socket or http://host:port, not '" + address + "'");
  }
  Target out{{}, address.substr(kScheme.size(), colon - kScheme.size()), address.substr(colon + 1)};
  while (out.port.ends_with('/')) out.port.pop_back();
  if (out.host.empty() || out.port.empty()) return bad_request("api: host and port are needed: " + address);
  return out;
}

}  // namespace

Result<ApiFactory> http_api(const std::string& address, const std::string& token) {
  HANOK_TRY(target, parse_address(address));
  return ApiFactory([target, token] { return std::make_unique<HttpApi>(target, token); });
}

}  // namespace hanok::agent
