// prepare -> (the image is used in the new pool) -> copy -> commit. What a death leaves of prepare is taken
// back and begun again; what it leaves of commit is brought to its end.
#include "storage/operations/operations.h"

namespace hanok::storage {

Status begin_move(BlockStore& store, const ImageRef& image, const std::string& pool) {
  HANOK_TRY(state, store.move_state(image, pool));
  if (state == MoveState::kPrepared || state == MoveState::kCopied) return {};
  if (state == MoveState::kBroken) HANOK_CHECK(store.abort_move(image, pool));
  Status prepared = store.prepare_move(image, pool);
  if (!prepared.ok()) static_cast<void>(undo_move(store, image, pool));  // the first error is the one to tell
  return prepared;
}

Status finish_move(BlockStore& store, const ImageRef& image, const std::string& pool,
                   const Progress& progress) {
  HANOK_TRY(state, store.move_state(image, pool));
  if (state == MoveState::kPrepared) HANOK_CHECK(store.copy_move(image, pool, progress));
  return state == MoveState::kNone ? Status() : store.commit_move(image, pool);
}

Status undo_move(BlockStore& store, const ImageRef& image, const std::string& pool) {
  HANOK_TRY(state, store.move_state(image, pool));
  return state == MoveState::kNone ? Status() : store.abort_move(image, pool);
}

}  // namespace hanok::storage
