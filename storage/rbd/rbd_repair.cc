// What a client that died leaves of an image, and what neither librbd nor the OSDs take up again: the image
// could not be removed or moved any more.
//
// - A removal by librbd hides the image in the trash, finds that it cannot go (clones, watchers) and gives it
//   its name back. Cut off in between, the image is "pending restoration" for every removal, and no restoring
//   takes what a removal has put into the trash (16.2: Trash::remove, ALLOWED_RESTORE_SOURCES).
// - An OSD notes who watches a header on disk, and keeps the timer of its end in memory. Of a client that is
//   gone before the note is written everywhere there is no timer (16.2: PrimaryLogPG::do_osd_op_effects), and
//   the image is open for ever: until the OSD reads the note again.
#include <memory>
#include <vector>

#include "storage/rbd/object_class.h"
#include "storage/rbd/rbd_image.h"

namespace hanok::storage {
namespace {

// An OSD keeps what it read of the last 64 objects of a placement group
// (osd_pg_object_context_cache_count), and of those that somebody watches.
constexpr int kMoreThanItKeeps = 96;

// Also of those that a removal has in the trash.
Result<std::string> id_of(librados::IoCtx& io, const ImageRef& image) {
  librbd::RBD rbd;
  std::vector<librbd::image_spec_t> images;
  if (const int code = rbd.list2(io, &images); code < 0) return rbd_error(code, "List of pool " + image.pool);
  for (const auto& one : images) {
    if (one.name == image.name) return one.id;
  }
  return not_found("There is no image " + display(image) + ".");
}

// By others that it has to look at: they are not there, and hash to where the header is.
void make_osd_read_again(const librados::IoCtx& pool, const std::string& header) {
  librados::IoCtx io;
  io.dup(pool);
  io.locator_set_key(header);
  const auto release = [](librados::AioCompletion* one) { one->release(); };
  std::vector<std::unique_ptr<librados::AioCompletion, decltype(release)>> under_way;
  for (int i = 0; i < kMoreThanItKeeps; ++i) {
    under_way.emplace_back(librados::Rados::aio_create_completion(), release);
    const std::string nothing = "hanok-nothing." + std::to_string(i);
    if (io.aio_remove(nothing, under_way.back().get()) < 0) {
      under_way.pop_back();
      break;
    }
  }
  for (const auto& one : under_way) one->wait_for_complete();
}

}  // namespace

Status repair_image(Cluster& cluster, const ImageRef& image) {
  HANOK_TRY(pool, cluster.pool(image.pool));
  HANOK_TRY(id, id_of(pool.io, image));
  librbd::RBD rbd;
  librbd::trash_image_info_t info;
  if (rbd.trash_get(pool.io, id.c_str(), &info) == 0 && info.source == RBD_TRASH_IMAGE_SOURCE_REMOVING) {
    const int code = give_name_back(pool.io, image.name, id);
    if (code < 0) return rbd_error(code, "Name of " + display(image));
  }
  make_osd_read_again(pool.io, "rbd_header." + id);
  return {};
}

}  // namespace hanok::storage
