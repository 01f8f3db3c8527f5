// Moves between pools by RBD's live migration. To prepare one, RBD puts the source into its pool's trash (as
// "migration"), notes the move in its header, makes the target and notes it there too; at the end it takes
// the note from the target and removes the source. Whoever is killed in between leaves parts that RBD itself
// does not take up again: here they are.
#include <algorithm>
#include <vector>

#include "storage/rbd/object_class.h"
#include "storage/rbd/rbd_image.h"

namespace hanok::storage {
namespace {

struct Parts {
  Pool from, to;
  std::optional<rbd_image_migration_state_t> state{};  // as the target's header says it
  bool named = false;                                  // the source has its name in the old pool
  std::string hidden_id{};                             // of the source in the trash
  bool noted = false;                                  // which has the note of the move in its header
};

std::string move_text(const ImageRef& image, const std::string& pool) {
  return "Move of " + display(image) + " to pool " + pool;
}

Status move_status(int code, const ImageRef& image, const std::string& pool) {
  return code < 0 ? Status(rbd_error(code, move_text(image, pool))) : Status();
}

// Of a step that somebody else is at too (a delete beside the copying): what is left is seen the next time.
Status step_status(int code, const ImageRef& image, const std::string& pool) {
  if (code == -EINVAL) return unavailable(move_text(image, pool) + ": its state has changed meanwhile");
  return move_status(code, image, pool);
}

Result<std::string> hidden_source(librados::IoCtx& io, const ImageRef& image) {
  std::vector<librbd::trash_image_info_t> entries;
  librbd::RBD rbd;
  if (const int code = rbd.trash_list(io, entries); code < 0) {
    return rbd_error(code, "Trash of pool " + image.pool);
  }
  for (const auto& entry : entries) {
    if (entry.source == RBD_TRASH_IMAGE_SOURCE_MIGRATION && entry.name == image.name) return entry.id;
  }
  return std::string();
}

// Whether the image is there, and whether it has the note of a move. RBD's own migration calls must not be
// asked of an image without: they leave it open, and then it is in use as long as this process lives.
struct Found {
  bool there = false, moves = false;
};
template <typename Open>
Result<Found> look_at(const Open& open, const std::string& what) {
  librbd::Image image;
  const int code = open(image);
  if (code == -ENOENT) return Found{};
  std::uint64_t features = 0;
  if (code < 0) return rbd_error(code, what);
  if (const int got = image.features(&features); got < 0) return rbd_error(got, what);
  return Found{.there = true, .moves = (features & RBD_FEATURE_MIGRATING) != 0};
}

Result<Parts> parts_of(Cluster& cluster, const ImageRef& image, const std::string& pool) {
  HANOK_TRY(from, cluster.pool(image.pool));
  HANOK_TRY(to, cluster.pool(pool));
  Parts out{.from = from, .to = to};
  librbd::RBD rbd;
  const std::string what = move_text(image, pool);
  const auto by_name = [&](librados::IoCtx& io) {
    return [&](librbd::Image& opened) { return rbd.open_read_only(io, opened, image.name.c_str(), nullptr); };
  };
  HANOK_TRY(target, look_at(by_name(out.to.io), what));
  if (target.moves) {
    librbd::image_migration_status_t status{};
    const int code = rbd.migration_status(out.to.io, image.name.c_str(), &status, sizeof(status));
    if (code < 0) return rbd_error(code, what);
    out.state = status.state;
  }
  HANOK_TRY(source, look_at(by_name(out.from.io), what));
  out.named = source.there;
  HANOK_TRY(hidden_id, hidden_source(out.from.io, image));
  out.hidden_id = hidden_id;
  if (hidden_id.empty()) return out;
  const auto by_id = [&](librbd::Image& opened) {
    return rbd.open_by_id_read_only(out.from.io, opened, out.hidden_id.c_str(), nullptr);
  };
  HANOK_TRY(hidden, look_at(by_id, what));
  out.noted = hidden.moves;
  return out;
}

// The source of a move that is done but for its removal.
Status remove_hidden(librados::IoCtx& io, const std::string& id, const std::string& what) {
  const int code = call_class(io, "rbd_header." + id, "migration_remove", {});
  if (code < 0 && code != -EINVAL) return rbd_error(code, what);
  librbd::RBD rbd;
  {
    librbd::Image image;
    const int opened = rbd.open_by_id(io, image, id.c_str(), nullptr);
    if (opened == 0) HANOK_CHECK(drop_snapshots(image));
    if (opened < 0 && opened != -ENOENT) return rbd_error(opened, what);
  }
  const int removed = rbd.trash_remove(io, id.c_str(), true);
  return removed < 0 && removed != -ENOENT ? Status(rbd_error(removed, what)) : Status();
}

bool is_broken(const Parts& parts) {
  return !parts.state && !parts.named && !parts.hidden_id.empty();
}

}  // namespace

Result<MoveState> move_state(Cluster& cluster, const ImageRef& image, const std::string& pool) {
  HANOK_TRY(parts, parts_of(cluster, image, pool));
  if (!parts.state) return is_broken(parts) ? MoveState::kBroken : MoveState::kNone;
  switch (*parts.state) {
    case RBD_IMAGE_MIGRATION_STATE_PREPARED:
    case RBD_IMAGE_MIGRATION_STATE_EXECUTING:
      return MoveState::kPrepared;
    case RBD_IMAGE_MIGRATION_STATE_EXECUTED:
      return MoveState::kCopied;
    default:
      return MoveState::kBroken;
  }
}

Status prepare_move(Cluster& cluster, const ImageRef& image, const std::string& pool) {
  HANOK_TRY(parts, parts_of(cluster, image, pool));
  // Of a move into the trash that was cut off, or out of it.
  if (parts.named && !parts.hidden_id.empty()) {
    if (const int code = give_name_back(parts.from.io, image.name, parts.hidden_id); code < 0) {
      return move_status(code, image, pool);
    }
  }
  librbd::RBD rbd;
  librbd::ImageOptions options;
  const auto prepare = [&] {
    return rbd.migration_prepare(parts.from.io, image.name.c_str(), parts.to.io, image.name.c_str(), options);
  };
  int code = prepare();
  if (code == -EEXIST) {  // a target that was cut off: its name, without a header
    librbd::Image target;
    if (rbd.open_read_only(parts.to.io, target, image.name.c_str(), nullptr) == -ENOENT &&
        rbd.remove(parts.to.io, image.name.c_str()) == 0) {
      code = prepare();
    }
  }
  return move_status(code, image, pool);
}

Status copy_move(Cluster& cluster, const ImageRef& image, const std::string& pool, const Progress& progress) {
  HANOK_TRY(to, cluster.pool(pool));
  librbd::RBD rbd;
  ProgressCall told(progress);
  return step_status(rbd.migration_execute_with_progress(to.io, image.name.c_str(), told), image, pool);
}

Status commit_move(Cluster& cluster, const ImageRef& image, const std::string& pool) {
  HANOK_TRY(parts, parts_of(cluster, image, pool));
  librbd::RBD rbd;
  if (parts.state) return step_status(rbd.migration_commit(parts.to.io, image.name.c_str()), image, pool);
  return is_broken(parts) ? remove_hidden(parts.from.io, parts.hidden_id, move_text(image, pool)) : Status();
}

Status abort_move(Cluster& cluster, const ImageRef& image, const std::string& pool) {
  HANOK_TRY(parts, parts_of(cluster, image, pool));
  librbd::RBD rbd;
  if (parts.state) return move_status(rbd.migration_abort(parts.to.io, image.name.c_str()), image, pool);
  if (!is_broken(parts)) return {};
  Status gone = remove_image(cluster, {pool, image.name});  // a target that nobody has used
  if (!gone.ok() && gone.error().code != ErrorCode::kNotFound) return gone;
  return move_status(parts.noted ? rbd.migration_abort(parts.from.io, image.name.c_str())
                                 : give_name_back(parts.from.io, image.name, parts.hidden_id),
                     image, pool);
}

}  // namespace hanok::storage
