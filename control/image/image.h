#pragma once
// What the other services may call of the image service, inside their own transaction.

#include <memory>
#include <string>

#include "common/clock.h"
#include "control/http/http.h"
#include "control/store/store.h"
#include "storage/block/block_store.h"

namespace hanok::image {

struct ImageView {
  std::string id, name, status, owner, disk_format, container_format;
  std::int64_t size_bytes = 0, virtual_size_bytes = 0;
  std::int64_t min_disk_gib = 0, min_ram_mib = 0;
  // Where the bytes are: pool "images", RBD image named by id, protected base snapshot "snap".
  Json properties;
};
// Visible to the project (public, shared, community or its own), else kNotFound.
[[nodiscard]] Result<ImageView> find_image(store::Tx& tx, const std::string& image_id,
                                           const std::string& project_id, bool is_admin);
// A record in `queued` state whose bytes somebody else will write (server createImage, volume upload).
[[nodiscard]] Result<std::string> create_image_record(store::Tx& tx, const std::string& name,
                                                      const std::string& project_id, const Json& properties,
                                                      std::int64_t now_us);
// The writer is done: status active, size set. Of an image that was deleted meanwhile the bytes go to the
// trash.
[[nodiscard]] Status finish_image(store::Tx& tx, const std::string& image_id, std::int64_t size_bytes,
                                  std::int64_t now_us);
// The writer failed: status killed. What it left goes to the trash: the bytes, and its snapshot of `source`,
// the RBD image that it was copying.
[[nodiscard]] Status fail_image(store::Tx& tx, const std::string& image_id, const storage::ImageRef& source,
                                std::int64_t now_us);

// Removes the bytes of deleted and failed images, as far as the cluster answers (it may take its time); what
// is left is tried again by the next call. `blocks` may be null.
void empty_trash(store::Database& database, storage::BlockStore* blocks);

[[nodiscard]] store::Module image_module();
// `blocks` may be null: then uploads answer 503.
[[nodiscard]] http::Service image_service(store::Database& database, const Clock& clock,
                                          storage::BlockStore* blocks);

}  // namespace hanok::image
