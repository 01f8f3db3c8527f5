#include "control/compute/flavors.h"

#include <fmt/format.h>

#include "common/uuid.h"
#include "control/compute/validate.h"

namespace hanok::compute {
namespace {

constexpr std::int64_t kMaxNumber = 0x7FFFFFFF;

Result<Flavor> read_flavor(store::Tx& tx, const store::Row& row) {
  Flavor out;
  out.id = row.text("id");
  out.name = row.text("name");
  out.vcpus = row.integer("vcpus");
  out.ram_mib = row.integer("ram_mib");
  out.disk_gib = row.integer("disk_gib");
  out.ephemeral_gib = row.integer("ephemeral_gib");
  out.swap_mib = row.integer("swap_mib");
  out.rxtx_factor = static_cast<double>(row.integer("rxtx_milli")) / 1000.0;
  out.is_public = row.boolean("is_public");
  out.description = row.maybe_text("description");
  HANOK_TRY(specs, tx.query("SELECT name, value FROM flavor_extra_specs WHERE flavor_id = ?", {out.id}));
  for (const auto& spec : specs) out.extra_specs[spec.text("name")] = spec.text("value");
  return out;
}

constexpr const char* kFlavorColumns =
    "seq, id, name, vcpus, ram_mib, disk_gib, ephemeral_gib, swap_mib, "
    "CAST(rxtx_factor * 1000 AS INTEGER) AS rxtx_milli, is_public, description";

Json flavor_view(const http::Request& request, const Flavor& flavor) {
  Json out = {{"id", flavor.id},
              {"name", flavor.name},
              {"vcpus", flavor.vcpus},
              {"ram", flavor.ram_mib},
              {"disk", flavor.disk_gib},
              {"OS-FLV-EXT-DATA:ephemeral", flavor.ephemeral_gib},
              {"OS-FLV-DISABLED:disabled", false},
              {"os-flavor-access:is_public", flavor.is_public},
              {"rxtx_factor", flavor.rxtx_factor},
              {"links", links_of(request, "flavors/" + flavor.id)}};
  if (flavor.swap_mib == 0 && request.minor_version < 75) {
    out["swap"] = "";
  } else {
    out["swap"] = flavor.swap_mib;
  }
  if (request.minor_version >= 55) {
    out["description"] = flavor.description ? Json(*flavor.description) : Json();
  }
  if (request.minor_version >= 61) out["extra_specs"] = flavor.extra_specs;
  return out;
}

Json flavor_summary(const http::Request& request, const Flavor& flavor) {
  Json out = {{"id", flavor.id}, {"name", flavor.name}, {"links", links_of(request, "flavors/" + flavor.id)}};
  if (request.minor_version >= 55) {
    out["description"] = flavor.description ? Json(*flavor.description) : Json();
  }
  return out;
}

Result<std::string> sort_clause(const http::Request& request) {
  static const std::map<std::string, std::string> kKeys = {{"flavorid", "id"},
                                                           {"id", "seq"},
                                                           {"name", "name"},
                                                           {"memory_mb", "ram_mib"},
                                                           {"vcpus", "vcpus"},
                                                           {"root_gb", "disk_gib"},
                                                           {"swap", "swap_mib"},
                                                           {"is_public", "is_public"},
                                                           {"created_at", "created_us"},
                                                           {"ephemeral_gb", "ephemeral_gib"},
                                                           {"rxtx_factor", "rxtx_factor"}};
  const auto key = kKeys.find(request.query_one("sort_key").value_or("flavorid"));
  if (key == kKeys.end()) return bad_request("Invalid input for query parameter sort_key.");
  const auto direction = request.query_one("sort_dir").value_or("asc");
  if (direction != "asc" && direction != "desc") {
    return bad_request("Invalid input for query parameter sort_dir: it must be asc or desc.");
  }
  return fmt::format(" ORDER BY {} {}, seq", key->second, direction);
}

struct Where {
  std::string sql = " WHERE 1";
  store::Args args;
};

Result<Where> flavor_filter(const http::Request& request) {
  Where out;
  for (const auto& [name, column] : {std::pair{"minDisk", "disk_gib"}, std::pair{"minRam", "ram_mib"}}) {
    if (const auto text = request.query_one(name)) {
      HANOK_TRY(least, get_int(Json{{name, *text}}, name));
      if (!least || *least < 0)
        return bad_request(fmt::format("Invalid {} filter [{}]", name, text->substr(0, 64)));
      out.sql += fmt::format(" AND {} >= ?", column);
      out.args.emplace_back(*least);
    }
  }
  const auto is_public = request.query_one("is_public");
  if (request.caller.is_admin && is_public) {
    if (*is_public == "None" || *is_public == "none") return out;
    HANOK_TRY(flag, get_bool(Json{{"is_public", *is_public}}, "is_public"));
    out.sql += " AND is_public = ?";
    out.args.emplace_back(flag.value_or(true));
    return out;
  }
  out.sql += " AND (is_public = 1 OR id IN (SELECT flavor_id FROM flavor_access WHERE project_id = ?))";
  out.args.emplace_back(request.caller.project_id);
  return out;
}

Answer list_flavors_with(Context& context, http::Request& request, bool detail) {
  HANOK_TRY(page, page_of(request));
  HANOK_TRY(where, flavor_filter(request));
  HANOK_TRY(order, sort_clause(request));
  return context.database.read([&](store::Tx& tx) -> Answer {
    // There are few flavors: the marker is looked for in the sorted list.
    HANOK_TRY(rows, tx.query(fmt::format("SELECT {} FROM flavors{}{}", kFlavorColumns, where.sql, order),
                             where.args));
    std::size_t first = 0;
    if (!page.marker.empty()) {
      while (first < rows.size() && rows[first].text("id") != page.marker) ++first;
      if (first == rows.size())
        return bad_request(fmt::format("marker [{}] not found", page.marker.substr(0, 64)));
      ++first;
    }
    const std::size_t last = std::min(rows.size(), first + static_cast<std::size_t>(page.limit));
    Json list = Json::array();
    for (std::size_t at = first; at < last; ++at) {
      HANOK_TRY(flavor, read_flavor(tx, rows[at]));
      list.push_back(detail ? flavor_view(request, flavor) : flavor_summary(request, flavor));
    }
    Json body = {{"flavors", std::move(list)}};
    if (last < rows.size() && last > first && request.query_one("limit")) {
      body["flavors_links"] = next_link(request, rows[last - 1].text("id"));
    }
    return http::ok(std::move(body));
  });
}

Result<std::int64_t> number_of(const Json& json, const char* key, std::int64_t least, std::int64_t fallback) {
  HANOK_TRY(value, get_int(json, key));
  const std::int64_t out = value.value_or(fallback);
  if (out < least || out > kMaxNumber) {
    return bad_request(
        fmt::format("Invalid input for field/attribute {}. Value: {}. It must be between {} and {}.", key,
                    out, least, kMaxNumber));
  }
  return out;
}

Result<Flavor> parse_flavor(const http::Request& request) {
  HANOK_TRY(body, body_of(request, "flavor"));
  const Json& json = *body;
  HANOK_CHECK(only_fields(json, {"id", "name", "ram", "vcpus", "disk", "swap", "rxtx_factor", "description",
                                 "OS-FLV-EXT-DATA:ephemeral", "os-flavor-access:is_public"}));
  Flavor out;
  HANOK_TRY(name, need_name(json, "name"));
  out.name = name;
  if (json.contains("id") && !json["id"].is_null()) {
    out.id = json["id"].is_number_integer() ? std::to_string(json["id"].get<std::int64_t>())
             : json["id"].is_string()       ? json["id"].get<std::string>()
                                            : "";
    if (!is_flavor_id(out.id)) return bad_request("Invalid input for field/attribute id.");
  }
  if (out.id.empty() || out.id == "auto") out.id = new_uuid();
  for (const char* key : {"ram", "vcpus", "disk"}) {
    if (!json.contains(key))
      return bad_request(fmt::format("Invalid input: '{}' is a required property.", key));
  }
  HANOK_TRY(ram, number_of(json, "ram", 1, 0));
  HANOK_TRY(vcpus, number_of(json, "vcpus", 1, 0));
  HANOK_TRY(disk, number_of(json, "disk", 0, 0));
  const bool no_swap = json.contains("swap") && json["swap"] == "";
  HANOK_TRY(swap, number_of(no_swap ? Json::object() : json, "swap", 0, 0));
  HANOK_TRY(ephemeral, number_of(json, "OS-FLV-EXT-DATA:ephemeral", 0, 0));
  HANOK_TRY(is_public, get_bool(json, "os-flavor-access:is_public"));
  out.ram_mib = ram;
  out.vcpus = vcpus;
  out.disk_gib = disk;
  out.swap_mib = swap;
  out.ephemeral_gib = ephemeral;
  out.is_public = is_public.value_or(true);
  HANOK_TRY(factor, need_factor(json));
  out.rxtx_factor = factor;
  if (json.contains("description")) {
    if (request.minor_version < 55)
      return bad_request("Additional properties are not allowed ('description').");
    HANOK_TRY(description, get_string(json, "description", 65535));
    out.description = description;
  }
  return out;
}

Error no_flavor(const std::string& id) {
  return not_found(fmt::format("Flavor {} could not be found.", id.substr(0, 255)));
}

}  // namespace

Result<Flavor> find_flavor(store::Tx& tx, const std::string& id, const http::Caller& caller) {
  HANOK_TRY(row,
            tx.query_one(fmt::format("SELECT {} FROM flavors WHERE id = ? AND (? OR is_public = 1 OR id IN "
                                     "(SELECT flavor_id FROM flavor_access WHERE project_id = ?))",
                                     kFlavorColumns),
                         {id, caller.is_admin, caller.project_id}));
  if (!row) return no_flavor(id);
  return read_flavor(tx, *row);
}

Json flavor_to_json(const Flavor& flavor) {
  return {{"id", flavor.id},
          {"name", flavor.name},
          {"vcpus", flavor.vcpus},
          {"ram_mib", flavor.ram_mib},
          {"disk_gib", flavor.disk_gib},
          {"ephemeral_gib", flavor.ephemeral_gib},
          {"swap_mib", flavor.swap_mib},
          {"extra_specs", flavor.extra_specs}};
}

Flavor flavor_from_json(const Json& json) {
  Flavor out;
  if (!json.is_object()) return out;
  out.id = json.value("id", "");
  out.name = json.value("name", "");
  out.vcpus = json.value("vcpus", std::int64_t{1});
  out.ram_mib = json.value("ram_mib", std::int64_t{0});
  out.disk_gib = json.value("disk_gib", std::int64_t{0});
  out.ephemeral_gib = json.value("ephemeral_gib", std::int64_t{0});
  out.swap_mib = json.value("swap_mib", std::int64_t{0});
  out.extra_specs = json.value("extra_specs", Json::object());
  return out;
}

Answer list_flavors(Context& context, http::Request& request) {
  return list_flavors_with(context, request, false);
}

Answer list_flavors_detail(Context& context, http::Request& request) {
  return list_flavors_with(context, request, true);
}

Answer show_flavor(Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(flavor, find_flavor(tx, request.param("id"), request.caller));
    return http::ok({{"flavor", flavor_view(request, flavor)}});
  });
}

Answer create_flavor(Context& context, http::Request& request) {
  HANOK_TRY(flavor, parse_flavor(request));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(same, tx.query_one("SELECT id, name FROM flavors WHERE id = ? OR name = ?",
                                 {flavor.id, flavor.name}));
    if (same && same->text("id") == flavor.id) {
      return conflict(fmt::format("Flavor with ID {} already exists.", flavor.id));
    }
    if (same) return conflict(fmt::format("Flavor with name {} already exists.", flavor.name));
    HANOK_CHECK(tx.execute(
        "INSERT INTO flavors (id, name, vcpus, ram_mib, disk_gib, ephemeral_gib, swap_mib, rxtx_factor, "
        "is_public,"
        " description, created_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        {flavor.id, flavor.name, flavor.vcpus, flavor.ram_mib, flavor.disk_gib, flavor.ephemeral_gib,
         flavor.swap_mib, flavor.rxtx_factor, flavor.is_public, flavor.description, context.clock.now_us()}));
    return http::ok({{"flavor", flavor_view(request, flavor)}});
  });
}

Answer update_flavor(Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, 55));
  HANOK_TRY(body, body_of(request, "flavor"));
  HANOK_CHECK(only_fields(*body, {"description"}));
  if (!body->contains("description"))
    return bad_request("Invalid input: 'description' is a required property.");
  HANOK_TRY(description, get_string(*body, "description", 65535));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(flavor, find_flavor(tx, request.param("id"), request.caller));
    flavor.description = description;
    HANOK_CHECK(tx.execute("UPDATE flavors SET description = ? WHERE id = ?", {description, flavor.id}));
    return http::ok({{"flavor", flavor_view(request, flavor)}});
  });
}

Answer delete_flavor(Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    const std::string& id = request.param("id");
    HANOK_CHECK(tx.execute("DELETE FROM flavor_extra_specs WHERE flavor_id = ?", {id}));
    HANOK_CHECK(tx.execute("DELETE FROM flavor_access WHERE flavor_id = ?", {id}));
    HANOK_TRY(count, tx.execute("DELETE FROM flavors WHERE id = ?", {id}));
    if (count == 0) return no_flavor(id);
    return http::accepted();
  });
}

}  // namespace hanok::compute
