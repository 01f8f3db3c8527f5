#include "control/network/segments.h"

#include <algorithm>

#include "common/uuid.h"
#include "control/network/body.h"
#include "control/network/errors.h"

namespace hanok::network {
namespace {

constexpr std::int64_t kMaxProbes = 100'000;
constexpr const char* kProvider = "provider:";

Result<bool> is_used(store::Tx& tx, const Segment& segment) {
  HANOK_TRY(row, tx.query_one("SELECT 1 AS one FROM segments WHERE network_type = ? AND physical_network = ?"
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

Status check_segments_field(const Json& list) {
  if (!list.is_array() || list.empty() || list.size() > kMaxSegments)
    return invalid_value("segments",
                         "a list of 1 to " + std::to_string(kMaxSegments) + " segments is needed");
  for (const Json& one : list) {
    if (!one.is_object()) return invalid_value("segments", "each is an object of provider:* fields");
    for (const auto& [key, value] : one.items()) {
      const bool text = key == "provider:network_type" || key == "provider:physical_network";
      const bool good =
          text ? value.is_string() || value.is_null()
               : key == "provider:segmentation_id" && (value.is_number_integer() || value.is_null());
      if (!good)
        return invalid_value("segments", "'" + key.substr(0, 50) + "' is unknown or of a wrong type");
    }
    if (text_of(one, "provider:network_type").empty()) return invalid_input("network_type required");
  }
  return {};
}

}  // namespace

SegmentRequest read_segment_request(const Json& fields, const std::string& prefix) {
  SegmentRequest out{text_of(fields, (prefix + "network_type").c_str()),
                     text_of(fields, (prefix + "physical_network").c_str()), std::nullopt};
  const Json id = fields.value(prefix + "segmentation_id", Json());
  if (!id.is_null()) out.id = id.get<std::int64_t>();
  return out;
}

Json segment_values(const Segment& segment, const std::string& prefix) {
  return {{prefix + "network_type", segment.type},
          {prefix + "physical_network",
           segment.physical_network.empty() ? Json() : Json(segment.physical_network)},
          {prefix + "segmentation_id", segment.type == "flat" ? Json() : Json(segment.id)}};
}

Result<Segment> choose_segment(store::Tx& tx, SegmentRequest request, const Options& options) {
  if (request.type == "flat") return flat(tx, request.physical_network, request.id.has_value());
  if (request.type == "vlan") {
    Segment segment{"vlan", request.physical_network, 0};
    if (segment.physical_network.empty()) segment.physical_network = options.vlan_physical_network;
    return numbered(tx, std::move(segment), request.id, 1, 4094, options.vlan_first, options.vlan_last);
  }
  if (request.type == "vxlan") {
    if (!request.physical_network.empty())
      return invalid_input("provider:physical_network specified for vxlan network");
    return numbered(tx, {"vxlan", "", 0}, request.id, 1, 16'777'215, options.vni_first, options.vni_last);
  }
  return invalid_input("network_type value '" + request.type.substr(0, 50) + "' not supported");
}

Result<std::vector<Segment>> choose_segments(store::Tx& tx, const Json& body, bool external,
                                             const Options& options) {
  SegmentRequest request = read_segment_request(body, kProvider);
  const bool provider = !request.type.empty() || !request.physical_network.empty() || request.id;
  std::vector<Segment> out;
  if (body.contains("segments")) {
    if (provider) {
      return bad_request("Segments and provider values cannot both be set.",
                         "SegmentsSetInConjunctionWithProviders");
    }
    HANOK_CHECK(check_segments_field(body["segments"]));
    for (const Json& one : body["segments"]) {
      HANOK_TRY(segment, choose_segment(tx, read_segment_request(one, kProvider), options));
      if (std::ranges::find(out, segment) != out.end()) {
        return bad_request("Duplicate segment in request.", "SegmentsContainDuplicateEntry");
      }
      out.push_back(std::move(segment));
    }
    return out;
  }
  if (request.type.empty()) {
    if (provider) return invalid_input("network_type required");
    request.type = "vxlan";
    const Segment outside{"flat", options.external_physical_network, 0};
    if (external) {
      HANOK_TRY(used, is_used(tx, outside));
      if (!used) return std::vector<Segment>{outside};
    }
  }
  HANOK_TRY(segment, choose_segment(tx, std::move(request), options));
  out.push_back(std::move(segment));
  return out;
}

Result<std::string> insert_segment(store::Tx& tx, const std::string& network_id, const Segment& segment,
                                   const SegmentTexts& texts, std::int64_t now_us) {
  std::string id = new_uuid();
  HANOK_CHECK(
      tx.execute("INSERT INTO segments (id, network_id, name, description, network_type, physical_network,"
                 " segmentation_id, created_us, updated_us, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
                 {id, network_id, texts.name, texts.description, segment.type, segment.physical_network,
                  segment.id, now_us, now_us}));
  return id;
}

Result<std::vector<Segment>> segments_of(store::Tx& tx, const std::string& network_id) {
  HANOK_TRY(rows, tx.query("SELECT network_type, physical_network, segmentation_id FROM segments"
                           " WHERE network_id = ? ORDER BY created_us, id",
                           {network_id}));
  std::vector<Segment> out;
  for (const store::Row& row : rows)
    out.push_back({row.text("network_type"), row.text("physical_network"), row.integer("segmentation_id")});
  return out;
}

std::int64_t default_mtu(const std::vector<Segment>& segments) {
  const bool overlay = std::ranges::any_of(segments, [](const Segment& one) { return one.type == "vxlan"; });
  return overlay ? kUnderlayMtu - kVxlanOverhead : kUnderlayMtu;
}

void add_provider_fields(Json& network, const store::Row& row) {
  Json list = Json::array();
  for (const Json& one : row.json("segments")) {
    list.push_back(segment_values({one["type"], one["physical"], one["id"]}, kProvider));
  }
  if (list.size() == 1) {
    network.update(list[0]);
  } else {
    network["segments"] = std::move(list);
  }
}

}  // namespace hanok::network
