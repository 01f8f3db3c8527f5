#include "dataplane/flow/metadata_server.h"

#include <algorithm>
#include <cstring>

#include "dataplane/flow/metadata_files.h"
#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"

namespace hanok::dataplane {
namespace {

constexpr std::uint16_t kOurWindow = 8192;
constexpr std::uint32_t kFirstFlight = 10;  // segments under way at most (RFC 6928)
constexpr std::uint64_t kResendUs = 200'000;
constexpr unsigned kMostTries = 6;
constexpr std::uint32_t kSmallestSegment = 64, kUsualSegment = 536;

// RFC 9293, 3.7.1: the option of a SYN; 536 where there is none.
std::uint32_t mss_of(const std::uint8_t* tcp, unsigned header) {
  for (unsigned i = kTcpBytes; i + 1 < header && tcp[i] != 0;) {
    if (tcp[i] == 1) {
      ++i;
      continue;
    }
    const unsigned size = tcp[i + 1];
    if (size < 2 || i + size > header) break;
    if (tcp[i] == 2 && size == 4) return load16(tcp + i + 2);
    i += size;
  }
  return kUsualSegment;
}

struct Header {
  Mac to_mac, from_mac;
  Ip from, to;
  std::uint16_t from_port = 0, to_port = 0;
  std::uint32_t sequence = 0, acknowledgement = 0;
  std::uint8_t flags = 0;
  std::uint16_t window = kOurWindow;
  std::uint16_t mss = 0;  // 0: no option
};

std::vector<std::uint8_t> build(const Header& header, std::string_view payload) {
  const unsigned tcp_bytes = kTcpBytes + (header.mss != 0 ? 4U : 0U);
  const auto l4_bytes = static_cast<std::uint16_t>(tcp_bytes + payload.size());
  std::vector<std::uint8_t> out(kEthernetBytes + kIpv4Bytes + l4_bytes, 0);
  std::uint8_t* at = out.data();
  at += write_ethernet(at, header.to_mac, header.from_mac, ethertype::kIpv4);
  at += write_ipv4(at, header.from, header.to, protocol::kTcp, l4_bytes);
  store16(at, header.from_port);
  store16(at + 2, header.to_port);
  store32(at + 4, header.sequence);
  store32(at + 8, header.acknowledgement);
  at[12] = static_cast<std::uint8_t>(tcp_bytes / 4U << 4U);
  at[13] = header.flags;
  store16(at + 14, header.window);
  if (header.mss != 0) {
    at[kTcpBytes] = 2;
    at[kTcpBytes + 1] = 4;
    store16(at + kTcpBytes + 2, header.mss);
  }
  if (!payload.empty()) std::memcpy(at + tcp_bytes, payload.data(), payload.size());
  store16(at + 16, l4_checksum(header.from, header.to, protocol::kTcp, at, l4_bytes));
  return out;
}

}  // namespace

struct MetadataServer::Segment {
  std::uint32_t sequence = 0, acknowledgement = 0;
  std::uint8_t flags = 0;
  std::uint16_t window = 0;
  std::uint32_t mss = kUsualSegment;
  std::string_view payload;

  [[nodiscard]] bool has(std::uint8_t flag) const { return (flags & flag) != 0; }
};

std::optional<DropReason> MetadataServer::receive(const std::uint8_t* frame, const Parsed& parsed,
                                                  const Port& port, std::uint32_t mtu, std::uint64_t now_us,
                                                  Frames& out) {
  const std::uint8_t* tcp = frame + parsed.l4_offset;
  const auto bytes = static_cast<std::uint16_t>(parsed.l3_end - parsed.l4_offset);
  if (l4_checksum(parsed.ip_source, parsed.ip_destination, protocol::kTcp, tcp, bytes) != 0)
    return DropReason::tcp_bad_checksum;
  const unsigned header = (tcp[12] >> 4U) * 4U;  // the parser has checked it
  const Segment segment{
      load32(tcp + 4),  load32(tcp + 8),     tcp[13],
      load16(tcp + 14), mss_of(tcp, header), {reinterpret_cast<const char*>(tcp) + header, bytes - header}};
  const Key key{port.device, parsed.source_port, parsed.ip_source.bytes};
  auto found = connections_.find(key);
  if (found != connections_.end() && found->second.port_id != port.id) {
    connections_.erase(found);
    found = connections_.end();
  }
  if (segment.has(tcp_flag::kRst)) {
    // RFC 5961, 3.2: the exact number only.
    if (found != connections_.end() && segment.sequence == found->second.expected) connections_.erase(found);
    return std::nullopt;
  }
  if (segment.has(tcp_flag::kSyn)) {
    if (segment.has(tcp_flag::kAck)) return DropReason::tcp_no_connection;
    if (found == connections_.end() || found->second.expected != segment.sequence + 1) {
      if (found != connections_.end()) connections_.erase(found);
      Connection* made = open(key, segment, parsed, port, mtu, now_us);
      if (made == nullptr) return DropReason::metadata_busy;
      found = connections_.find(key);
    }
    found->second.sent = found->second.acknowledged = 0;
    send(found->second, port.device, false, now_us, out);
    return std::nullopt;
  }
  if (found == connections_.end()) {
    reset(parsed, segment, port.device, out);
    return std::nullopt;
  }
  Connection& connection = found->second;
  connection.heard_us = now_us;
  const std::uint32_t expected = connection.expected;
  take(connection, segment, port);
  const bool acknowledge = connection.expected != expected || !segment.payload.empty();
  send(connection, port.device, acknowledge, now_us, out);
  if (connection.answered && connection.guest_done && connection.acknowledged == connection.end())
    connections_.erase(found);
  return std::nullopt;
}

MetadataServer::Connection* MetadataServer::open(const Key& key, const Segment& segment, const Parsed& parsed,
                                                 const Port& port, std::uint32_t mtu, std::uint64_t now_us) {
  if (connections_.size() >= most_ || !seats_.take(port.device, kMostPerPort)) return nullptr;
  Connection made;
  made.seat = QuotaSeat(seats_, port.device);
  made.port_id = port.id;
  made.guest_mac = parsed.source;
  made.own_mac = parsed.destination;
  made.guest_ip = parsed.ip_source;
  made.own_ip = parsed.ip_destination;
  made.guest_port = parsed.source_port;
  made.own_port = parsed.destination_port;
  made.first = static_cast<std::uint32_t>(mix(seed_ ^ mix(now_us ^ ++opened_ << 40U)));
  made.expected = segment.sequence + 1;
  made.window = segment.window;
  const std::uint32_t fits = std::max(mtu, 576U) - kIpv4Bytes - kTcpBytes;
  made.segment = std::clamp(segment.mss, kSmallestSegment, fits);
  made.heard_us = now_us;
  return &connections_.emplace(key, std::move(made)).first->second;
}

void MetadataServer::take(Connection& connection, const Segment& segment, const Port& port) {
  if (segment.has(tcp_flag::kAck)) {
    const std::uint32_t offset = segment.acknowledgement - connection.first;
    if (offset > connection.acknowledged && offset <= connection.end()) {
      connection.acknowledged = offset;
      connection.sent = std::max(connection.sent, offset);
      connection.tries = 0;
    }
    connection.window = segment.window;
  }
  // Before the handshake is over nothing is taken: who forged the source would not know our number.
  if (connection.acknowledged == 0) return;
  const std::uint32_t known = connection.expected - segment.sequence;  // bytes that came before
  if (known > segment.payload.size()) return;  // a gap, or all of it is old: it is acknowledged again
  const std::string_view fresh = segment.payload.substr(known);
  if (connection.guest_done) return;
  connection.expected += static_cast<std::uint32_t>(fresh.size());
  if (segment.has(tcp_flag::kFin)) {
    ++connection.expected;
    connection.guest_done = true;
  }
  if (connection.answered) return;
  connection.request += fresh;
  if (request_is_whole(connection.request) || connection.guest_done) {
    connection.answer = metadata_answer(port.metadata, connection.request);
  } else if (connection.request.size() > kLongestMetadataRequest) {
    connection.answer = metadata_request_too_long();
  } else {
    return;
  }
  connection.answered = true;
  connection.request.clear();
}

void MetadataServer::send(Connection& connection, DeviceIndex device, bool acknowledge, std::uint64_t now_us,
                          Frames& out) {
  Header header{connection.guest_mac,
                connection.own_mac,
                connection.own_ip,
                connection.guest_ip,
                connection.own_port,
                connection.guest_port,
                0,
                connection.expected,
                tcp_flag::kAck};
  const auto flush = [&](std::string_view payload) {
    header.sequence = connection.first + connection.sent;
    out.push_back({device, build(header, payload)});
    connection.sent_us = now_us;
  };
  if (connection.sent == 0) {
    header.flags |= tcp_flag::kSyn;
    header.mss = static_cast<std::uint16_t>(connection.segment);
    flush({});
    connection.sent = 1;
    return;
  }
  const std::uint32_t end = connection.end();
  const std::uint32_t window = std::min(connection.window, kFirstFlight * connection.segment);
  bool any = false;
  while (connection.acknowledged > 0 && connection.sent < end) {
    const std::uint32_t limit = std::min(end, connection.acknowledged + window);
    if (connection.sent >= limit) break;
    const auto length = static_cast<std::uint32_t>(connection.answer.size());
    const std::uint32_t from = connection.sent - 1;
    const std::uint32_t payload =
        std::min({length - std::min(from, length), connection.segment, limit - connection.sent});
    const bool last = from + payload == length && connection.sent + payload < limit;
    header.flags = tcp_flag::kAck | tcp_flag::kPsh | (last ? tcp_flag::kFin : 0);
    flush(std::string_view(connection.answer).substr(std::min(from, length), payload));
    connection.sent += payload + (last ? 1U : 0U);
    any = true;
  }
  if (!any && acknowledge) {
    header.flags = tcp_flag::kAck;
    header.sequence = connection.first + connection.sent;
    out.push_back({device, build(header, {})});
  }
}

// RFC 9293, 3.10.7.1: so that it is believed.
void MetadataServer::reset(const Parsed& parsed, const Segment& segment, DeviceIndex device, Frames& out) {
  Header header{parsed.source,    parsed.destination,      parsed.ip_destination,
                parsed.ip_source, parsed.destination_port, parsed.source_port};
  header.window = 0;
  if (segment.has(tcp_flag::kAck)) {
    header.sequence = segment.acknowledgement;
    header.flags = tcp_flag::kRst;
  } else {
    const bool fin = segment.has(tcp_flag::kFin);
    header.acknowledgement =
        segment.sequence + static_cast<std::uint32_t>(segment.payload.size()) + (fin ? 1 : 0);
    header.flags = tcp_flag::kRst | tcp_flag::kAck;
  }
  out.push_back({device, build(header, {})});
}

void MetadataServer::poll(const TablesData& tables, std::uint64_t now_us, Frames& out) {
  for (auto it = connections_.begin(); it != connections_.end();) {
    const DeviceIndex device = it->first.device;
    Connection& connection = it->second;
    const Port* port = tables.port_of_device(device);
    const bool there = port != nullptr && port->id == connection.port_id;
    if (!there || now_us - connection.heard_us > kIdleUs || connection.tries > kMostTries) {
      it = connections_.erase(it);
      continue;
    }
    ++it;
    if (connection.acknowledged >= connection.end()) continue;
    if (now_us - connection.sent_us < kResendUs << connection.tries) continue;
    ++connection.tries;
    connection.sent = connection.acknowledged;
    if (connection.window == 0) connection.window = 1;  // asks whether it has opened (RFC 9293, 3.8.6.1)
    send(connection, device, false, now_us, out);
  }
}

}  // namespace hanok::dataplane
