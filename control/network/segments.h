#pragma once
// The segments of a network: one is chosen when it is made (VXLAN by default, VLAN, flat; numbers are
// allocated when none is named), others may be added and taken away while guests run.

#include <optional>
#include <string>
#include <vector>

#include "common/json.h"
#include "control/network/context.h"

namespace hanok::network {

constexpr std::size_t kMaxSegments = 16;  // of a network; more than anybody wants, and a bound

struct Segment {
  std::string type;              // vxlan, vlan, flat
  std::string physical_network;  // empty for vxlan
  std::int64_t id = 0;           // VNI or VLAN id; 0 for flat
  bool operator==(const Segment&) const = default;
};

// What was asked for; what is left out is chosen.
struct SegmentRequest {
  std::string type, physical_network;
  std::optional<std::int64_t> id;
};

// network_type, physical_network and segmentation_id, under names that begin with `prefix`: "provider:" in a
// network, none in a segment. What a segment does not have is null.
[[nodiscard]] SegmentRequest read_segment_request(const Json& fields, const std::string& prefix);
[[nodiscard]] Json segment_values(const Segment& segment, const std::string& prefix);

// A free segment as asked for. Nothing is kept but the allocation's cursor.
[[nodiscard]] Result<Segment> choose_segment(store::Tx& tx, SegmentRequest request, const Options& options);
// Of a new network: from the provider:* fields of `body`, or its list `segments` of such fields (the caller's
// right to give them is checked already). An external network with none of them becomes the flat network of
// the external physical network, if that is free.
[[nodiscard]] Result<std::vector<Segment>> choose_segments(store::Tx& tx, const Json& body, bool external,
                                                           const Options& options);

struct SegmentTexts {
  std::string name, description;
};
// Returns the new row's id.
[[nodiscard]] Result<std::string> insert_segment(store::Tx& tx, const std::string& network_id,
                                                 const Segment& segment, const SegmentTexts& texts,
                                                 std::int64_t now_us);
// Oldest first.
[[nodiscard]] Result<std::vector<Segment>> segments_of(store::Tx& tx, const std::string& network_id);
// What fits all of them.
[[nodiscard]] std::int64_t default_mtu(const std::vector<Segment>& segments);

// Goes into the select of a Listing of networks: what add_provider_fields reads.
constexpr const char* kSegmentsSql =
    "(SELECT json_group_array(json_object('type', network_type, 'physical', physical_network, 'id',"
    " segmentation_id)) FROM (SELECT * FROM segments WHERE network_id = t.id ORDER BY created_us, id))"
    " AS segments";
// As clients see them: provider:* of the one segment, or the list `segments`.
void add_provider_fields(Json& network, const store::Row& row);

}  // namespace hanok::network
