#pragma once
// A virtio-blk request (virtio 1.2, 5.2.6) out of a chain of buffers: header, data, one status byte at the
// end. Buffers may be cut anywhere (VIRTIO_F_VERSION_1). Pure: no I/O.

#include <string>

#include "storage/target/ring.h"

namespace hanok::storage::target {

inline constexpr std::uint32_t kSectorBytes = 512;
inline constexpr std::uint64_t kMaxData_bytes = 16U << 20U;         // of one read or write
inline constexpr std::uint64_t kMaxDiscardSectors = 1U << 22U;      // 2 GiB in one request
inline constexpr std::uint64_t kMaxWriteZeroesSectors = 1U << 22U;  // as announced in the config space
inline constexpr std::size_t kIdBytes = 20;

enum class BlkStatus : std::uint8_t { kOk = 0, kIoError = 1, kUnsupported = 2 };  // as the guest reads it
enum class BlkType : std::uint8_t { kRead, kWrite, kFlush, kGetId, kDiscard, kWriteZeroes };
inline constexpr std::size_t kBlkTypes = 6;
[[nodiscard]] std::string_view to_string(BlkType type);

// Why a request is answered without being done; each is a counter.
enum class BlkRefusal : std::uint8_t {
  kNone,
  kShortHeader,
  kUnknownType,
  kNotSectors,  // data is no whole number of sectors
  kBeyondEnd,   // of the volume
  kTooLarge,    // over kMaxData_bytes or the announced limits
  kReadOnly,
  kBadSegment,  // discard or write zeroes: wrong length, count or flags
  kCount
};
inline constexpr std::size_t kBlkRefusals = static_cast<std::size_t>(BlkRefusal::kCount);
[[nodiscard]] std::string_view to_string(BlkRefusal refusal);

struct BlkLimits {
  std::uint64_t size_bytes = 0;
  bool read_only = false;
};

struct BlkRequest {
  BlkType type = BlkType::kRead;
  std::uint64_t offset_bytes = 0;
  std::uint64_t length_bytes = 0;  // of the data, or of the range to discard or zero
  bool may_unmap = false;          // write zeroes
  std::uint64_t data_at = 0;       // of a write: where its data starts in the readable bytes
  BlkRefusal refusal = BlkRefusal::kNone;
};

// False: there is no place for a status byte, so the guest cannot even be told.
[[nodiscard]] bool parse_request(const GuestMemory& memory, const Chain& chain, const BlkLimits& limits,
                                 BlkRequest& request);
[[nodiscard]] BlkStatus status_of(BlkRefusal refusal);

// Copies between the chain's readable (guest to us) or writable (us to guest) bytes, from `at` on. False when
// a buffer is not in the guest's memory any more or the chain is shorter.
[[nodiscard]] bool gather(const GuestMemory& memory, const Chain& chain, std::uint64_t at, std::byte* out,
                          std::uint64_t length);
[[nodiscard]] bool scatter(const GuestMemory& memory, const Chain& chain, std::uint64_t at,
                           const std::byte* data, std::uint64_t length);
// Writes the status into the chain's last byte.
[[nodiscard]] bool put_status(const GuestMemory& memory, const Chain& chain, BlkStatus status);

}  // namespace hanok::storage::target
