#include "storage/rbd/quiesce_watch.h"

#include <endian.h>

#include <cstring>
#include <optional>

namespace hanok::storage {
namespace {

// NotifyMessage: version, compat (8 bits each), length, operation (32 bits each), and the request's id.
constexpr std::size_t kOperation_at = 6, kRequest_at = 10;
constexpr std::uint32_t kQuiesce = 18;

std::optional<QuiesceWatch::Request> quiesce_of(librados::bufferlist& message) {
  QuiesceWatch::Request request{};
  if (message.length() < kRequest_at + sizeof(request)) return std::nullopt;
  const char* bytes = message.c_str();
  std::uint32_t operation = 0;
  std::memcpy(&operation, bytes + kOperation_at, sizeof(operation));
  if (le32toh(operation) != kQuiesce) return std::nullopt;
  std::memcpy(request.data(), bytes + kRequest_at, sizeof(request));
  return request;
}

// ResponseMessage: version, compat, length, result. An empty one stands for success.
librados::bufferlist response(int code) {
  librados::bufferlist out;
  if (code == 0) return out;
  const std::uint32_t length = htole32(sizeof(std::int32_t)),
                      result = htole32(static_cast<std::uint32_t>(code));
  out.append("\1\1", 2);
  out.append(reinterpret_cast<const char*>(&length), sizeof(length));
  out.append(reinterpret_cast<const char*>(&result), sizeof(result));
  return out;
}

}  // namespace

Status QuiesceWatch::open(const Pool& pool, const std::string& image_id) {
  pool_ = pool;
  header_ = "rbd_header." + image_id;
  if (const int code = pool_.io.watch2(header_, &cookie_, this); code < 0) {
    return rbd_error(code, "Watch of " + header_);
  }
  open_ = true;
  return {};
}

void QuiesceWatch::close() {
  if (!open_) return;
  open_ = false;
  static_cast<void>(pool_.io.unwatch2(cookie_));
  static_cast<void>(pool_.rados->watch_flush());
}

void QuiesceWatch::answer(std::uint64_t question, int code) {
  librados::bufferlist message = response(code);
  pool_.io.notify_ack(header_, question, cookie_, message);
}

void QuiesceWatch::handle_notify(std::uint64_t notify, std::uint64_t /*cookie*/, std::uint64_t /*notifier*/,
                                 librados::bufferlist& message) {
  if (const auto request = quiesce_of(message)) {
    asked_(*request, notify);
  } else {
    answer(notify, 0);
  }
}

void QuiesceWatch::handle_error(std::uint64_t /*cookie*/, int /*code*/) {
  lost_();
}

}  // namespace hanok::storage
