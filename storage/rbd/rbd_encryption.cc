// LUKS headers and encrypted images, by librbd's own encryption.
#include "storage/rbd/rbd_image.h"

namespace hanok::storage {
namespace {

template <typename Options>
Options options_of(const Encryption& encryption) {
  Options out;
  out.alg =
      encryption.cipher == "aes-128" ? RBD_ENCRYPTION_ALGORITHM_AES128 : RBD_ENCRYPTION_ALGORITHM_AES256;
  out.passphrase = encryption.passphrase;
  return out;
}

// `call` with the format and its options, which are a type each.
template <typename Call>
Status with_options(const Encryption& encryption, const std::string& what, const Call& call) {
  int code = -EINVAL;
  if (encryption.format == "luks1") {
    auto options = options_of<librbd::encryption_luks1_format_options_t>(encryption);
    code = call(RBD_ENCRYPTION_FORMAT_LUKS1, &options, sizeof(options));
  } else if (encryption.format == "luks2") {
    auto options = options_of<librbd::encryption_luks2_format_options_t>(encryption);
    code = call(RBD_ENCRYPTION_FORMAT_LUKS2, &options, sizeof(options));
  }
  return code < 0 ? Status(rbd_error(code, what)) : Status();
}

class RbdPlainView final : public PlainView {
 public:
  RbdPlainView(std::unique_ptr<OpenImage> open, std::string name, std::uint64_t size_bytes)
      : open_(std::move(open)), name_(std::move(name)), size_bytes_(size_bytes) {}
  std::uint64_t size_bytes() const override { return size_bytes_; }
  Status read(std::uint64_t offset, char* out, std::size_t length) override {
    ceph::bufferlist bytes;
    const ssize_t got = open_->image.read(offset, length, bytes);
    if (got < 0) return rbd_error(static_cast<int>(got), "Read of " + name_);
    if (static_cast<std::size_t>(got) != length)
      return bad_request(name_ + ": the read goes beyond its end.");
    bytes.begin().copy(static_cast<unsigned>(got), out);
    return {};
  }
  Status write(std::uint64_t offset, const char* data, std::size_t length) override {
    ceph::bufferlist bytes;
    bytes.append(data, static_cast<unsigned>(length));
    const ssize_t done = open_->image.write(offset, length, bytes);
    return done < 0 ? Status(rbd_error(static_cast<int>(done), "Write to " + name_)) : Status();
  }
  Status flush() override {
    const int code = open_->image.flush();
    return code < 0 ? Status(rbd_error(code, "Flush of " + name_)) : Status();
  }

 private:
  const std::unique_ptr<OpenImage> open_;
  const std::string name_;
  const std::uint64_t size_bytes_;
};

}  // namespace

Status encrypt_image(Cluster& cluster, const ImageRef& image, const Encryption& encryption) {
  HANOK_TRY(open, open_image(cluster, image, OpenMode::kReadWrite));
  std::uint64_t raw_bytes = 0, size_bytes = 0;
  open->image.size(&raw_bytes);
  HANOK_CHECK(with_options(encryption, "Encryption of " + display(image),
                           [&](librbd::encryption_format_t format, void* options, std::size_t length) {
                             return open->image.encryption_format(format, options, length);
                           }));
  open->image.size(&size_bytes);
  if (raw_bytes - size_bytes == header_bytes(encryption.format)) return {};
  return bad_request("Encryption of " + display(image) + ": a header of " +
                     std::to_string(raw_bytes - size_bytes) +
                     " bytes, which is not what volumes are made for.");
}

Result<std::unique_ptr<PlainView>> open_plain(Cluster& cluster, const ImageRef& image,
                                              const Encryption& encryption) {
  HANOK_TRY(open, open_image(cluster, image, OpenMode::kReadWrite));
  HANOK_CHECK(with_options(encryption, "Encrypted image " + display(image),
                           [&](librbd::encryption_format_t format, void* options, std::size_t length) {
                             return open->image.encryption_load(format, options, length);
                           }));
  std::uint64_t size_bytes = 0;
  open->image.size(&size_bytes);
  return std::unique_ptr<PlainView>(
      std::make_unique<RbdPlainView>(std::move(open), display(image), size_bytes));
}

}  // namespace hanok::storage
