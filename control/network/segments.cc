#include "control/network/segments.h"

#include "control/network/body.h"
#include "control/network/errors.h"

namespace hanok::network {
namespace {

constexpr std::int64_t kMaxProbes = 100'000;

Result<bool> is_used(store::Tx& tx, const Segment& segment) {
  HANOK_TRY(row, tx.query_one("SELECT 1 AS one FROM networks WHERE network_type = ? AND physical_network = ?"
                              " AND segmentation_id = ?",
                              {segment.type, segment.physical_network, segment.id}));
  return row.has_value();
}

// Goes round the range, so that a number is not used again at once.
Result<Segment> allocate(store::Tx& tx, Segment segment, std::int64_t first, std::int64_t last) {
  const std::string cursor = segment.type + ":" + segment.physical_network;
  HANOK_TRY(row, tx.query_one("SELECT next FROM segment_cursor WHERE network_type = ?", {cursor}));
  std::int64_t next = row ? row->integer("next") : first;
  for (std::int64_t probe = 0; probe < std::min(kMaxProbes, last - first + 1); ++probe, ++next) {
    if (next < first || next > last) next = first;
    segment.id = next;
    HANOK_TRY(used, is_used(tx, segment));
    if (used) continue;
    HANOK_CHECK(
        tx.execute("INSERT INTO segment_cursor (network_type, next) VALUES (?, ?)"
                   " ON CONFLICT (network_type) DO UPDATE SET next = excluded.next",
                   {cursor, next + 1}));
    return segment;
  }
  return conflict("Unable to create the network. No available network found in maximum allowed attempts.",
                  "NoNetworkAvailable");
}

Error in_use(const Segment& segment) {
  if (segment.type == "flat") {
    return conflict(
        "Unable to create the flat network. Physical network " + segment.physical_network + " is in use.",
        "FlatNetworkInUse");
  }
  if (segment.type == "vlan") {
    return conflict("Unable to create the network. The VLAN " + std::to_string(segment.id) +
                        " on physical network " + segment.physical_network + " is in use.",
                    "VlanIdInUse");
  }
  return conflict("Unable to create the network. The tunnel ID " + std::to_string(segment.id) + " is in use.",
                  "TunnelIdInUse");
}

Result<Segment> numbered(store::Tx& tx, Segment segment, const std::optional<std::int64_t>& wanted,
                         std::int64_t lowest, std::int64_t highest, std::int64_t first, std::int64_t last) {
  if (!wanted) return allocate(tx, std::move(segment), first, last);
  if (*wanted < lowest || *wanted > highest) {
    return invalid_input("segmentation_id out of range (" + std::to_string(lowest) + " through " +
                         std::to_string(highest) + ")");
  }
  segment.id = *wanted;
  HANOK_TRY(used, is_used(tx, segment));
  if (used) return in_use(segment);
  return segment;
}

Result<Segment> flat(store::Tx& tx, const std::string& physical, bool has_id) {
  if (physical.empty()) return invalid_input("physical_network required for flat provider network");
  if (has_id) return invalid_input("segmentation_id specified for flat provider network");
  Segment segment{"flat", physical, 0};
  HANOK_TRY(used, is_used(tx, segment));
  if (used) return in_use(segment);
  return segment;
}

}  // namespace

Result<Segment> choose_segment(store::Tx& tx, const Json& body, bool external, const Options& options) {
  const std::string type = text_of(body, "provider:network_type");
  const std::string physical = text_of(body, "provider:physical_network");
  std::optional<std::int64_t> id;
  if (body.contains("provider:segmentation_id") && !body["provider:segmentation_id"].is_null()) {
    id = body["provider:segmentation_id"].get<std::int64_t>();
  }
  if (type.empty()) {
    if (!physical.empty() || id) return invalid_input("network_type required");
    if (external) {
      Segment segment{"flat", options.external_physical_network, 0};
      HANOK_TRY(used, is_used(tx, segment));
      if (!used) return segment;
    }
    return allocate(tx, {"vxlan", "", 0}, options.vni_first, options.vni_last);
  }
  if (type == "flat") return flat(tx, physical, id.has_value());
  if (type == "vlan") {
    Segment segment{"vlan", physical.empty() ? options.vlan_physical_network : physical, 0};
    return numbered(tx, std::move(segment), id, 1, 4094, options.vlan_first, options.vlan_last);
  }
  if (type == "vxlan") {
    if (!physical.empty()) return invalid_input("provider:physical_network specified for vxlan network");
    return numbered(tx, {"vxlan", "", 0}, id, 1, 16'777'215, options.vni_first, options.vni_last);
  }
  return invalid_input("network_type value '" + type.substr(0, 50) + "' not supported");
}

std::int64_t default_mtu(const Segment& segment) {
  return segment.type == "vxlan" ? kUnderlayMtu - kVxlanOverhead : kUnderlayMtu;
}

}  // namespace hanok::network
