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
  Json out = {{"name", row.text("name")},
              {"network_id", row.text("network_id")},
              {"network_type", row.text("network_type")},
              {"physical_network", nullptr},
              {"segmentation_id", nullptr}};
  const std::string physical = row.text("physical_network");
  if (!physical.empty()) out["physical_network"] = physical;
  if (row.text("network_type") != "flat") out["segmentation_id"] = row.integer("segmentation_id");
  add_history_fields(out, row);
  return out;
}

// Guests learn a smaller MTU when they renew their lease, and until then by ICMP and the MSS. It is never
// made larger here: a guest that has not renewed would not take the larger frames of one that has.
Status fit_mtu(store::Tx& tx, const store::Row& network, const std::vector<Segment>& before,
               std::int64_t now_us) {
  const std::string id = network.text("id");
  HANOK_TRY(after, segments_of(tx, id));
  RowUpdate update("networks");
  if (network.integer("mtu") == default_mtu(before) && default_mtu(after) < default_mtu(before))
    update.set("mtu", default_mtu(after));
  HANOK_CHECK(update.apply(tx, id, now_us));
  return tx.touch("network", id);
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
      SegmentRequest wanted{text_of(body, "network_type"), text_of(body, "physical_network"), std::nullopt};
      const Json number = body.value("segmentation_id", Json());
      if (!number.is_null()) wanted.id = number.get<std::int64_t>();
      HANOK_TRY(segment, choose_segment(tx, std::move(wanted), context.options));
      HANOK_TRY(id, insert_segment(tx, network_id, segment,
                                   {text_of(body, "name"), text_of(body, "description")}, now_us));
      HANOK_CHECK(fit_mtu(tx, *network, before, now_us));
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
    HANOK_TRY(network, tx.query_one("SELECT * FROM networks WHERE id = ?", {network_id}));
    HANOK_TRY(before, segments_of(tx, network_id));
    if (before.size() == 1) {
      return conflict("Segment '" + id + "' cannot be deleted: it is the only one of network " + network_id +
                          ". Add another first, or delete the network.",
                      "SegmentInUse");
    }
    HANOK_CHECK(tx.execute("DELETE FROM segments WHERE id = ?", {id}));
    HANOK_CHECK(fit_mtu(tx, *network, before, context.clock.now_us()));
    return http::no_content();
  });
}

}  // namespace hanok::network
