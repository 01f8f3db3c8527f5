#pragma once
// The bytes of an image in memory: what was never written takes none and reads as zeroes.

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>

namespace hanok::storage {

class SparseBytes {
 public:
  static constexpr std::uint64_t kBlock_bytes = 4096;

  [[nodiscard]] std::uint64_t size() const { return size_; }
  void clear() { blocks_.clear(); }  // all zeroes; the size stays
  // What is cut off is zeroes if the size grows again.
  void resize(std::uint64_t size) {
    if (size < size_) {
      blocks_.erase(blocks_.lower_bound((size + kBlock_bytes - 1) / kBlock_bytes), blocks_.end());
      if (const auto last = blocks_.find(size / kBlock_bytes); last != blocks_.end()) {
        std::fill(last->second.begin() + static_cast<std::ptrdiff_t>(size % kBlock_bytes), last->second.end(),
                  '\0');
      }
    }
    size_ = size;
  }
  // Grows as far as it must.
  void write(std::uint64_t offset, const char* data, std::size_t length) {
    size_ = std::max(size_, offset + length);
    for_pieces(offset, length, [&](std::uint64_t block, std::size_t at, std::size_t done, std::size_t piece) {
      std::string& bytes = blocks_.try_emplace(block, kBlock_bytes, '\0').first->second;
      std::copy_n(data + done, piece, bytes.begin() + static_cast<std::ptrdiff_t>(at));
    });
  }
  // How many bytes there were before the end.
  std::size_t read(std::uint64_t offset, char* out, std::size_t length) const {
    if (offset >= size_) return 0;
    length = static_cast<std::size_t>(std::min<std::uint64_t>(length, size_ - offset));
    for_pieces(offset, length, [&](std::uint64_t block, std::size_t at, std::size_t done, std::size_t piece) {
      const auto found = blocks_.find(block);
      if (found == blocks_.end()) {
        std::fill_n(out + done, piece, '\0');
      } else {
        found->second.copy(out + done, piece, at);
      }
    });
    return length;
  }
  [[nodiscard]] bool starts_with(const std::string& text) const {
    std::string begin(text.size(), '\0');
    return read(0, begin.data(), begin.size()) == text.size() && begin == text;
  }
  // Calls `take(offset)` for each block that holds anything but zeroes, in order.
  template <typename Take>
  void for_blocks(const Take& take) const {
    for (const auto& [block, bytes] : blocks_) {
      if (bytes.find_first_not_of('\0') != std::string::npos) take(block * kBlock_bytes);
    }
  }

 private:
  template <typename Piece>
  static void for_pieces(std::uint64_t offset, std::size_t length, const Piece& piece) {
    for (std::size_t done = 0; done < length;) {
      const std::size_t at = (offset + done) % kBlock_bytes;
      const std::size_t part = std::min(length - done, kBlock_bytes - at);
      piece((offset + done) / kBlock_bytes, at, done, part);
      done += part;
    }
  }

  std::uint64_t size_ = 0;
  std::map<std::uint64_t, std::string> blocks_;  // by their number, whole
};

}  // namespace hanok::storage
