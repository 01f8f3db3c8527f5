// The metadata of volumes and snapshots: the same six calls for both.
#include <fmt/format.h>

#include "control/volume/view.h"

namespace hanok::volume {
namespace {

struct VolumeOwner {
  using Item = Volume;
  static Result<Volume> load(store::Tx& tx, const http::Request& request) { return load_volume(tx, request); }
  static Status save(store::Tx& tx, Volume& item, std::int64_t now_us) {
    return save_volume(tx, item, now_us);
  }
};
struct SnapshotOwner {
  using Item = Snapshot;
  static Result<Snapshot> load(store::Tx& tx, const http::Request& request) {
    return load_snapshot(tx, request.param("id"), request.caller.project_id, request.caller.is_admin);
  }
  static Status save(store::Tx& tx, Snapshot& item, std::int64_t now_us) {
    return save_snapshot(tx, item, now_us);
  }
};

Error no_key(const std::string& key) {
  return not_found(fmt::format("Metadata item {} was not found.", key.substr(0, 64)));
}

template <typename Owner>
Answer show(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(item, Owner::load(tx, request));
    return http::ok({{"metadata", item.metadata}});
  });
}

template <typename Owner>
Answer change(const Context& context, http::Request& request, bool replace) {
  HANOK_TRY(body, body_of(request, "metadata"));
  HANOK_TRY(metadata, check_metadata(*body));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(item, Owner::load(tx, request));
    Json merged = replace ? Json::object() : item.metadata;
    merged.update(metadata);
    HANOK_TRY(checked, check_metadata(merged));
    item.metadata = checked;
    HANOK_CHECK(Owner::save(tx, item, context.clock.now_us()));
    return http::ok({{"metadata", item.metadata}});
  });
}

template <typename Owner>
Answer show_item(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(item, Owner::load(tx, request));
    const std::string& key = request.param("key");
    if (!item.metadata.contains(key)) return no_key(key);
    return http::ok({{"meta", {{key, item.metadata[key]}}}});
  });
}

template <typename Owner>
Answer set_item(const Context& context, http::Request& request) {
  HANOK_TRY(body, body_of(request, "meta"));
  HANOK_TRY(metadata, check_metadata(*body));
  const std::string& key = request.param("key");
  if (metadata.size() != 1 || !metadata.contains(key)) {
    return bad_request("Request body and URI mismatch");
  }
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(item, Owner::load(tx, request));
    item.metadata[key] = metadata[key];
    HANOK_TRY(checked, check_metadata(item.metadata));
    HANOK_CHECK(Owner::save(tx, item, context.clock.now_us()));
    return http::ok({{"meta", metadata}});
  });
}

template <typename Owner>
Answer delete_item(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(item, Owner::load(tx, request));
    const std::string& key = request.param("key");
    if (item.metadata.erase(key) == 0) return no_key(key);
    HANOK_CHECK(Owner::save(tx, item, context.clock.now_us()));
    return http::Response{.status = 200};
  });
}

}  // namespace

Answer show_volume_metadata(const Context& context, http::Request& request) {
  return show<VolumeOwner>(context, request);
}
Answer add_volume_metadata(const Context& context, http::Request& request) {
  return change<VolumeOwner>(context, request, false);
}
Answer replace_volume_metadata(const Context& context, http::Request& request) {
  return change<VolumeOwner>(context, request, true);
}
Answer show_volume_metadata_item(const Context& context, http::Request& request) {
  return show_item<VolumeOwner>(context, request);
}
Answer set_volume_metadata_item(const Context& context, http::Request& request) {
  return set_item<VolumeOwner>(context, request);
}
Answer delete_volume_metadata_item(const Context& context, http::Request& request) {
  return delete_item<VolumeOwner>(context, request);
}
Answer show_snapshot_metadata(const Context& context, http::Request& request) {
  return show<SnapshotOwner>(context, request);
}
Answer add_snapshot_metadata(const Context& context, http::Request& request) {
  return change<SnapshotOwner>(context, request, false);
}
Answer replace_snapshot_metadata(const Context& context, http::Request& request) {
  return change<SnapshotOwner>(context, request, true);
}
Answer show_snapshot_metadata_item(const Context& context, http::Request& request) {
  return show_item<SnapshotOwner>(context, request);
}
Answer set_snapshot_metadata_item(const Context& context, http::Request& request) {
  return set_item<SnapshotOwner>(context, request);
}
Answer delete_snapshot_metadata_item(const Context& context, http::Request& request) {
  return delete_item<SnapshotOwner>(context, request);
}

}  // namespace hanok::volume
