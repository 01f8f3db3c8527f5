// A group made of another, or of a group snapshot (3.14): a volume for each of theirs.
#include "common/uuid.h"
#include "control/volume/create.h"
#include "control/volume/group_view.h"
#include "control/volume/quota.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

constexpr int kSourceMinor = 14;

struct GroupSource {
  std::string group_type_id;
  std::vector<std::string> volume_types;
  std::vector<CreateSpec> volumes;
};

CreateSpec copy_of(const http::Request& request, const std::optional<std::string>& type_id,
                   std::int64_t size_gib) {
  CreateSpec out;
  out.project_id = request.caller.project_id;
  out.user_id = request.caller.user_id;
  out.request_id = request.request_id;
  out.is_admin = true;  // the source was found by the caller, its parts and types go with it
  out.type = type_id;
  out.size_gib = size_gib;
  return out;
}

Result<GroupSource> from_group(store::Tx& tx, const http::Request& request, const std::string& id) {
  HANOK_TRY(group, load_group(tx, request, id));
  HANOK_TRY(types, types_of_group(tx, group.id));
  HANOK_TRY(volumes, volumes_of_group(tx, group.id));
  if (volumes.empty()) return bad_request("Invalid group: Source Group is empty. No group will be created.");
  GroupSource out{group.group_type_id, types, {}};
  for (const Volume& volume : volumes) {
    CreateSpec spec = copy_of(request, volume.type_id, volume.size_gib);
    spec.source_volid = volume.id;
    out.volumes.push_back(std::move(spec));
  }
  return out;
}

Result<GroupSource> from_group_snapshot(store::Tx& tx, const http::Request& request, const std::string& id) {
  HANOK_TRY(snapshot, load_group_snapshot(tx, request, id));
  if (snapshot.status != "available")
    return bad_request("Invalid group snapshot: its status must be available, but it is " + snapshot.status);
  HANOK_TRY(types, types_of_group(tx, snapshot.group_id));
  HANOK_TRY(members, snapshots_of_group_snapshot(tx, snapshot.id));
  GroupSource out{snapshot.group_type_id, types, {}};
  for (const Snapshot& member : members) {
    HANOK_TRY(volume, get_volume(tx, member.volume_id));
    if (!volume) return internal_error("The volume of snapshot " + member.id + " is gone.");
    CreateSpec spec = copy_of(request, volume->type_id, member.size_gib);
    spec.snapshot_id = member.id;
    if (volume->type_id) out.volume_types.push_back(*volume->type_id);  // it may have changed since
    out.volumes.push_back(std::move(spec));
  }
  return out;
}

}  // namespace

Answer create_group_from_source(const Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, kSourceMinor));
  HANOK_TRY(body, body_of(request, "create-from-src"));
  HANOK_CHECK(only_fields(*body, {"name", "description", "group_snapshot_id", "source_group_id"}));
  HANOK_TRY(name, get_string(*body, "name"));
  HANOK_TRY(description, get_string(*body, "description"));
  HANOK_TRY(snapshot_id, get_uuid(*body, "group_snapshot_id"));
  HANOK_TRY(group_id, get_uuid(*body, "source_group_id"));
  if (snapshot_id.has_value() == group_id.has_value())
    return bad_request("Invalid input: exactly one of group_snapshot_id and source_group_id.");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(source,
              group_id ? from_group(tx, request, *group_id) : from_group_snapshot(tx, request, *snapshot_id));
    HANOK_CHECK(check_quota(tx, request.caller.project_id, {.groups = 1}));
    const std::int64_t now_us = context.clock.now_us();
    Group group;
    group.id = new_uuid();
    group.project_id = request.caller.project_id;
    group.user_id = request.caller.user_id;
    group.status = "creating";
    group.working = true;
    group.group_type_id = source.group_type_id;
    group.name = name;
    group.description = description;
    group.group_snapshot_id = snapshot_id;
    group.source_group_id = group_id;
    group.created_us = now_us;
    HANOK_CHECK(insert_group(tx, group, source.volume_types));
    for (CreateSpec& spec : source.volumes) {
      spec.group_id = group.id;
      HANOK_CHECK(make_volume(tx, spec, now_us));
    }
    return http::accepted({{"group", group_summary_json(group)}});
  });
}

}  // namespace hanok::volume
