#pragma once
// Volumes and snapshots as the API shows them.

#include "control/volume/context.h"

namespace hanok::volume {

struct VolumeExtras {
  std::optional<std::string> type_name;
  std::vector<Attachment> attachments;
};
[[nodiscard]] Result<VolumeExtras> load_extras(store::Tx& tx, const Volume& volume);

[[nodiscard]] Json volume_summary_json(const http::Request& request, const Volume& volume);
// As create and update answer; `full` adds what show and detail have beyond it.
[[nodiscard]] Json volume_json(const http::Request& request, const Volume& volume, const VolumeExtras& extras,
                               bool full);
[[nodiscard]] Json snapshot_json(const http::Request& request, const Snapshot& snapshot, bool full);
[[nodiscard]] Json time_json(std::int64_t time_us);
[[nodiscard]] Json time_json(const std::optional<std::int64_t>& time_us);
[[nodiscard]] Json text_json(const std::optional<std::string>& text);
// Metadata from a client: string values, bounded.
[[nodiscard]] Result<Json> check_metadata(const Json& metadata);
// And the values of extra specs that mean something here.
[[nodiscard]] Result<Json> check_type_specs(const Json& specs);
// The object under `key` in the body; kBadRequest.
[[nodiscard]] Result<const Json*> body_of(const http::Request& request, const std::string& key);

}  // namespace hanok::volume
