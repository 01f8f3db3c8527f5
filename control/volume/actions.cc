// POST /volumes/{id}/action: {"os-extend": {...}} and the like; one row per action.
#include <fmt/format.h>

#include "control/volume/action.h"

namespace hanok::volume {
namespace {

struct ActionRow {
  const char* name;
  bool admin;
  Answer (*run)(Action& action);
};

constexpr ActionRow kActions[] = {
    {"os-extend", false, extend},
    {"os-set_bootable", false, set_bootable},
    {"os-update_readonly_flag", false, set_readonly},
    {"os-volume_upload_image", false, upload_to_image},
    {"os-reserve", false, reserve},
    {"os-unreserve", false, unreserve},
    {"os-attach", false, attach},
    {"os-begin_detaching", false, begin_detaching},
    {"os-roll_detaching", false, roll_detaching},
    {"os-detach", false, detach},
    {"os-force_detach", true, detach},
    {"os-initialize_connection", false, initialize_connection},
    {"os-terminate_connection", false, terminate_connection},
    {"os-reset_status", true, reset_status},
    {"os-force_delete", true, force_delete},
    {"os-set_image_metadata", false, set_image_metadata},
    {"os-unset_image_metadata", false, unset_image_metadata},
    {"os-show_image_metadata", false, show_image_metadata},
    {"os-retype", false, retype},
    {"hanok:flatten", false, flatten},
    {"hanok:cancel_flatten", false, cancel_flatten},
    {"os-unmanage", true, unmanage},
    {"revert", false, revert},
};

}  // namespace

Answer volume_action(const Context& context, http::Request& request) {
  if (!request.json.is_object() || request.json.size() != 1)
    return bad_request("There must be exactly one action.");
  const auto wanted = request.json.begin();
  for (const ActionRow& row : kActions) {
    if (wanted.key() != row.name) continue;
    if (row.admin && !request.caller.is_admin) {
      return forbidden(fmt::format("Policy doesn't allow {} to be performed.", row.name));
    }
    return context.database.write([&](store::Tx& tx) -> Answer {
      HANOK_TRY(volume, load_volume(tx, request));
      Action action{tx, request, volume, wanted.value(), context.clock.now_us()};
      return row.run(action);
    });
  }
  return bad_request(fmt::format("There is no such action: {}.", wanted.key().substr(0, 64)));
}

}  // namespace hanok::volume
