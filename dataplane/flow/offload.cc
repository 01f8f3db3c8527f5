// Frames whose sender left work to us (packet/offload.h): done here where the output does not take it over.
#include "dataplane/packet/offload.h"

#include "common/error.h"
#include "dataplane/flow/engine_impl.h"
#include "dataplane/packet/segment.h"

namespace hanok::dataplane {

void Engine::Impl::complete(Packet& packet) {
  const auto place = find_l4(packet.data, packet.length);
  HANOK_ASSERT(place.has_value());  // check_offload let it pass
  complete_checksum(packet.data, *place);
  packet.offload &= static_cast<std::uint8_t>(~kLeftToDo);
  counters.checksums_made.add(1);
}

template <typename Each>
void Engine::Impl::cut_large(Packet* packet, DeviceIndex in_device, Each&& run_each) {
  const auto place = find_l4(packet->data, packet->length);
  HANOK_ASSERT(place.has_value());
  const Segments segments(*packet, *place);
  counters.large_frames_cut.add(1);
  for (unsigned i = 0; i < segments.count(); ++i) {
    Packet* piece = pool_.allocate(segments.bytes(i));
    if (piece == nullptr) {
      count_drop(in_device, DropReason::no_buffer);
      break;  // what follows a gap would only come twice
    }
    segments.write(i, piece->data);
    counters.segments_made.add(1);
    run_each(piece);
  }
  release(packet);
}

// A limit is kept by the segment: a large frame may be more than a bucket ever holds.
void Engine::Impl::run_cut(Packet* packet, const Program& program, const Parsed& parsed,
                           DeviceIndex in_device, std::uint32_t entropy) {
  cut_large(packet, in_device, [&](Packet* piece) {
    if (!pass_qos(piece, program, parsed, in_device)) return;
    run_program(program, piece->data, parsed);
    deliver(piece, program, in_device, entropy);
  });
}

void Engine::Impl::deliver_with_work(Packet* packet, const Program& program, DeviceIndex in_device,
                                     std::uint32_t entropy) {
  const bool wrapped = (program.operations & (kPushVlan | kPushVxlan)) != 0;
  const unsigned accepted = wrapped ? 0U : output_->accepts(program.out_device);
  if ((packet->offload & kLeftToDo & ~accepted) == 0) {
    transmit(packet, program.out_device);
  } else if ((packet->offload & kSegmentLater) != 0) {
    cut_large(packet, in_device, [&](Packet* piece) { deliver(piece, program, in_device, entropy); });
  } else {
    complete(*packet);
    deliver(packet, program, in_device, entropy);
  }
}

// Before a frame is copied or cut as it is, it must be whole. A large one that does not fit and may be cut is
// cut into smaller segments instead of fragments. False: too many of them.
bool Engine::Impl::make_fit(Packet& packet, Context& context) {
  if ((packet.offload & kSegmentLater) != 0) {
    if (!context.cut) return true;
    const unsigned headers = context.longest_segment - packet.segment_bytes;
    const unsigned room = context.limit > headers ? context.limit - headers : 0;
    if (packet.length > room * kMostSegments) return false;
    packet.segment_bytes = static_cast<std::uint16_t>(room);
    context.cut = false;
  } else if (context.cut || context.target == Target::kFlood) {
    complete(packet);
  }
  return true;
}

}  // namespace hanok::dataplane
