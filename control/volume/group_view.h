#pragma once
// What the calls on groups, group types and group snapshots share.

#include "control/volume/context.h"
#include "control/volume/group_record.h"

namespace hanok::volume {

// kNotFound: the resource came with a later microversion.
[[nodiscard]] Status need_minor(const http::Request& request, int least);
// Id of the group type that an id or a name stands for.
[[nodiscard]] Result<std::string> find_group_type(store::Tx& tx, const std::string& id_or_name,
                                                  bool is_admin);
[[nodiscard]] Json group_summary_json(const Group& group);
[[nodiscard]] Json group_snapshot_summary_json(const GroupSnapshot& snapshot);
// The status that an administrator sets, of those that Cinder has: it starts nothing.
[[nodiscard]] Result<std::string> wanted_group_status(const http::Request& request);

}  // namespace hanok::volume
