#pragma once
// Root disks of guests: copies of images, and images made from them. All steps can be repeated after a crash
// at any point.

#include <cstdint>

#include "agents/compute/instance.h"
#include "storage/operations/operations.h"

namespace hanok::agent {

class RootDisks {
 public:
  // Both outlive this.
  RootDisks(storage::BlockStore& store, storage::Converter& converter)
      : store_(store), converter_(converter) {}

  // The disk is there, made from its source, at least size_gib large.
  [[nodiscard]] Status prepare(const RootDisk& disk);
  [[nodiscard]] Status grow(const RootDisk& disk);
  [[nodiscard]] Status remove(const storage::ImageRef& disk);  // idempotent

 private:
  [[nodiscard]] Status convert_whole(const RootDisk& disk);

  storage::BlockStore& store_;
  storage::Converter& converter_;
};

}  // namespace hanok::agent
