// Images that are in the pool already made volumes (os-volume-manage, manageable_volumes), and volumes let go
// with their image kept (os-unmanage). What is in the pool is asked of the volume agent while the client
// waits, so that a wrong reference is refused at once.
#include <fmt/format.h>

#include <algorithm>

#include "control/bus/bus.h"
#include "control/volume/action.h"
#include "control/volume/create.h"
#include "control/volume/kinds.h"
#include "control/volume/listing.h"
#include "control/volume/manage.h"
#include "control/volume/types.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

constexpr std::int64_t kTimeout_ms = 20'000;
constexpr std::int64_t kGib_bytes = 1LL << 30;
constexpr int kManageableMinor = 8;  // /manageable_volumes came with 3.8, os-volume-manage is older
constexpr const char* kImageMethod = "volume_images";
constexpr const char* kImageKey = "images";

// The volume that has this image, is being made in it, or is to get it; if there is one.
Result<std::optional<std::string>> volume_with(store::Tx& tx, const std::string& pool,
                                               const std::string& image) {
  HANOK_TRY(row,
            tx.query_one("SELECT id FROM volumes WHERE (? IN ('volume-' || id, 'volume-' || id || '.part')"
                         " AND ? IN (pool, target_pool)) OR"
                         " (status = 'creating' AND json_extract(source, '$.type') = 'manage' AND"
                         " json_extract(source, '$.image') = ? AND pool = ?)",
                         {image, pool, image, pool}));
  return row ? std::optional<std::string>(row->text("id")) : std::nullopt;
}

std::int64_t gib_of(const Json& image) {
  return whole_gib(image.value("size_bytes", std::int64_t{0}));
}

Result<Json> manageable_json(store::Tx& tx, const std::string& pool, const Json& image, bool detail) {
  const std::string name = image.value("name", "");
  HANOK_TRY(volume, volume_with(tx, pool, name));
  const bool in_use = image.value("in_use", false);
  Json out = {{"reference", {{"source-name", name}}},
              {"size", gib_of(image)},
              {"safe_to_manage", !volume && !in_use}};
  if (detail) {
    out["reason_not_safe"] = volume ? Json("already managed") : in_use ? Json("volume in use") : Json();
    out["cinder_id"] = volume ? Json(*volume) : Json();
    out["extra_info"] = nullptr;
  }
  return out;
}

Answer list_images(const Context& context, http::Request& request, bool detail) {
  HANOK_TRY(page, manageable_page(context, request, kImageMethod, kImageKey));
  return context.database.read([&](store::Tx& tx) -> Answer {
    Json list = Json::array();
    for (const Json& image : page.items) {
      HANOK_TRY(item, manageable_json(tx, page.place.pool, image, detail));
      list.push_back(std::move(item));
    }
    return http::ok({{"manageable-volumes", std::move(list)}});
  });
}

struct Wanted {
  CreateSpec spec;
  std::string host;
  bool bootable = false;
};

Result<Wanted> parse_manage(const http::Request& request) {
  HANOK_TRY(body, body_of(request, "volume"));
  HANOK_CHECK(only_fields(*body, {"host", "cluster", "ref", "name", "description", "volume_type", "metadata",
                                  "bootable", "availability_zone"}));
  HANOK_TRY(host, get_string(*body, "host"));
  HANOK_TRY(image, source_name_of(*body));
  HANOK_TRY(name, get_string(*body, "name"));
  HANOK_TRY(description, get_string(*body, "description"));
  HANOK_TRY(type, get_string(*body, "volume_type"));
  HANOK_TRY(zone, get_string(*body, "availability_zone"));
  HANOK_TRY(bootable, get_bool(*body, "bootable"));
  Wanted out;
  if (const auto metadata = body->find("metadata"); metadata != body->end() && !metadata->is_null()) {
    HANOK_TRY(checked, check_metadata(*metadata));
    out.spec.metadata = std::move(checked);
  }
  out.host = host.value_or("");
  out.bootable = bootable.value_or(false);
  out.spec.project_id = request.caller.project_id;
  out.spec.user_id = request.caller.user_id;
  out.spec.request_id = request.request_id;
  out.spec.is_admin = request.caller.is_admin;
  out.spec.name = name;
  out.spec.description = description;
  if (type && !type->empty()) out.spec.type = type;
  out.spec.zone = zone.value_or("");
  out.spec.managed_image = image;
  return out;
}

}  // namespace

Result<Place> chosen_place(const Context& context, const std::string& wanted) {
  if (wanted.empty()) return bad_request("Invalid input received: either host or cluster must be specified.");
  return context.database.read([&](store::Tx& tx) -> Result<Place> {
    HANOK_TRY(host, volume_host(tx));
    HANOK_TRY(pools, volume_pools(tx));
    if (!host) return unavailable("No volume agent is up.");
    for (const std::string& name : {std::string("hanok"), *host}) {
      if (wanted == name + "@rbd") return Place{*host, kPool};
      for (const auto& known : pools) {
        if (wanted == name + "@rbd#" + known.first) return Place{*host, known.first};
      }
    }
    return not_found(
        fmt::format("Service cinder-volume could not be found on host {}.", wanted.substr(0, 255)));
  });
}

Result<Json> ask_for_list(const Context& context, const Place& place, const char* method, const char* key,
                          Json params) {
  params["pool"] = place.pool;
  HANOK_TRY(answer, context.asker.ask(place.host, method, params, kTimeout_ms));
  HANOK_TRY(list, get_array(answer, key));
  return list == nullptr ? Json::array() : *list;
}

Result<ManageablePage> manageable_page(const Context& context, const http::Request& request,
                                       const char* method, const char* key) {
  HANOK_TRY(page, page_of(request));
  if (!page.marker.empty()) return bad_request("Invalid input received: use offset, there are no markers.");
  HANOK_TRY(place, chosen_place(context, request.query_one("host").value_or("")));
  const std::string sort = request.query_one("sort").value_or("reference:asc");
  if (sort != "reference" && sort != "reference:asc" && sort != "reference:desc") {
    return bad_request("Invalid sort: what can be managed is sorted by reference only.");
  }
  HANOK_TRY(items,
            ask_for_list(
                context, place, method, key,
                {{"offset", page.offset}, {"limit", page.limit}, {"descending", sort == "reference:desc"}}));
  return ManageablePage{place, std::move(items)};
}

Status need_manageable(const http::Request& request) {
  return request.minor_version >= kManageableMinor ? Status()
                                                   : Status(not_found("The resource could not be found."));
}

Error invalid_reference(const std::string& name, const char* reason) {
  return bad_request(fmt::format(
      "Manage existing volume failed due to invalid backend reference {{'source-name': '{}'}}: {}", name,
      reason));
}

Result<std::string> source_name_of(const Json& body) {
  HANOK_TRY(ref, need_object(body, "ref"));
  HANOK_TRY(name, get_string(*ref, "source-name"));
  if (!name || name->empty())
    return bad_request("Invalid input received: ref must have the element 'source-name'.");
  return std::move(*name);
}

std::int64_t whole_gib(std::int64_t bytes) {
  return std::max<std::int64_t>(1, (bytes + kGib_bytes - 1) / kGib_bytes);
}

Answer list_manageable(const Context& context, http::Request& request) {
  return list_images(context, request, false);
}
Answer list_manageable_detail(const Context& context, http::Request& request) {
  return list_images(context, request, true);
}
Answer list_manageable_3_8(const Context& context, http::Request& request) {
  HANOK_CHECK(need_manageable(request));
  return list_images(context, request, false);
}
Answer list_manageable_detail_3_8(const Context& context, http::Request& request) {
  HANOK_CHECK(need_manageable(request));
  return list_images(context, request, true);
}
Answer manage_volume_3_8(const Context& context, http::Request& request) {
  HANOK_CHECK(need_manageable(request));
  return manage_volume(context, request);
}

Answer manage_volume(const Context& context, http::Request& request) {
  HANOK_TRY(wanted, parse_manage(request));
  const std::string& name = *wanted.spec.managed_image;
  HANOK_TRY(place, chosen_place(context, wanted.host));
  wanted.spec.managed_pool = place.pool;
  auto images = ask_for_list(context, place, kImageMethod, kImageKey, {{"name", name}});
  if (!images.ok() && images.error().code == ErrorCode::kNotFound)
    return invalid_reference(name, "no such image in the pool.");
  if (!images.ok()) return images.take_error();
  if (images->empty()) return invalid_reference(name, "no such image in the pool.");
  if (images->front().value("in_use", false)) return invalid_reference(name, "it is in use.");
  wanted.spec.size_gib = gib_of(images->front());
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(there, volume_with(tx, place.pool, name));
    if (there)
      return bad_request(fmt::format("Unable to manage existing volume. Volume {} already managed.", name));
    HANOK_TRY(volume, make_volume(tx, wanted.spec, context.clock.now_us()));
    if (wanted.bootable) {
      volume.bootable = true;
      HANOK_CHECK(save_volume(tx, volume, context.clock.now_us()));
    }
    HANOK_TRY(extras, load_extras(tx, volume));
    return http::accepted({{"volume", volume_json(request, volume, extras, false)}});
  });
}

// The image stays as it is, with the name that it has: it can be managed again by it.
Answer unmanage(Action& action) {
  HANOK_CHECK(check_deletable(action.tx, action.volume, false, false));
  if (action.volume.status == "deleting") return bad_request("Invalid volume: it is being deleted.");
  if (!action.volume.moved_from.empty()) return bad_request("Invalid volume: it is still being moved.");
  HANOK_CHECK(forget_volume(action.tx, action.volume.id));
  return http::accepted();
}

}  // namespace hanok::volume
