#pragma once
// Making a volume: what the API and the compute service share.

#include "control/volume/record.h"

namespace hanok::volume {

struct CreateSpec {
  std::string project_id, user_id, request_id, zone;
  bool is_admin = false;
  std::optional<std::string> name, description, type, image_id, snapshot_id, source_volid,
      group_id;  // type: id or name
  std::optional<std::string>
      managed_image;  // an image of `managed_pool` that becomes the volume's; size_gib is its
  std::string managed_pool{};
  std::string sealed_key{};  // for an encrypted one; without it only clones of those may be encrypted
  std::optional<std::int64_t> size_gib;  // optional with a snapshot or a volume as source
  Json metadata = Json::object();
  bool multiattach = false;
};

// Checks everything (sizes, source, type, quota), writes the row in `creating`, and wakes the agents.
[[nodiscard]] Result<Volume> make_volume(store::Tx& tx, const CreateSpec& spec, std::int64_t now_us);

}  // namespace hanok::volume
