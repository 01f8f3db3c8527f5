// QoS specs and the volume types that they hold for. For administrators alone.
#include <fmt/format.h>

#include "common/uuid.h"
#include "control/volume/qos.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

constexpr std::size_t kMaxQosName = 255;

Json qos_json(const store::Row& row) {
  return {{"id", row.text("id")},
          {"name", row.text("name")},
          {"consumer", row.text("consumer")},
          {"specs", row.json("specs")}};
}

Result<store::Row> requested_qos(store::Tx& tx, const http::Request& request) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM qos_specs WHERE id = ?", {request.param("qos")}));
  if (!row) return not_found(fmt::format("No such qos_specs: {}.", request.param("qos").substr(0, 64)));
  return std::move(*row);
}

struct QosFields {
  std::optional<std::string> name, consumer;
  Json specs = Json::object();
};

// The limits stand beside `consumer`. Clients send numbers as text; both are taken.
Result<QosFields> parse_qos(const http::Request& request) {
  HANOK_TRY(body, body_of(request, "qos_specs"));
  QosFields out;
  for (const auto& [key, value] : body->items()) {
    const std::string text = value.is_number_integer() ? dump_json(value)
                             : value.is_string()       ? value.get<std::string>()
                                                       : "";
    if (key == "name") {
      out.name = text;
    } else if (key == "consumer") {
      out.consumer = text;
    } else {
      out.specs[key] = value.is_number_integer() ? Json(text) : value;
    }
  }
  if (out.consumer && *out.consumer != "front-end" && *out.consumer != "back-end" &&
      *out.consumer != "both") {
    return bad_request(
        "Invalid qos specs: Valid consumer of QoS specs are: ['front-end', 'back-end', 'both'].");
  }
  HANOK_TRY(checked, check_metadata(out.specs));
  out.specs = checked;
  HANOK_CHECK(check_qos_specs(out.specs));
  return out;
}

Status save_qos(store::Tx& tx, const std::string& id, const std::string& consumer, const Json& specs) {
  HANOK_CHECK(check_qos_specs(specs));
  HANOK_CHECK(tx.execute("UPDATE qos_specs SET consumer = ?, specs = ? WHERE id = ?", {consumer, specs, id}));
  return touch_limited(tx, id);
}

Status unbind_types(store::Tx& tx, const std::string& qos_id) {
  HANOK_CHECK(touch_limited(tx, qos_id));
  HANOK_CHECK(tx.execute("UPDATE volume_types SET qos_specs_id = NULL WHERE qos_specs_id = ?", {qos_id}));
  return {};
}

// The type that the query names, with the specs it has now.
Result<store::Row> named_type(store::Tx& tx, const http::Request& request) {
  const auto id = request.query_one("vol_type_id");
  if (!id) return bad_request("Volume Type id must not be None.");
  HANOK_TRY(row, tx.query_one("SELECT * FROM volume_types WHERE id = ?", {*id}));
  if (!row) return not_found(fmt::format("Volume type {} could not be found.", id->substr(0, 64)));
  return std::move(*row);
}

}  // namespace

Answer list_qos(const Context& context, http::Request&) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(rows, tx.query("SELECT * FROM qos_specs ORDER BY created_us DESC, id"));
    Json list = Json::array();
    for (const auto& row : rows) list.push_back(qos_json(row));
    return http::ok({{"qos_specs", std::move(list)}});
  });
}

Answer show_qos(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_qos(tx, request));
    return http::ok({{"qos_specs", qos_json(row)}, {"links", Json::array()}});
  });
}

Answer create_qos(const Context& context, http::Request& request) {
  HANOK_TRY(fields, parse_qos(request));
  const std::string name = fields.name.value_or("");
  if (name.find_first_not_of(" \t") == std::string::npos || name.size() > kMaxQosName) {
    return bad_request("Invalid input for field/attribute name. It has 1 to 255 characters.");
  }
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(twin, tx.query_one("SELECT id FROM qos_specs WHERE name = ?", {name}));
    if (twin) return conflict(fmt::format("QoS Specs {} already exists.", name));
    const std::string id = new_uuid();
    HANOK_CHECK(
        tx.execute("INSERT INTO qos_specs (id, name, consumer, specs, created_us) VALUES (?, ?, ?, ?, ?)",
                   {id, name, fields.consumer.value_or("back-end"), fields.specs, context.clock.now_us()}));
    HANOK_TRY(row, tx.query_one("SELECT * FROM qos_specs WHERE id = ?", {id}));
    return http::ok({{"qos_specs", qos_json(*row)}, {"links", Json::array()}});
  });
}

Answer update_qos(const Context& context, http::Request& request) {
  HANOK_TRY(fields, parse_qos(request));
  if (fields.name) return bad_request("Invalid input: the name of QoS specs cannot be changed.");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_qos(tx, request));
    Json specs = row.json("specs");
    specs.update(fields.specs);
    HANOK_CHECK(save_qos(tx, row.text("id"), fields.consumer.value_or(row.text("consumer")), specs));
    return http::ok({{"qos_specs", request.json["qos_specs"]}});
  });
}

Answer delete_qos_keys(const Context& context, http::Request& request) {
  HANOK_TRY(keys, get_array(request.json, "keys", 64));
  if (keys == nullptr) return bad_request("Missing required element 'keys' in request body.");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_qos(tx, request));
    Json specs = row.json("specs");
    for (const auto& key : *keys) {
      if (!key.is_string() || specs.erase(key.get<std::string>()) == 0) {
        return bad_request(fmt::format("QoS spec {} has no spec with key {}.", row.text("id"),
                                       dump_json(key).substr(0, 64)));
      }
    }
    HANOK_CHECK(save_qos(tx, row.text("id"), row.text("consumer"), specs));
    return http::accepted();
  });
}

Answer delete_qos(const Context& context, http::Request& request) {
  const std::string force = request.query_one("force").value_or("false");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_qos(tx, request));
    const std::string id = row.text("id");
    HANOK_TRY(used, tx.query_one("SELECT id FROM volume_types WHERE qos_specs_id = ?", {id}));
    if (used && force != "true" && force != "True" && force != "1") {
      return bad_request(fmt::format("QoS Specs {} is still associated with entities.", id));
    }
    HANOK_CHECK(unbind_types(tx, id));
    HANOK_CHECK(tx.execute("DELETE FROM qos_specs WHERE id = ?", {id}));
    return http::accepted();
  });
}

Answer list_qos_associations(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_qos(tx, request));
    HANOK_TRY(types, tx.query("SELECT id, name FROM volume_types WHERE qos_specs_id = ? ORDER BY name",
                              {row.text("id")}));
    Json list = Json::array();
    for (const auto& type : types) {
      list.push_back(
          {{"association_type", "volume_type"}, {"id", type.text("id")}, {"name", type.text("name")}});
    }
    return http::ok({{"qos_associations", std::move(list)}});
  });
}

Answer associate_qos(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_qos(tx, request));
    HANOK_TRY(type, named_type(tx, request));
    const std::string now = type.text("qos_specs_id");
    if (!now.empty() && now != row.text("id")) {
      return bad_request(
          fmt::format("Invalid volume type: Type {} is already associated with another qos specs: {}.",
                      type.text("id"), now));
    }
    HANOK_CHECK(tx.execute("UPDATE volume_types SET qos_specs_id = ? WHERE id = ?",
                           {row.text("id"), type.text("id")}));
    HANOK_CHECK(touch_limited(tx, row.text("id")));
    return http::accepted();
  });
}

Answer disassociate_qos(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_qos(tx, request));
    HANOK_TRY(type, named_type(tx, request));
    if (type.text("qos_specs_id") != row.text("id")) {
      return not_found(fmt::format("Volume type {} has not these qos specs.", type.text("id")));
    }
    HANOK_CHECK(touch_limited(tx, row.text("id")));
    HANOK_CHECK(tx.execute("UPDATE volume_types SET qos_specs_id = NULL WHERE id = ?", {type.text("id")}));
    return http::accepted();
  });
}

Answer disassociate_all_qos(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_qos(tx, request));
    HANOK_CHECK(unbind_types(tx, row.text("id")));
    return http::accepted();
  });
}

}  // namespace hanok::volume
