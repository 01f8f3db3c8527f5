#pragma once
// MD5 (Glance's checksum) and SHA-512 (its os_hash_value) of a stream, and the virtual size that its header
// tells.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace hanok::image {

class StreamDigest {
 public:
  StreamDigest();
  ~StreamDigest();
  StreamDigest(const StreamDigest&) = delete;
  StreamDigest& operator=(const StreamDigest&) = delete;

  void update(const char* data, std::size_t length);
  struct Sums {
    std::string md5, sha512;  // hexadecimal
  };
  [[nodiscard]] Sums finish();  // once

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Size of the disk inside, from the first bytes of a qcow2 file; nullopt when it is none.
[[nodiscard]] std::optional<std::uint64_t> qcow2_virtual_size(std::string_view header);

}  // namespace hanok::image
