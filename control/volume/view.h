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
// That of a body; null when it has none.
[[nodiscard]] Result<Json> metadata_of(const Json& body);
// And the values of extra specs that mean something here.
[[nodiscard]] Result<Json> check_type_specs(const Json& specs);
// The object under `key` in the body; kBadRequest.
[[nodiscard]] Result<const Json*> body_of(const http::Request& request, const std::string& key);
// As get_string, and kBadRequest unless it is an id.
[[nodiscard]] Result<std::optional<std::string>> get_uuid(const Json& body, const char* key);
// Fields allowed in a request object; the first other one is named in a kBadRequest.
[[nodiscard]] Status only_fields(const Json& object, std::initializer_list<const char*> allowed);
// Of the resource at `path`, below the version: "<project>/volumes/<id>".
[[nodiscard]] Json links_json(const http::Request& request, const std::string& path);

}  // namespace hanok::volume
