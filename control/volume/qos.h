#pragma once
// QoS specs: what a volume type promises at most, and the limits that follow for one volume.

#include <optional>
#include <string>

#include "control/store/store.h"

namespace hanok::volume {

// Refuses limits that are no numbers. Keys that are not known are kept and mean nothing, as in Cinder.
[[nodiscard]] Status check_qos_specs(const Json& specs);
// As agents see them: {"iops": {"rate": 200, "burst": 400}, ...}; only what is limited. Keys are Cinder's:
// {total,read,write}_{iops,bytes}_sec with _max (burst), or _per_gb with _per_gb_min in place of the plain
// one.
[[nodiscard]] Json limits_from(const Json& specs, std::int64_t size_gib);
// Of a volume of this type and size.
[[nodiscard]] Result<Json> limits_of(store::Tx& tx, const std::optional<std::string>& type_id,
                                     std::int64_t size_gib);
// All volumes under these specs are looked at again.
[[nodiscard]] Status touch_limited(store::Tx& tx, const std::string& qos_id);

}  // namespace hanok::volume
