#include "dataplane/flow/record.h"

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"

namespace hanok::dataplane {
namespace {

// Where in the L4 header its checksum is; 0 where there is none (as a UDP checksum of zero says; RFC 768).
std::size_t l4_checksum_offset(const std::uint8_t* l4, const Parsed& parsed) {
  switch (parsed.protocol) {
    case protocol::kTcp:
      return 16;
    case protocol::kUdp:
      return load16(l4 + 6) != 0 ? 6 : 0;
    default:
      return 0;
  }
}

void set_icmp_identifier(std::uint8_t* l4, std::uint16_t identifier) {
  apply_delta(l4 + 2, delta16(load16(l4 + 4), identifier));
  store16(l4 + 4, identifier);
}

void run_l4(const Program& program, std::uint8_t* l4, const Parsed& parsed) {
  if (parsed.protocol == protocol::kIcmp) {
    if ((program.operations & kSetSourcePort) != 0) set_icmp_identifier(l4, program.new_source_port);
    if ((program.operations & kSetDestinationPort) != 0)
      set_icmp_identifier(l4, program.new_destination_port);
    return;
  }
  if (const std::size_t offset = l4_checksum_offset(l4, parsed); offset != 0) {
    std::uint8_t* field = l4 + offset;
    apply_delta(field, program.l4_delta);
    if (parsed.protocol == protocol::kUdp && load16(field) == 0) store16(field, 0xffff);
  }
  if ((program.operations & kSetSourcePort) != 0) store16(l4, program.new_source_port);
  if ((program.operations & kSetDestinationPort) != 0) store16(l4 + 2, program.new_destination_port);
}

}  // namespace

FlowKey flow_key(const Parsed& parsed, DeviceIndex in_device, std::uint32_t segment) {
  FlowKey key;
  key.source = parsed.ip_source;
  key.destination = parsed.ip_destination;
  key.source_port = parsed.source_port;
  key.destination_port = parsed.destination_port;
  if (parsed.protocol == protocol::kIcmp || parsed.protocol == protocol::kIcmp6) {
    key.destination_port = static_cast<std::uint16_t>(parsed.icmp_type << 8U | parsed.icmp_code);
  }
  key.destination_mac = parsed.destination;
  key.source_mac = parsed.source;
  key.in_device = in_device;
  key.protocol = parsed.protocol;
  key.family = parsed.l3 == L3::kIpv4 ? 4 : 6;
  key.segment = segment;
  return key;
}

std::uint64_t hash_of(const FlowKey& key, std::uint64_t seed) {
  std::uint64_t words[7];
  std::memcpy(words, &key, sizeof words);
  return hash_words(words, seed);
}

void mark_dscp(std::uint8_t* data, const Parsed& parsed, std::uint8_t dscp) {
  std::uint8_t* ip = data + parsed.l3_offset;
  const std::uint16_t before = load16(ip);
  if (parsed.l3 == L3::kIpv4) {
    store16(ip, static_cast<std::uint16_t>((before & 0xff03U) | unsigned{dscp} << 2U));
    apply_delta(ip + 10, delta16(before, load16(ip)));
  } else if (parsed.l3 == L3::kIpv6) {
    store16(ip, static_cast<std::uint16_t>((before & 0xf03fU) | unsigned{dscp} << 6U));
  }
}

void run_program(const Program& program, std::uint8_t* data, const Parsed& parsed) {
  const std::uint32_t operations = program.operations;
  if ((operations & kSetMacs) != 0) {
    program.new_destination_mac.write(data);
    program.new_source_mac.write(data + 6);
  }
  std::uint8_t* ip = data + parsed.l3_offset;
  if (parsed.l3 != L3::kIpv4) {
    if ((operations & kDecrementTtl) != 0) ip[7] = static_cast<std::uint8_t>(ip[7] - program.hops);
    return;
  }
  if ((operations & kDecrementTtl) != 0) {
    const std::uint16_t before = load16(ip + 8);
    ip[8] = static_cast<std::uint8_t>(ip[8] - program.hops);
    apply_delta(ip + 10, delta16(before, load16(ip + 8)));
  }
  if ((operations & (kSetSource | kSetDestination)) != 0) {
    apply_delta(ip + 10, program.address_delta);
    if ((operations & kSetSource) != 0) store32(ip + 12, program.new_source);
    if ((operations & kSetDestination) != 0) store32(ip + 16, program.new_destination);
  }
  if (parsed.l4_offset != 0 &&
      (operations & (kSetSource | kSetDestination | kSetSourcePort | kSetDestinationPort)) != 0) {
    run_l4(program, data + parsed.l4_offset, parsed);
  }
}

}  // namespace hanok::dataplane
