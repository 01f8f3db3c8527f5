// The bytes of an image: streamed in and out of pool "images", never held whole. An upload that breaks off
// leaves nothing in the pool and the image `queued`.
#include <fmt/format.h>

#include <algorithm>

#include "common/log.h"
#include "control/image/context.h"
#include "control/image/digest.h"

namespace hanok::image {
namespace {

constexpr std::size_t kBlock_bytes = 1U << 20U;
constexpr std::size_t kReadBlock_bytes = 8U << 20U;
constexpr std::size_t kHeader_bytes = 512;

struct Uploaded {
  std::uint64_t bytes = 0;
  std::string head;
  StreamDigest::Sums sums;
};

Error no_storage() {
  return unavailable("The image store is not available.");
}

Status take(const Context& context, const http::Request& request, Record& out) {
  return context.database.write([&](store::Tx& tx) -> Status {
    HANOK_TRY(record, load_own(tx, request));
    if (record.status != "queued") {
      return conflict(fmt::format("Image status transition from {} to saving is not allowed", record.status));
    }
    if (!record.disk_format || !record.container_format) {
      return bad_request("Properties disk_format, container_format must be set prior to saving data.");
    }
    HANOK_CHECK(tx.execute("UPDATE images SET status = 'saving' WHERE id = ?", {record.id}));
    out = std::move(record);
    return {};
  });
}

void give_back(const Context& context, const std::string& id) {
  const Status status = context.database.write([&](store::Tx& tx) -> Status {
    HANOK_CHECK(tx.execute("UPDATE images SET status = 'queued' WHERE id = ? AND status = 'saving'", {id}));
    return {};
  });
  if (!status.ok()) spdlog::error("Image {} stays in state saving: {}", id, status.error().message);
}

// What an upload left that was cut off by a crash of this process goes first.
Result<std::unique_ptr<storage::ImageWriter>> open_writer(storage::BlockStore& blocks,
                                                          const storage::ImageRef& image) {
  auto writer = blocks.create_for_write(image);
  if (writer.ok() || writer.error().code != ErrorCode::kConflict) return writer;
  HANOK_CHECK(blocks.remove(image));
  return blocks.create_for_write(image);
}

Result<Uploaded> copy_in(http::BodyReader& body, storage::ImageWriter& writer) {
  Uploaded out;
  StreamDigest digest;
  std::vector<char> block(kBlock_bytes);
  while (true) {
    HANOK_TRY(got, body.read(block.data(), block.size()));
    if (got == 0) break;
    if (out.head.size() < kHeader_bytes)
      out.head.append(block.data(), std::min(got, kHeader_bytes - out.head.size()));
    digest.update(block.data(), got);
    HANOK_CHECK(writer.write(block.data(), got));
    out.bytes += got;
  }
  HANOK_CHECK(writer.finish());
  out.sums = digest.finish();
  return out;
}

Result<Uploaded> store_bytes(storage::BlockStore& blocks, const std::string& id, http::BodyReader& body) {
  const storage::ImageRef image{kPool, id};
  Uploaded out;
  {
    HANOK_TRY(writer, open_writer(blocks, image));
    HANOK_TRY(uploaded, copy_in(body, *writer));
    out = std::move(uploaded);
  }
  auto snapshot = blocks.create_snapshot({image, kBaseSnapshot});
  if (!snapshot.ok()) {
    static_cast<void>(blocks.remove(image));
    return snapshot.take_error();
  }
  return out;
}

Status publish(const Context& context, const Record& record, const Uploaded& uploaded) {
  const std::uint64_t virtual_bytes = record.disk_format == "qcow2"
                                          ? qcow2_virtual_size(uploaded.head).value_or(uploaded.bytes)
                                          : uploaded.bytes;
  return context.database.write([&](store::Tx& tx) -> Status {
    HANOK_TRY(changed,
              tx.execute("UPDATE images SET status = 'active', size_bytes = ?, virtual_size_bytes = ?,"
                         " checksum = ?, hash = ?, updated_us = ? WHERE id = ? AND status = 'saving'",
                         {uploaded.bytes, virtual_bytes, uploaded.sums.md5, uploaded.sums.sha512,
                          context.clock.now_us(), record.id}));
    // Else it was deleted while its bytes came in.
    return changed == 1 ? Status() : to_trash(tx, record.id);
  });
}

}  // namespace

Answer upload_image(const Context& context, http::Request& request) {
  std::string type = request.header("Content-Type");
  if (type.substr(0, type.find(';')) != "application/octet-stream") {
    return Error{ErrorCode::kUnsupportedMedia, "Image data must be application/octet-stream.", {}};
  }
  if (context.blocks == nullptr) return no_storage();
  HANOK_ASSERT(request.body != nullptr);
  Record record;
  HANOK_CHECK(take(context, request, record));
  auto uploaded = store_bytes(*context.blocks, record.id, *request.body);
  Status published;
  if (uploaded.ok()) published = publish(context, record, *uploaded);
  if (!uploaded.ok() || !published.ok()) {
    if (uploaded.ok()) static_cast<void>(context.blocks->remove({kPool, record.id}));
    give_back(context, record.id);
    Error error = uploaded.ok() ? published.take_error() : uploaded.take_error();
    spdlog::warn("[{}] upload of image {}: {}", request.request_id, record.id, error.message);
    return error.code == ErrorCode::kInternal ? unavailable("The image could not be stored.") : error;
  }
  return http::no_content();
}

Answer download_image(const Context& context, http::Request& request) {
  HANOK_TRY(record, context.database.read([&](store::Tx& tx) {
    return load_visible(tx, request.param("id"), request.caller.project_id, request.caller.is_admin);
  }));
  if (record.status == "deactivated" && !request.caller.is_admin) {
    return forbidden("The requested image has been deactivated. Image data download is forbidden.");
  }
  if (record.status == "queued" || record.status == "saving") return http::no_content();
  if (record.status != "active" && record.status != "deactivated") return not_found("The image has no data.");
  if (context.blocks == nullptr) return no_storage();
  http::Response out;
  out.content_type = "application/octet-stream";
  if (record.checksum) out.headers["Content-MD5"] = *record.checksum;
  const auto total = static_cast<std::uint64_t>(record.size_bytes.value_or(0));
  out.source_bytes = total;
  // Read in large blocks, handed out in the pieces that the connection asks for.
  struct State {
    std::vector<char> block;
    std::size_t used = 0;
    std::uint64_t offset = 0;
  };
  out.source = [blocks = context.blocks, id = record.id, total, state = std::make_shared<State>()](
                   char* to, std::size_t capacity) -> Result<std::size_t> {
    if (state->used == state->block.size()) {
      const std::uint64_t left = total - std::min(total, state->offset);
      if (left == 0) return std::size_t{0};
      state->block.resize(std::min<std::uint64_t>(kReadBlock_bytes, left));
      HANOK_TRY(got, blocks->read({kPool, id}, state->offset, state->block.data(), state->block.size()));
      if (got == 0) return internal_error("the image is shorter than its record says");
      state->block.resize(got);
      state->used = 0;
      state->offset += got;
    }
    const std::size_t part = std::min(capacity, state->block.size() - state->used);
    std::copy_n(state->block.data() + state->used, part, to);
    state->used += part;
    return part;
  };
  return out;
}

}  // namespace hanok::image
