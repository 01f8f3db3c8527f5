#include "dataplane/flow/fragment_table.h"

#include <mutex>

#include "dataplane/tables/persistent_map.h"

namespace hanok::dataplane {

bool FragmentTable::recall(Parsed& parsed, DeviceIndex device, std::uint32_t segment, std::uint64_t now_us) {
  const std::uint64_t addresses =
      hash_bytes(parsed.ip_source.bytes.data(), 16) ^ mix(hash_bytes(parsed.ip_destination.bytes.data(), 16));
  const std::uint64_t hash = mix(addresses ^ seed_ ^ std::uint64_t{parsed.fragment_id} << 32U);
  const std::lock_guard<SpinLock> guard(lock_);
  Place* const set = &places_[hash % kSets * kWays];
  Place* oldest = set;
  for (Place* place = set; place != set + kWays; ++place) {
    if (place->seen_us < oldest->seen_us) oldest = place;
    const bool same = place->source == parsed.ip_source && place->destination == parsed.ip_destination &&
                      place->id == parsed.fragment_id && place->protocol == parsed.protocol &&
                      place->device == device && place->segment == segment;
    if (!same) continue;
    oldest = place;
    if (!parsed.later_fragment) break;
    if (now_us > place->seen_us + kKeptUs) return false;
    parsed.source_port = place->source_port;
    parsed.destination_port = place->destination_port;
    parsed.icmp_type = place->icmp_type;
    parsed.icmp_code = place->icmp_code;
    return true;
  }
  if (parsed.later_fragment) return false;
  *oldest = {parsed.ip_source,
             parsed.ip_destination,
             segment,
             parsed.fragment_id,
             device,
             parsed.source_port,
             parsed.destination_port,
             parsed.protocol,
             parsed.icmp_type,
             parsed.icmp_code,
             now_us};
  return true;
}

}  // namespace hanok::dataplane
