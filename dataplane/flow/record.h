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

// Seven words at once: the compiler makes a call of memcmp for each member.
inline bool same_key(const FlowKey& a, const FlowKey& b) {
  std::uint64_t left[7], right[7];
  std::memcpy(left, &a, sizeof left);
  std::memcpy(right, &b, sizeof right);
  std::uint64_t differs = 0;
  for (unsigned i = 0; i < 7; ++i) differs |= left[i] ^ right[i];
  return differs == 0;
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
[[nodiscard]] std::uint64_t hash_of(const FlowKey& key, std::uint64_t seed);

// The DSCP of the frame's IP header; ECN and checksum stay right.
void mark_dscp(std::uint8_t* data, const Parsed& parsed, std::uint8_t dscp);

// Changes the frame at `data` (without outer header or tag) as the program says, checksums included.
void run_program(const Program& program, std::uint8_t* data, const Parsed& parsed);

}  // namespace hanok::dataplane
