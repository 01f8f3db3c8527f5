#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/uuid.h"
#include "control/volume/create.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

constexpr int kGroupVolumeMinor = 13;
constexpr std::initializer_list<const char*> kFields = {"name",
                                                        "description",
                                                        "size",
                                                        "volume_type",
                                                        "metadata",
                                                        "imageRef",
                                                        "image_id",
                                                        "snapshot_id",
                                                        "source_volid",
                                                        "multiattach",
                                                        "availability_zone",
                                                        "display_name",
                                                        "display_description",
                                                        "consistencygroup_id",
                                                        "group_id",
                                                        "backup_id",
                                                        "scheduler_hints",
                                                        "status",
                                                        "user_id",
                                                        "attach_status",
                                                        "project_id",
                                                        "source_replica"};

Result<std::optional<std::string>> text(const Json& body, const std::string& key, const std::string& other) {
  HANOK_TRY(first, get_string(body, key));
  if (first) return first;
  return get_string(body, other);
}

// An id, or nothing; empty strings count as nothing (old clients send them).
Result<std::optional<std::string>> reference(const Json& body, const std::string& key) {
  HANOK_TRY(id, get_string(body, key, 2048));
  if (!id || id->empty()) return std::optional<std::string>{};
  const std::string last = id->substr(id->rfind('/') + 1);  // imageRef may be a URL
  if (!is_uuid(last))
    return bad_request(fmt::format("Invalid input for field/attribute {}. It is not a 'uuid'.", key));
  return std::optional<std::string>{last};
}

Result<std::optional<std::int64_t>> size_of(const Json& body) {
  const auto found = body.find("size");
  if (found == body.end() || found->is_null()) return std::optional<std::int64_t>{};
  auto size = get_int(body, "size");
  if (!size.ok() || !*size || **size < 1) {
    return bad_request(
        fmt::format("Invalid input received: Volume size '{}' must be an integer and greater than 0",
                    dump_json(*found).substr(0, 40)));
  }
  return size;
}

Status check_fields(const Json& body) {
  HANOK_CHECK(only_fields(body, kFields));
  for (const char* key : {"consistencygroup_id", "backup_id"}) {
    HANOK_TRY(value, get_string(body, key));
    if (value && !value->empty()) {
      return bad_request(fmt::format("Invalid input for field/attribute {}. It could not be found.", key));
    }
  }
  return {};
}

Result<CreateSpec> parse_create(const http::Request& request) {
  HANOK_TRY(body, body_of(request, "volume"));
  HANOK_CHECK(check_fields(*body));
  CreateSpec out;
  HANOK_TRY(name, text(*body, "name", "display_name"));
  HANOK_TRY(description, text(*body, "description", "display_description"));
  HANOK_TRY(type, get_string(*body, "volume_type"));
  HANOK_TRY(zone, get_string(*body, "availability_zone"));
  HANOK_TRY(image, reference(*body, body->contains("imageRef") ? "imageRef" : "image_id"));
  HANOK_TRY(snapshot, reference(*body, "snapshot_id"));
  HANOK_TRY(source, reference(*body, "source_volid"));
  HANOK_TRY(group, reference(*body, "group_id"));
  HANOK_TRY(multiattach, get_bool(*body, "multiattach"));
  HANOK_TRY(size, size_of(*body));
  HANOK_TRY(metadata, metadata_of(*body));
  if (metadata.is_object()) out.metadata = std::move(metadata);
  out.project_id = request.caller.project_id;
  out.user_id = request.caller.user_id;
  out.request_id = request.request_id;
  out.is_admin = request.caller.is_admin;
  out.name = name;
  out.description = description;
  if (type && !type->empty()) out.type = type;
  out.zone = zone.value_or("");
  out.image_id = image;
  out.snapshot_id = snapshot;
  out.source_volid = source;
  if (request.minor_version >= kGroupVolumeMinor) out.group_id = group;
  out.multiattach = multiattach.value_or(false);
  out.size_gib = size;
  return out;
}

}  // namespace

Answer create_volume_call(const Context& context, http::Request& request) {
  HANOK_TRY(spec, parse_create(request));
  spec.sealed_key = context.keys.fresh();
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(volume, make_volume(tx, spec, context.clock.now_us()));
    HANOK_TRY(extras, load_extras(tx, volume));
    return http::accepted({{"volume", volume_json(request, volume, extras, false)}});
  });
}

}  // namespace hanok::volume
