// A frame with any wish for work (checksum, segmentation), as a guest's virtio header makes it: through the
// engine, to outputs that take all, some or nothing; then cut, spoiled here and there, and joined. What was
// joined must give back, cut again, the very segments that it was made of.
//
// Input: wishes and what outputs take, in a byte; the segment's size, two bytes; how many spoilings, a byte;
// for each of these segment, offset and a mask, three bytes; the frame.
#include <vector>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/coalesce.h"
#include "dataplane/packet/segment.h"
#include "tests/fuzz/engine_world.h"

namespace {

using namespace hanok::dataplane;
using Bytes = std::vector<std::uint8_t>;

Packet packet_of(Bytes& bytes) {
  Packet packet;
  packet.data = bytes.data();
  packet.length = static_cast<std::uint16_t>(bytes.size());
  return packet;
}

std::vector<Bytes> cut(const Packet& large) {
  const Segments segments(large, *find_l4(large.data, large.length));
  std::vector<Bytes> out;
  for (unsigned i = 0; i < segments.count(); ++i) {
    out.emplace_back(segments.bytes(i));
    segments.write(i, out.back().data());
  }
  return out;
}

// One's complement has two zeros: a checksum of either is right.
Bytes canonical(Bytes frame) {
  const auto place = find_l4(frame.data(), static_cast<unsigned>(frame.size()));
  if (!place) std::abort();
  const auto settle = [&](std::size_t at) {
    if (load16(&frame[at]) == 0xffff) store16(&frame[at], 0);
  };
  settle(place->l4 + 16U);
  if (place->ipv4) settle(place->l3 + 10U);
  return frame;
}

void join_and_compare(const std::vector<Bytes>& frames) {
  std::vector<Bytes> changed = frames;
  std::vector<Packet> packets;
  for (Bytes& frame : changed) packets.push_back(packet_of(frame));
  std::vector<Packet*> pointers;
  for (Packet& packet : packets) pointers.push_back(&packet);
  std::vector<std::uint8_t> joins(frames.size());
  const unsigned left = coalesce(pointers.data(), static_cast<unsigned>(frames.size()), joins.data());
  unsigned heads = 0;
  for (std::size_t head = 0; head < frames.size(); ++head) {
    if (joins[head] != head) continue;
    ++heads;
    Bytes whole;
    std::vector<Bytes> parts;
    for (std::size_t i = head; i < frames.size(); ++i) {
      if (joins[i] != head) continue;
      whole.insert(whole.end(), packets[i].data, packets[i].data + packets[i].length);
      parts.push_back(frames[i]);
    }
    if (parts.size() == 1) {
      if (whole != parts[0]) std::abort();
      continue;
    }
    Packet large = packet_of(whole);
    large.offload = packets[head].offload;
    large.segment_bytes = packets[head].segment_bytes;
    Parsed parsed;
    if (parse_frame(large.data, large.length, parsed) || check_offload(large, parsed)) std::abort();
    const auto again = cut(large);
    if (again.size() != parts.size()) std::abort();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (canonical(again[i]) != canonical(parts[i])) std::abort();
    }
  }
  if (heads != left) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static fuzz::World world;
  if (size < 4 || size > 65535) return 0;
  const std::uint8_t wishes = data[0];
  const std::uint16_t segment = load16(data + 1);
  const std::size_t spoilings = data[3] & 7U, start = 4 + 3 * spoilings;
  if (size < start) return 0;
  const std::span<const std::uint8_t> frame{data + start, size - start};
  const auto offload = static_cast<std::uint8_t>(wishes & kLeftToDo);
  world.accept(static_cast<std::uint8_t>(wishes >> 4U & kLeftToDo));
  world.run(frame, world.guest(), offload, segment);

  Bytes bytes(frame.begin(), frame.end());
  Packet large = packet_of(bytes);
  large.offload = kLeftToDo;
  large.segment_bytes = segment;
  Parsed parsed;
  if (parse_frame(large.data, large.length, parsed) || check_offload(large, parsed) ||
      (large.offload & kSegmentLater) == 0) {
    return 0;
  }
  auto pieces = cut(large);
  if (pieces.size() > kMostCoalesced) pieces.resize(kMostCoalesced);
  for (std::size_t i = 0; i < spoilings; ++i) {
    const std::uint8_t* spoil = data + 4 + 3 * i;
    Bytes& piece = pieces[spoil[0] % pieces.size()];
    piece[spoil[1] % piece.size()] ^= spoil[2];
    const auto place = find_l4(piece.data(), static_cast<unsigned>(piece.size()));
    Parsed again;
    if ((data[3] & 8U) != 0 && place &&
        !parse_frame(piece.data(), static_cast<std::uint16_t>(piece.size()), again))
      complete_checksum(piece.data(), *place);
  }
  // The engine lets nothing pass that is malformed.
  std::erase_if(pieces, [](const Bytes& piece) {
    Parsed head;
    return parse_frame(piece.data(), static_cast<std::uint16_t>(piece.size()), head).has_value();
  });
  join_and_compare(pieces);
  return 0;
}
