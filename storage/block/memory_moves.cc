// Moves between pools, as rbd_move.cc makes them.
#include "storage/block/memory_store.h"

namespace hanok::storage {
namespace {

std::string move_key(const ImageRef& image, const std::string& pool) {
  return image.pool + ">" + pool + "/" + image.name;
}

}  // namespace

MemoryStore::Move* MemoryStore::find_move(const ImageRef& image, const std::string& pool) {
  const auto it = moves_.find(move_key(image, pool));
  return it == moves_.end() ? nullptr : &it->second;
}

Result<MoveState> MemoryStore::move_state(const ImageRef& image, const std::string& pool) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  const Move* move = find_move(image, pool);
  return move == nullptr ? MoveState::kNone : move->state;
}

Status MemoryStore::prepare_move(const ImageRef& image, const std::string& pool) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  HANOK_TRY(found, find_image(image));
  HANOK_TRY(made, new_image({pool, image.name}));
  *made = std::move(*found);
  pools_[image.pool].erase(image.name);
  moves_[move_key(image, pool)] = {};
  return {};
}

void MemoryStore::break_prepare(const ImageRef& image, const std::string& pool) {
  const std::lock_guard lock(mutex_);
  Pool& from = pools_[image.pool];
  moves_[move_key(image, pool)] = {MoveState::kBroken, std::move(from[image.name])};
  from.erase(image.name);
}

Status MemoryStore::copy_move(const ImageRef& image, const std::string& pool, const Progress& progress) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  Move* move = find_move(image, pool);
  if (move == nullptr) return bad_request("There is no such move.");
  if (progress) static_cast<void>(progress(1, 2));
  move->state = MoveState::kCopied;
  return {};
}

Status MemoryStore::commit_move(const ImageRef& image, const std::string& pool) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  moves_.erase(move_key(image, pool));
  return {};
}

Status MemoryStore::abort_move(const ImageRef& image, const std::string& pool) {
  const std::lock_guard lock(mutex_);
  HANOK_CHECK(enter());
  Move* move = find_move(image, pool);
  if (move == nullptr) return {};
  HANOK_TRY(back, new_image(image));
  if (move->state == MoveState::kBroken) {
    *back = std::move(move->hidden);
  } else {
    HANOK_TRY(moved, find_image({pool, image.name}));
    *back = std::move(*moved);
    pools_[pool].erase(image.name);
  }
  moves_.erase(move_key(image, pool));
  return {};
}

}  // namespace hanok::storage
