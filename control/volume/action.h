#pragma once
// The actions on a volume; each runs in one write transaction that has loaded the volume.

#include "control/volume/context.h"

namespace hanok::volume {

struct Action {
  store::Tx& tx;
  const http::Request& request;
  Volume& volume;
  const Json& argument;
  std::int64_t now_us;
};

// actions_change.cc
[[nodiscard]] Answer extend(Action& action);
[[nodiscard]] Answer set_bootable(Action& action);
[[nodiscard]] Answer set_readonly(Action& action);
[[nodiscard]] Answer reset_status(Action& action);
[[nodiscard]] Answer force_delete(Action& action);
// actions_retype.cc
[[nodiscard]] Answer retype(Action& action);
[[nodiscard]] Answer flatten(Action& action);
[[nodiscard]] Answer cancel_flatten(Action& action);
// manage.cc
[[nodiscard]] Answer unmanage(Action& action);
// actions_revert.cc
[[nodiscard]] Answer revert(Action& action);
// actions_image.cc
[[nodiscard]] Answer upload_to_image(Action& action);
[[nodiscard]] Answer set_image_metadata(Action& action);
[[nodiscard]] Answer unset_image_metadata(Action& action);
[[nodiscard]] Answer show_image_metadata(Action& action);
// actions_attach.cc
[[nodiscard]] Answer reserve(Action& action);
[[nodiscard]] Answer unreserve(Action& action);
[[nodiscard]] Answer attach(Action& action);
[[nodiscard]] Answer begin_detaching(Action& action);
[[nodiscard]] Answer roll_detaching(Action& action);
[[nodiscard]] Answer detach(Action& action);
[[nodiscard]] Answer initialize_connection(Action& action);
[[nodiscard]] Answer terminate_connection(Action& action);

// volumes.cc: what a deletion asks of a volume.
[[nodiscard]] Status check_deletable(store::Tx& tx, const Volume& volume, bool cascade, bool force);

// Where a client that attaches by itself finds the RBD image (no key: it has its own).
[[nodiscard]] Json connection_info(const Volume& volume, const std::string& mode);

}  // namespace hanok::volume
