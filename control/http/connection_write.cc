// Answers: writing is half of the templates of a connection, and its own translation unit.
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "common/log.h"
#include "control/http/connection.h"

namespace hanok::http {
namespace {

namespace asio = boost::asio;
namespace bhttp = boost::beast::http;

// Every answer is written through this one body: each kind of body would be instantiated anew.
using Answer = bhttp::response<bhttp::buffer_body>;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

Answer start_of(const Response& response, bool keep) {
  Answer out;
  out.version(11);
  out.result(static_cast<unsigned>(response.status));
  for (const auto& [name, value] : response.headers) out.set(name, value);
  out.keep_alive(keep);
  return out;
}

void set_body(Answer& out, char* data, std::size_t size, bool more) {
  out.body().data = size == 0 ? nullptr : data;
  out.body().size = size;
  out.body().more = more;
}

}  // namespace

asio::awaitable<void> Connection::write_continue() {
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  co_await asio::async_write(stream_, asio::buffer(kContinue), kTuple);
}

// What is in the serializer's body so far, and the header if it has not gone yet.
asio::awaitable<bool> Connection::send(Serializer& serializer) {
  stream_.expires_after(kTransferTimeout);
  auto [error, sent] = co_await bhttp::async_write(stream_, serializer, kTuple);
  co_return !error || error == bhttp::error::need_buffer;
}

asio::awaitable<bool> Connection::write(Response response, const Request& request, bool keep) {
  log(response, request);
  if (response.source) co_return co_await write_source(response, request, keep);
  Answer out = start_of(response, keep);
  std::string text;
  if (!response.content_type.empty()) {
    text = std::move(response.text);
    out.set(bhttp::field::content_type, response.content_type);
  } else if (!response.body.is_null()) {
    text = dump_json(response.body);
    if (out.find(bhttp::field::content_type) == out.end())
      out.set(bhttp::field::content_type, "application/json");
  }
  const bool no_body = response.status == 204 || response.status == 304;
  if (!no_body) out.content_length(text.size());
  if (request.method == Method::kHead) text.clear();  // its length stays
  set_body(out, text.data(), text.size(), false);
  Serializer serializer(out);
  if (!co_await send(serializer)) co_return false;
  co_return keep;
}

asio::awaitable<bool> Connection::write_source(Response& response, const Request& request, bool keep) {
  const bool head = request.method == Method::kHead;
  Answer out = start_of(response, keep);
  out.set(bhttp::field::content_type,
          response.content_type.empty() ? "application/octet-stream" : response.content_type);
  if (response.source_bytes) {
    out.content_length(*response.source_bytes);
  } else {
    out.chunked(true);
  }
  set_body(out, nullptr, 0, !head);
  Serializer serializer(out);
  stream_.expires_after(kTransferTimeout);
  const auto [error, sent] = co_await bhttp::async_write_header(stream_, serializer, kTuple);
  if (error || head) co_return keep && !error;
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
    if (!got.ok()) {
      // The status is sent: only a broken connection still says that the answer is not whole.
      spdlog::error("[{}] the answer was cut off: {}", request.request_id, got.error().message);
      co_return false;
    }
    set_body(out, chunk.data(), *got, *got != 0);
    const bool went = co_await send(serializer);
    if (!went) co_return false;
    if (*got == 0) co_return keep;
  }
}

}  // namespace hanok::http
