#include "dataplane/rpc/described_packet.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <optional>
#include <string>

namespace hanok::dataplane::rpc {
namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::size_t kMaxFrame = 9018;

void put16(Bytes& out, unsigned value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8U));
  out.push_back(static_cast<std::uint8_t>(value));
}

// The Internet checksum's sum (RFC 1071), not folded.
std::uint32_t sum_of(const Bytes& bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    const unsigned low = i + 1 < bytes.size() ? bytes[i + 1] : 0;
    sum += static_cast<std::uint32_t>(bytes[i]) << 8U | low;
  }
  return sum;
}

void set_checksum(Bytes& bytes, std::size_t at, std::uint32_t sum) {
  while (sum >> 16U != 0) sum = (sum & 0xffffU) + (sum >> 16U);
  const std::uint32_t checksum = ~sum & 0xffffU;
  bytes[at] = static_cast<std::uint8_t>(checksum >> 8U);
  bytes[at + 1] = static_cast<std::uint8_t>(checksum);
}

std::optional<Bytes> from_hex(const std::string& text) {
  Bytes out;
  std::string digits;
  for (const char letter : text) {
    if (letter != ' ' && letter != ':') digits += letter;
  }
  if (digits.size() % 2 != 0) return {};
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    std::uint8_t byte = 0;
    const char* begin = digits.data() + i;
    if (std::from_chars(begin, begin + 2, byte, 16).ptr != begin + 2) return {};
    out.push_back(byte);
  }
  return out;
}

struct Description {
  Bytes source_mac, destination_mac, source, destination;  // addresses of 4 or 16 bytes
  unsigned protocol = 1;
  unsigned source_port = 0, destination_port = 0;
};

std::optional<Problem> read_mac(const Json& packet, const char* key, Bytes& out) {
  const auto text = need_string(packet, key);
  const auto bytes = text.ok() ? from_hex(*text) : std::nullopt;
  if (!bytes || bytes->size() != 6) return Problem{std::string("/") + key, "not an Ethernet address"};
  out = *bytes;
  return {};
}

std::optional<Problem> read_address(const Json& packet, const char* key, Bytes& out) {
  const auto text = need_string(packet, key);
  std::array<std::uint8_t, 16> bytes{};
  if (text.ok() && inet_pton(AF_INET, text->c_str(), bytes.data()) == 1) {
    out.assign(bytes.begin(), bytes.begin() + 4);
    return {};
  }
  if (text.ok() && inet_pton(AF_INET6, text->c_str(), bytes.data()) == 1) {
    out.assign(bytes.begin(), bytes.end());
    return {};
  }
  return Problem{std::string("/") + key, "not an IP address"};
}

std::optional<Problem> read_number(const Json& packet, const char* key, unsigned limit, unsigned& out) {
  const auto number = get_int(packet, key);
  if (!number.ok() || number->value_or(0) < 0 || number->value_or(0) > limit) {
    return Problem{std::string("/") + key, "a number from 0 to " + std::to_string(limit)};
  }
  out = static_cast<unsigned>(number->value_or(out));
  return {};
}

std::optional<Problem> read_protocol(const Json& packet, bool six, unsigned& out) {
  const auto found = packet.find("protocol");
  if (found == packet.end() || *found == "icmp") {
    out = six ? 58 : 1;
  } else if (*found == "tcp") {
    out = 6;
  } else if (*found == "udp") {
    out = 17;
  } else if (found->is_number_integer()) {
    return read_number(packet, "protocol", 255, out);
  } else {
    return Problem{"/protocol", "tcp, udp, icmp or a number from 0 to 255"};
  }
  return {};
}

std::optional<Problem> read_description(const Json& packet, Description& out) {
  for (const auto& [key, value] : packet.items()) {
    if (key != "src_mac" && key != "dst_mac" && key != "src_ip" && key != "dst_ip" && key != "protocol" &&
        key != "src_port" && key != "dst_port") {
      return Problem{"/" + key, "there is no field of this name"};
    }
  }
  if (auto problem = read_mac(packet, "src_mac", out.source_mac)) return problem;
  if (auto problem = read_mac(packet, "dst_mac", out.destination_mac)) return problem;
  if (auto problem = read_address(packet, "src_ip", out.source)) return problem;
  if (auto problem = read_address(packet, "dst_ip", out.destination)) return problem;
  if (out.source.size() != out.destination.size()) return Problem{"/dst_ip", "not of the family of src_ip"};
  if (auto problem = read_protocol(packet, out.source.size() == 16, out.protocol)) return problem;
  if (auto problem = read_number(packet, "src_port", 65535, out.source_port)) return problem;
  return read_number(packet, "dst_port", 65535, out.destination_port);
}

Bytes payload_of(const Description& in) {
  Bytes out;
  std::optional<std::size_t> checksum_at;
  bool pseudo_header = true;
  if (in.protocol == 6) {
    put16(out, in.source_port);
    put16(out, in.destination_port);
    out.insert(out.end(), {0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0});  // SYN
    checksum_at = 16;
  } else if (in.protocol == 17) {
    put16(out, in.source_port);
    put16(out, in.destination_port);
    out.insert(out.end(), {0, 8, 0, 0});
    checksum_at = 6;
  } else if (in.protocol == 1 || in.protocol == 58) {
    const std::uint8_t echo_request = in.protocol == 1 ? 8 : 128;
    out.insert(out.end(), {echo_request, 0, 0, 0, 0, 1, 0, 1});
    checksum_at = 2;
    pseudo_header = in.protocol == 58;
  }
  if (checksum_at) {
    std::uint32_t sum = sum_of(out);
    if (pseudo_header)
      sum +=
          sum_of(in.source) + sum_of(in.destination) + in.protocol + static_cast<std::uint32_t>(out.size());
    set_checksum(out, *checksum_at, sum);
  }
  return out;
}

Bytes ip_header(const Description& in, std::size_t payload_bytes) {
  Bytes out;
  if (in.source.size() == 4) {
    out = {0x45, 0};
    put16(out, static_cast<unsigned>(20 + payload_bytes));
    out.insert(out.end(), {0, 1, 0, 0, 64, static_cast<std::uint8_t>(in.protocol), 0, 0});
  } else {
    out = {0x60, 0, 0, 0};
    put16(out, static_cast<unsigned>(payload_bytes));
    out.insert(out.end(), {static_cast<std::uint8_t>(in.protocol), 64});
  }
  out.insert(out.end(), in.source.begin(), in.source.end());
  out.insert(out.end(), in.destination.begin(), in.destination.end());
  if (in.source.size() == 4) set_checksum(out, 10, sum_of(out));
  return out;
}

}  // namespace

std::variant<Bytes, Problem> described_packet(const Json& packet) {
  if (packet.is_string()) {
    auto bytes = from_hex(packet.get_ref<const std::string&>());
    if (!bytes || bytes->empty() || bytes->size() > kMaxFrame)
      return Problem{"", "not a frame in hex digits"};
    return *bytes;
  }
  if (!packet.is_object()) return Problem{"", "an object, or a frame in hex digits"};
  Description description;
  if (auto problem = read_description(packet, description)) return *problem;
  const Bytes payload = payload_of(description);
  const Bytes header = ip_header(description, payload.size());
  Bytes frame = description.destination_mac;
  frame.insert(frame.end(), description.source_mac.begin(), description.source_mac.end());
  put16(frame, description.source.size() == 4 ? 0x0800 : 0x86dd);
  frame.insert(frame.end(), header.begin(), header.end());
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}

}  // namespace hanok::dataplane::rpc
