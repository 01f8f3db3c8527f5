#include "storage/rbd/cluster.h"
#include "tests/storage/rbd/model_disk.h"

namespace hanok::storage::testing {
namespace {

Status outcome(std::int64_t code, const char* what) {
  return code < 0 ? Status(rbd_error(static_cast<int>(code), what)) : Status();
}

class LibrbdDisk final : public ModelDisk {
 public:
  explicit LibrbdDisk(librados::IoCtx& io) : io_(io) {}

  std::uint64_t unit_bytes() const override { return 1; }
  Status open(const ImageRef& image) override {
    open_ = image;
    image_ = std::make_unique<librbd::Image>();
    return outcome(librbd::RBD().open(io_, *image_, image.name.c_str(), nullptr), "open");
  }
  Status close() override {
    image_.reset();
    return {};
  }
  Result<std::string> read(std::uint64_t offset, std::size_t length) override {
    ceph::bufferlist list;
    HANOK_CHECK(outcome(image_->read(offset, length, list), "read"));
    return list.to_str();
  }
  Status write(std::uint64_t offset, const std::string& data) override {
    ceph::bufferlist list;
    list.append(data.data(), static_cast<unsigned>(data.size()));
    return outcome(image_->write(offset, data.size(), list), "write");
  }
  Status discard(std::uint64_t offset, std::size_t length) override {
    return outcome(image_->discard(offset, length), "discard");
  }
  Status write_zeroes(std::uint64_t offset, std::size_t length) override {
    return outcome(image_->write_zeroes(offset, length, 0, 0), "write zeroes");
  }
  Status resized(std::uint64_t size_bytes) override {
    return eventually([&]() -> Status {
      std::uint64_t size = 0;
      HANOK_CHECK(outcome(image_->size(&size), "size"));
      return size == size_bytes ? Status() : unavailable("the old size still: " + std::to_string(size));
    });
  }
  Status die_during(const Writes& writes, std::uint64_t) override {
    for (const auto& [offset, data] : writes) HANOK_CHECK(write(offset, data));
    HANOK_CHECK(close());
    return open(open_);
  }

 private:
  librados::IoCtx& io_;
  ImageRef open_;
  std::unique_ptr<librbd::Image> image_;
};

}  // namespace

std::unique_ptr<ModelDisk> librbd_disk(librados::IoCtx& io) {
  return std::make_unique<LibrbdDisk>(io);
}

}  // namespace hanok::storage::testing
