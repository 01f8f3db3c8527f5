#pragma once
// The volume role: brings volumes and snapshots about in the block store. An object exists only while there
// is work to do, names it in `task`, and the report echoes it.

#include "agents/core/reconciler.h"
#include "storage/operations/operations.h"

namespace hanok::agent {

// How what was done, or why not, is reported; what may still come right is tried again.
[[nodiscard]] Outcome outcome_of(const Task& task, Result<Json> done);

class VolumeReconciler final : public Reconciler {
 public:
  // Both outlive this.
  VolumeReconciler(storage::BlockStore& store, storage::Converter& converter)
      : store_(store), converter_(converter) {}

  [[nodiscard]] std::vector<std::string> kinds() const override {
    return {"volume", "snapshot", "group_snapshot"};
  }
  // What may still come right (the cluster does not answer, an image is open somewhere) is reported as
  // `retrying` with its cause and tried again; the API gives up at its deadline. What cannot come right is
  // reported as `error`.
  [[nodiscard]] Result<Outcome> apply(const Task& task) override;
  // "volume_images" {pool, name} or {pool, offset, limit, descending}: images, sorted by name, with
  // size_bytes and in_use. One that goes meanwhile is left out.
  // "volume_snapshots" {pool, image, name} or {pool, offset, limit, descending}: snapshots, sorted by image
  // and name, with both and size_bytes.
  [[nodiscard]] std::optional<Result<Json>> answer(const std::string& method, const Json& params) override;

 private:
  [[nodiscard]] Result<Json> images(const Json& params);
  [[nodiscard]] Result<Json> snapshots(const Json& params);
  // [] for an image that is gone, unless it must be there.
  [[nodiscard]] Result<Json> snapshots_of(const storage::ImageRef& ref, bool descending, bool must_be);
  [[nodiscard]] Result<Json> image(const storage::ImageRef& ref);
  [[nodiscard]] Result<Json> apply_volume(const Json& object);
  [[nodiscard]] Result<Json> apply_snapshot(const Json& object);
  [[nodiscard]] Result<Json> apply_group_snapshot(const Json& object);

  storage::BlockStore& store_;
  storage::Converter& converter_;
};

}  // namespace hanok::agent
