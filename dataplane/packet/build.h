#pragma once
// Writes the frames that the engine makes itself. Each function writes at `to`, which has room for what its
// comment says, and returns the bytes written; checksums are complete.

#include <cstdint>

#include "dataplane/packet/address.h"

namespace hanok::dataplane {

unsigned write_ethernet(std::uint8_t* to, const Mac& destination, const Mac& source, std::uint16_t ethertype);

// 42 bytes. operation 1: request, 2: reply.
unsigned write_arp(std::uint8_t* to, std::uint16_t operation, const Mac& ethernet_destination,
                   const Mac& sender_mac, const Ip& sender_ip, const Mac& target_mac, const Ip& target_ip);

// 20 bytes: header of a datagram with `payload` bytes after it, DF set.
unsigned write_ipv4(std::uint8_t* to, const Ip& source, const Ip& destination, std::uint8_t protocol,
                    std::uint16_t payload, std::uint8_t ttl = 64);
unsigned write_ipv6(std::uint8_t* to, const Ip& source, const Ip& destination, std::uint8_t protocol,
                    std::uint16_t payload, std::uint8_t hop_limit);

// The checksum of an L4 payload with its pseudo-header; the checksum field must be zero. Both families.
[[nodiscard]] std::uint16_t l4_checksum(const Ip& source, const Ip& destination, std::uint8_t protocol,
                                        const std::uint8_t* l4, std::uint16_t length);

}  // namespace hanok::dataplane
