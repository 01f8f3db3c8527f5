#include "storage/target/request.h"

#include <algorithm>
#include <cstring>

namespace hanok::storage::target {
namespace {

struct Header {
  std::uint32_t type;
  std::uint32_t reserved;
  std::uint64_t sector;
};
static_assert(sizeof(Header) == 16);

struct RangeSegment {  // of discard and write zeroes
  std::uint64_t sector;
  std::uint32_t sectors;
  std::uint32_t flags;
};
static_assert(sizeof(RangeSegment) == 16);
constexpr std::uint32_t kUnmap = 1;

enum WireType : std::uint32_t {
  kIn = 0,
  kOut = 1,
  kWireFlush = 4,
  kWireGetId = 8,
  kWireDiscard = 11,
  kWireWriteZeroes = 13
};

std::uint64_t total(const Chain& chain, bool device_writes) {
  std::uint64_t sum = 0;
  for (const Segment& segment : chain.segments) {
    if (segment.device_writes == device_writes) sum += segment.length;
  }
  return sum;
}

// Calls copy(address, done, part) for the pieces of [at, at + length) in the buffers of one direction.
template <typename Copy>
bool for_pieces(const Chain& chain, bool device_writes, std::uint64_t at, std::uint64_t length, Copy&& copy) {
  std::uint64_t done = 0;
  for (const Segment& segment : chain.segments) {
    if (done == length) return true;
    if (segment.device_writes != device_writes) continue;
    if (at >= segment.length) {
      at -= segment.length;
      continue;
    }
    const std::uint64_t part = std::min<std::uint64_t>(segment.length - at, length - done);
    if (!copy(segment.address + at, done, part)) return false;
    done += part;
    at = 0;
  }
  return done == length;
}

BlkRefusal check_range(const BlkLimits& limits, std::uint64_t sector, std::uint64_t length_bytes) {
  const std::uint64_t sectors = limits.size_bytes / kSectorBytes;
  if (sector > sectors || length_bytes / kSectorBytes > sectors - sector) return BlkRefusal::kBeyondEnd;
  return BlkRefusal::kNone;
}

BlkRefusal check_data(const BlkLimits& limits, std::uint64_t sector, std::uint64_t length_bytes) {
  if (length_bytes % kSectorBytes != 0) return BlkRefusal::kNotSectors;
  if (length_bytes > kMaxData_bytes) return BlkRefusal::kTooLarge;
  return check_range(limits, sector, length_bytes);
}

// One segment, as announced: it lies behind the header.
BlkRefusal read_range(const GuestMemory& memory, const Chain& chain, const BlkLimits& limits,
                      BlkRequest& request) {
  RangeSegment segment{};
  if (total(chain, false) != sizeof(Header) + sizeof(segment)) return BlkRefusal::kBadSegment;
  if (!gather(memory, chain, sizeof(Header), reinterpret_cast<std::byte*>(&segment), sizeof(segment))) {
    return BlkRefusal::kBadSegment;
  }
  const bool zeroes = request.type == BlkType::kWriteZeroes;
  if ((segment.flags & ~(zeroes ? kUnmap : 0U)) != 0) return BlkRefusal::kBadSegment;
  if (segment.sectors > (zeroes ? kMaxWriteZeroesSectors : kMaxDiscardSectors)) return BlkRefusal::kTooLarge;
  request.length_bytes = std::uint64_t{segment.sectors} * kSectorBytes;
  const BlkRefusal out = check_range(limits, segment.sector, request.length_bytes);
  if (out == BlkRefusal::kNone) request.offset_bytes = segment.sector * kSectorBytes;
  request.may_unmap = (segment.flags & kUnmap) != 0;
  return out;
}

BlkRefusal read_body(const GuestMemory& memory, const Chain& chain, const BlkLimits& limits,
                     const Header& header, BlkRequest& request) {
  const std::uint64_t readable = total(chain, false) - sizeof(Header);
  const std::uint64_t writable = total(chain, true) - 1;
  const auto data = [&](BlkType type, std::uint64_t length) {
    request.type = type;
    request.length_bytes = length;
    const BlkRefusal out = check_data(limits, header.sector, length);
    if (out == BlkRefusal::kNone) request.offset_bytes = header.sector * kSectorBytes;
    return out;
  };
  switch (header.type) {
    case kIn:
      return data(BlkType::kRead, writable);
    case kOut:
      request.data_at = sizeof(Header);
      if (limits.read_only) return BlkRefusal::kReadOnly;
      return data(BlkType::kWrite, readable);
    case kWireFlush:
      request.type = BlkType::kFlush;
      return BlkRefusal::kNone;
    case kWireGetId:
      request.type = BlkType::kGetId;
      request.length_bytes = std::min<std::uint64_t>(writable, kIdBytes);
      return BlkRefusal::kNone;
    case kWireDiscard:
    case kWireWriteZeroes:
      request.type = header.type == kWireDiscard ? BlkType::kDiscard : BlkType::kWriteZeroes;
      if (limits.read_only) return BlkRefusal::kReadOnly;
      return read_range(memory, chain, limits, request);
    default:
      return BlkRefusal::kUnknownType;
  }
}

}  // namespace

std::string_view to_string(BlkType type) {
  static constexpr std::array<std::string_view, kBlkTypes> kNames = {"read",   "write",   "flush",
                                                                     "get_id", "discard", "write_zeroes"};
  return kNames.at(static_cast<std::size_t>(type));
}

std::string_view to_string(BlkRefusal refusal) {
  static constexpr std::array<std::string_view, kBlkRefusals> kNames = {
      "none",       "short_header", "unknown_type", "not_sectors",
      "beyond_end", "too_large",    "read_only",    "bad_segment"};
  return kNames.at(static_cast<std::size_t>(refusal));
}

BlkStatus status_of(BlkRefusal refusal) {
  switch (refusal) {
    case BlkRefusal::kNone:
      return BlkStatus::kOk;
    case BlkRefusal::kUnknownType:
    case BlkRefusal::kBadSegment:
      return BlkStatus::kUnsupported;
    default:
      return BlkStatus::kIoError;
  }
}

bool parse_request(const GuestMemory& memory, const Chain& chain, const BlkLimits& limits,
                   BlkRequest& request) {
  request = {};
  if (total(chain, true) == 0) return false;
  Header header{};
  if (total(chain, false) < sizeof(header) ||
      !gather(memory, chain, 0, reinterpret_cast<std::byte*>(&header), sizeof(header))) {
    request.refusal = BlkRefusal::kShortHeader;
    return true;
  }
  request.refusal = read_body(memory, chain, limits, header, request);
  return true;
}

bool gather(const GuestMemory& memory, const Chain& chain, std::uint64_t at, std::byte* out,
            std::uint64_t length) {
  return for_pieces(chain, false, at, length,
                    [&](std::uint64_t address, std::uint64_t done, std::uint64_t part) {
                      return memory.read(address, out + done, part);
                    });
}

bool scatter(const GuestMemory& memory, const Chain& chain, std::uint64_t at, const std::byte* data,
             std::uint64_t length) {
  return for_pieces(chain, true, at, length,
                    [&](std::uint64_t address, std::uint64_t done, std::uint64_t part) {
                      return memory.write(address, data + done, part);
                    });
}

bool put_status(const GuestMemory& memory, const Chain& chain, BlkStatus status) {
  const Segment& last = chain.segments.back();  // parse_request() saw that it is there and writable
  return memory.write(last.address + last.length - 1, &status, 1);
}

}  // namespace hanok::storage::target
