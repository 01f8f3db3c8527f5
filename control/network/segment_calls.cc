// The segments of a network as a resource of their own (/v2.0/segments): how a network gets another leg, or
// moves from VXLAN to VLAN and back, while its guests run.

#include "control/network/body.h"
#include "control/network/errors.h"
#include "control/network/handlers.h"
#include "control/network/listing.h"
#include "control/network/segments.h"

namespace hanok::network {
namespace {

const Fields& segment_fields() {
  static const Fields fields = {
      {"network_id", FieldType::kUuid, kPost | kRequired},
      {"network_type", FieldType::kText, kPost | kRequired},
      {"physical_network", FieldType::kTextOrNull, kPost},
      {"segmentation_id", FieldType::kIntegerOrNull, kPost},
      {"name", FieldType::kTextOrNull, kPost | kPut},
      {"description", FieldType::kTextOrNull, kPost | kPut},
  };
  return fields;
}

const Listing& segment_listing() {
  static const Listing segments = {"segments",
                                   "segments",
                                   "SELECT t.* FROM segments t",
                                   {{"name", "t.name"},
                                    {"description", "t.description"},
                                    {"network_id", "t.network_id"},
                                    {"network_type", "t.network_type"},
                                    {"physical_network", "t.physical_network"},
                                    {"segmentation_id", "t.segmentation_id", ColumnType::kInteger},
                                    {"created_at", "t.created_us", ColumnType::kInteger}},
                                   segment_not_found};
  return segments;
}

// Segments belong to their network, to no project.
Json segment_json(const store::Row& row, const http::Caller&) {
  Json out = segment_values(
      {row.text("network_type"), row.text("physical_network"), row.integer("segmentation_id")}, "");
  out["name"] = row.text("name");
  out["network_id"] = row.text("network_id");
  add_history_fields(out, row);
  return out;
}

// Guests learn a smaller MTU when they renew their lease, and until then by ICMP and the MSS. When a segment
// goes it is never made larger: a guest that has not renewed would not take the larger frames of one that
// has.
void fit_mtu(RowUpdate& network, std::int64_t mtu, std::vector<Segment> segments, const Segment& added) {
  const std::int64_t before = default_mtu(segments);
  segments.push_back(added);
  const std::int64_t now = default_mtu(segments);
  if (mtu == before && now < before) network.set("mtu", now);
}

}  // namespace

Reply list_segments(const Context& context, http::Request& request) {
  return context.database.read(
      [&](store::Tx& tx) { return list_rows(tx, request, segment_listing(), {"1 = 1"}, segment_json); });
}

Reply show_segment(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Reply {
    HANOK_TRY(row, find_row(tx, segment_listing(), request.param("id")));
    return show(request, "segment", segment_json(row, request.caller));
  });
}

Reply create_segment(const Context& context, http::Request& request) {
  HANOK_TRY(creation, read_creation(request, "segment", "segments", segment_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    const std::int64_t now_us = context.clock.now_us();
    Json made = Json::array();
    for (const Json& body : creation.objects) {
      const std::string network_id = text_of(body, "network_id");
      HANOK_TRY(network, tx.query_one("SELECT * FROM networks WHERE id = ?", {network_id}));
      if (!network) return network_not_found(network_id);
      HANOK_TRY(before, segments_of(tx, network_id));
      if (before.size() >= kMaxSegments) {
        return conflict("Network " + network_id + " has " + std::to_string(before.size()) +
                            " segments, as many as a network may have.",
                        "TooManySegments");
      }
      HANOK_TRY(segment, choose_segment(tx, read_segment_request(body, ""), context.options));
      HANOK_TRY(id, insert_segment(tx, network_id, segment,
                                   {text_of(body, "name"), text_of(body, "description")}, now_us));
      RowUpdate update("networks");
      fit_mtu(update, network->integer("mtu"), std::move(before), segment);
      HANOK_CHECK(update.apply(tx, network_id, now_us));
      HANOK_CHECK(tx.touch("network", network_id));
      HANOK_TRY(row, find_row(tx, segment_listing(), id));
      made.push_back(segment_json(row, request.caller));
    }
    if (creation.bulk) return http::created({{"segments", std::move(made)}});
    return http::created({{"segment", std::move(made[0])}});
  });
}

Reply update_segment(const Context& context, http::Request& request) {
  HANOK_TRY(body, read_update(request, "segment", segment_fields()));
  return context.database.write([&](store::Tx& tx) -> Reply {
    const std::string& id = request.param("id");
    HANOK_CHECK(find_row(tx, segment_listing(), id));
    RowUpdate update("segments");
    for (const char* key : {"name", "description"}) {
      if (body.contains(key)) update.set(key, text_of(body, key));
    }
    HANOK_CHECK(update.apply(tx, id, context.clock.now_us()));
    HANOK_TRY(row, find_row(tx, segment_listing(), id));
    return http::ok({{"segment", segment_json(row, request.caller)}});
  });
}

Reply delete_segment(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Reply {
    const std::string& id = request.param("id");
    HANOK_TRY(row, find_row(tx, segment_listing(), id));
    const std::string network_id = row.text("network_id");
    HANOK_TRY(all, segments_of(tx, network_id));
    if (all.size() == 1) {
      return conflict("Segment '" + id + "' cannot be deleted: it is the only one of network " + network_id +
                          ". Add another first, or delete the network.",
                      "SegmentInUse");
    }
    HANOK_CHECK(tx.execute("DELETE FROM segments WHERE id = ?", {id}));
    HANOK_CHECK(RowUpdate("networks").apply(tx, network_id, context.clock.now_us()));
    HANOK_CHECK(tx.touch("network", network_id));
    return http::no_content();
  });
}

}  // namespace hanok::network
