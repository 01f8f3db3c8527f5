#pragma once
// A flow record: two cache lines, key and program. What the fast path reads, and nothing else.

#include <cstdint>
#include <cstring>

#include "dataplane/packet/parse.h"
#include "dataplane/stages/context.h"

namespace hanok::dataplane {

// Line one, with `epoch` and `connection` behind it.
struct FlowKey {
  Ip source, destination;
  std::uint16_t source_port = 0;       // ICMP: the identifier
  std::uint16_t destination_port = 0;  // ICMP: type and code
  Mac destination_mac, source_mac;
  DeviceIndex in_device = kNoDevice;
  std::uint8_t protocol = 0;
  std::uint8_t family = 0;    // 4 or 6
  std::uint32_t segment = 0;  // type << 24 | VNI or VLAN id; 0 from a port
  bool operator==(const FlowKey&) const = default;
};
static_assert(sizeof(FlowKey) == 56);

// All at once; the compiler would call memcmp for each member.
inline bool same_key(const FlowKey& a, const FlowKey& b) {
  using Vector [[gnu::vector_size(16)]] = unsigned long long;
  const auto differ = [&](std::size_t at) {
    Vector left, right;
    std::memcpy(&left, reinterpret_cast<const char*>(&a) + at, 16);
    std::memcpy(&right, reinterpret_cast<const char*>(&b) + at, 16);
    return left ^ right;
  };
  const Vector all =
      differ(0) | differ(16) | differ(32) | differ(sizeof(FlowKey) - 16);  // the last two overlap
  return (all[0] | all[1]) == 0;
}

// Steps of a program, in the order in which they run.
enum Operation : std::uint32_t {
  kSetMacs = 1,
  kDecrementTtl = 2,
  kSetSource = 4,  // IPv4 address
  kSetDestination = 8,
  kSetSourcePort = 16,  // ICMP: the identifier
  kSetDestinationPort = 32,
  kPushVlan = 64,
  kPushVxlan = 128,
  kTracksTcp = 256,  // a segment with SYN, FIN or RST goes by the connection
  kClampMss = 512,   // of a SYN
  kMetered = 1024,
  kMarkDscp = 2048,
};

struct Program {
  std::uint32_t operations = 0;
  DeviceIndex out_device = kNoDevice;
  std::uint16_t vlan = 0;
  std::uint32_t encapsulation = 0;                    // of EncapsulationTable
  std::uint32_t new_source = 0, new_destination = 0;  // host order
  std::uint16_t new_source_port = 0, new_destination_port = 0;
  std::uint16_t address_delta = 0;  // RFC 1624: of the IP header
  std::uint16_t l4_delta = 0;       // addresses and ports
  Mac new_destination_mac, new_source_mac;
  std::uint8_t hops = 0;
  std::uint8_t answers : 1 = 0;  // against the connection's first direction
  std::uint8_t dscp : 6 = 0;
  std::uint16_t longest = 0xffff;  // frame that fits; what is longer takes the stages
  std::uint16_t mss = 0;           // for kClampMss
  std::uint16_t meters = 0;        // a set of MeterTable
};

struct alignas(64) FlowRecord {
  FlowKey key;
  std::uint32_t epoch = 0;       // of the engine, when the program was last found good
  std::uint32_t connection = 0;  // kNoSlot: the record is free, and `version` links free ones
  Program program;               // 48 bytes
  std::uint32_t version = 0;     // of the tables, when it was compiled
  std::uint32_t last_seen = 0;   // in 2^20 us, about a second: written when it changes, not per packet
  std::uint64_t packets = 0;
};
static_assert(sizeof(FlowRecord) == 128);

[[nodiscard]] FlowKey flow_key(const Parsed& parsed, DeviceIndex in_device, std::uint32_t segment);
// Of the key's seven words. Multiplies and folds 128 bits, two words at a time; the seed keeps guests from
// choosing their bucket.
[[nodiscard]] inline std::uint64_t hash_words(const std::uint64_t* words, std::uint64_t seed) {
  const auto fold128 = [](std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
  };
  std::uint64_t h = fold128(words[0] ^ seed, words[1] ^ 0xa0761d6478bd642fULL);
  h ^= fold128(words[2] ^ seed, words[3] ^ 0xe7037ed1a0b428dbULL);
  h = fold128(h ^ words[4], words[5] ^ 0x8ebc6af09c88c6e3ULL ^ seed);
  return fold128(h ^ words[6], 0x589965cc75374cc3ULL ^ seed);
}
[[nodiscard]] std::uint64_t hash_of(const FlowKey& key, std::uint64_t seed);

// The DSCP of the frame's IP header; ECN and checksum stay right.
void mark_dscp(std::uint8_t* data, const Parsed& parsed, std::uint8_t dscp);

// Changes the frame at `data` (without outer header or tag) as the program says, checksums included.
void run_program(const Program& program, std::uint8_t* data, const Parsed& parsed);

}  // namespace hanok::dataplane
