#include "storage/operations/operations.h"

namespace hanok::storage {

Status delete_volume(BlockStore& store, const ImageRef& volume, const VolumeSource& source) {
  HANOK_CHECK(unless_gone(store.remove(volume)));
  if (source.type != VolumeSource::Type::kNone) HANOK_CHECK(unless_gone(store.remove(partial_image(volume))));
  if (source.type == VolumeSource::Type::kVolume) {
    HANOK_CHECK(unless_gone(store.remove_snapshot(clone_snapshot(source.image, volume))));
  }
  return {};
}

}  // namespace hanok::storage
