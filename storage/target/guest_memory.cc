#include "storage/target/guest_memory.h"

#include <algorithm>
#include <cstring>

namespace hanok::storage::target {

template <typename Visit>
bool GuestMemory::for_parts(std::uint64_t address, std::uint64_t length, Visit&& visit) const {
  while (length > 0) {
    const auto found = std::find_if(regions_.begin(), regions_.end(), [&](const MemoryRegion& region) {
      return address >= region.guest_address && address - region.guest_address < region.size_bytes;
    });
    if (found == regions_.end()) return false;
    const std::uint64_t offset = address - found->guest_address;
    const std::uint64_t part = std::min(length, found->size_bytes - offset);
    visit(found->host + offset, static_cast<std::size_t>(part));
    address += part;  // may wrap to 0 only with a region that ends at 2^64; then it is looked up again
    length -= part;
  }
  return true;
}

bool GuestMemory::contains(std::uint64_t address, std::uint64_t length) const {
  return for_parts(address, length, [](std::byte*, std::size_t) {});
}

bool GuestMemory::read(std::uint64_t address, void* out, std::size_t length) const {
  auto* to = static_cast<std::byte*>(out);
  return for_parts(address, length, [&](const std::byte* host, std::size_t part) {
    std::memcpy(to, host, part);
    to += part;
  });
}

bool GuestMemory::write(std::uint64_t address, const void* data, std::size_t length) const {
  const auto* from = static_cast<const std::byte*>(data);
  return for_parts(address, length, [&](std::byte* host, std::size_t part) {
    std::memcpy(host, from, part);
    from += part;
  });
}

}  // namespace hanok::storage::target
