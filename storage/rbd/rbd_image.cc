#include "storage/rbd/rbd_image.h"

#include <algorithm>
#include <deque>
#include <vector>

namespace hanok::storage {
namespace {

constexpr std::size_t kChunk_bytes = 4U << 20U;  // the size of an RBD object: each write is one object, whole
constexpr std::size_t kInFlight = 4;
constexpr std::uint64_t kFirstSize_bytes = 64U << 20U;

bool all_zero(const std::vector<char>& bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

// Appends in whole objects, a few in flight. The image grows by doubling and gets its exact size at the end;
// blocks of zeroes are left out, so that a sparse upload stays sparse.
class RbdWriter final : public ImageWriter {
 public:
  RbdWriter(Cluster& cluster, ImageRef ref, std::unique_ptr<OpenImage> open)
      : cluster_(cluster), ref_(std::move(ref)), open_(std::move(open)) {
    buffer_.reserve(kChunk_bytes);
  }

  ~RbdWriter() override {
    static_cast<void>(drain(0));
    if (finished_) return;
    open_.reset();
    static_cast<void>(remove_image(cluster_, ref_));
  }

  Status write(const char* data, std::size_t length) override {
    while (length > 0) {
      const std::size_t part = std::min(length, kChunk_bytes - buffer_.size());
      buffer_.insert(buffer_.end(), data, data + part);
      data += part;
      length -= part;
      if (buffer_.size() == kChunk_bytes) HANOK_CHECK(flush_buffer());
    }
    return {};
  }

  Status finish() override {
    if (!buffer_.empty()) HANOK_CHECK(flush_buffer());
    HANOK_CHECK(drain(0));
    if (size_bytes_ != offset_) HANOK_CHECK(resize(offset_));
    if (const int code = open_->image.flush(); code < 0) return rbd_error(code, "Flush of " + display(ref_));
    finished_ = true;
    open_.reset();
    return {};
  }

 private:
  struct Write {
    ceph::bufferlist bytes;
    librbd::RBD::AioCompletion* completion = nullptr;
  };

  Status resize(std::uint64_t size_bytes) {
    if (const int code = open_->image.resize(size_bytes); code < 0) {
      return rbd_error(code, "Resize of " + display(ref_));
    }
    size_bytes_ = size_bytes;
    return {};
  }

  Status flush_buffer() {
    const std::uint64_t end = offset_ + buffer_.size();
    if (end > size_bytes_) {
      HANOK_CHECK(drain(0));
      HANOK_CHECK(resize(std::max({kFirstSize_bytes, size_bytes_ * 2, end})));
    }
    if (!all_zero(buffer_)) {
      HANOK_CHECK(drain(kInFlight - 1));
      auto write = std::make_unique<Write>();
      write->bytes.append(buffer_.data(), static_cast<unsigned>(buffer_.size()));
      write->completion = new librbd::RBD::AioCompletion(nullptr, nullptr);
      const int code = open_->image.aio_write(offset_, buffer_.size(), write->bytes, write->completion);
      if (code < 0) {
        write->completion->release();
        return rbd_error(code, "Write to " + display(ref_));
      }
      writes_.push_back(std::move(write));
    }
    offset_ = end;
    buffer_.clear();
    return {};
  }

  // Waits until at most `left` writes are in flight; the first error, after all that had to end has ended.
  Status drain(std::size_t left) {
    Status out;
    while (writes_.size() > left) {
      const std::unique_ptr<Write> write = std::move(writes_.front());
      writes_.pop_front();
      write->completion->wait_for_complete();
      const auto code = static_cast<int>(write->completion->get_return_value());
      write->completion->release();
      if (code < 0 && out.ok()) out = rbd_error(code, "Write to " + display(ref_));
    }
    return out;
  }

  Cluster& cluster_;
  const ImageRef ref_;
  std::unique_ptr<OpenImage> open_;
  std::vector<char> buffer_;
  std::deque<std::unique_ptr<Write>> writes_;
  std::uint64_t offset_ = 0;      // of the buffer's first byte
  std::uint64_t size_bytes_ = 0;  // of the image now
  bool finished_ = false;
};

}  // namespace

Result<std::unique_ptr<OpenImage>> open_image(Cluster& cluster, const ImageRef& image, OpenMode mode) {
  HANOK_TRY(pool, cluster.pool(image.pool));
  auto out = std::make_unique<OpenImage>();
  out->pool = std::move(pool);
  librbd::RBD rbd;
  const int code = mode == OpenMode::kReadOnly
                       ? rbd.open_read_only(out->pool.io, out->image, image.name.c_str(), nullptr)
                       : rbd.open(out->pool.io, out->image, image.name.c_str(), nullptr);
  if (code == -ESHUTDOWN) cluster.drop();
  if (code < 0) return rbd_error(code, "Image " + display(image));
  return out;
}

Result<std::unique_ptr<ImageWriter>> open_writer(Cluster& cluster, const ImageRef& image) {
  HANOK_TRY(open, open_image(cluster, image, OpenMode::kReadWrite));
  return std::unique_ptr<ImageWriter>(std::make_unique<RbdWriter>(cluster, image, std::move(open)));
}

}  // namespace hanok::storage
