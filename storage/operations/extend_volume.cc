#include "storage/operations/operations.h"

namespace hanok::storage {

// Never shrinks.
Status extend_volume(BlockStore& store, const ImageRef& volume, std::uint64_t size_bytes) {
  HANOK_TRY(info, store.info(volume));
  return info.size_bytes >= size_bytes ? Status() : store.resize(volume, size_bytes);
}

}  // namespace hanok::storage
