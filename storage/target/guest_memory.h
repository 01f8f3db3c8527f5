#pragma once
// The guest's memory as the front end shares it: regions of guest physical addresses, mapped here. What lies
// outside of them does not exist; every access is checked. Not thread-safe against replacing the table.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hanok::storage::target {

struct MemoryRegion {
  std::uint64_t guest_address = 0;
  std::uint64_t size_bytes = 0;
  std::byte* host = nullptr;  // not owned; mapped for as long as the table is in use
};

class GuestMemory {
 public:
  GuestMemory() = default;
  explicit GuestMemory(std::vector<MemoryRegion> regions) : regions_(std::move(regions)) {}

  // Whether all of [address, address + length) is there; it may span regions that adjoin.
  [[nodiscard]] bool contains(std::uint64_t address, std::uint64_t length) const;
  // Copies; false when a part is outside (what was before it has been copied).
  [[nodiscard]] bool read(std::uint64_t address, void* out, std::size_t length) const;
  [[nodiscard]] bool write(std::uint64_t address, const void* data, std::size_t length) const;

 private:
  template <typename Visit>
  bool for_parts(std::uint64_t address, std::uint64_t length, Visit&& visit) const;

  std::vector<MemoryRegion> regions_;
};

}  // namespace hanok::storage::target
