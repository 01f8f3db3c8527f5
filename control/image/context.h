#pragma once
// What the image API's handlers have at hand, and the handlers, one file per resource.

#include "common/clock.h"
#include "control/http/http.h"
#include "control/image/record.h"
#include "control/store/store.h"
#include "storage/block/block_store.h"

namespace hanok::image {

inline constexpr const char* kPool = "images";
inline constexpr const char* kBaseSnapshot = "snap";

struct Context {
  store::Database& database;
  const Clock& clock;
  storage::BlockStore* blocks;  // null: no Ceph
};
using Answer = Result<http::Response>;

// discovery.cc
[[nodiscard]] Answer show_versions(const Context& context, http::Request& request);
[[nodiscard]] Answer show_all_versions(const Context& context, http::Request& request);
[[nodiscard]] Answer show_import_info(const Context& context, http::Request& request);
// schemas.cc
[[nodiscard]] Answer show_schema(const Context& context, http::Request& request);
// images_create.cc, images_list.cc, images.cc, images_update.cc
[[nodiscard]] Answer create_image(const Context& context, http::Request& request);
[[nodiscard]] Answer list_images(const Context& context, http::Request& request);
[[nodiscard]] Answer show_image(const Context& context, http::Request& request);
[[nodiscard]] Answer delete_image(const Context& context, http::Request& request);
[[nodiscard]] Answer deactivate_image(const Context& context, http::Request& request);
[[nodiscard]] Answer reactivate_image(const Context& context, http::Request& request);
[[nodiscard]] Answer update_image(const Context& context, http::Request& request);
// image_data.cc
[[nodiscard]] Answer upload_image(const Context& context, http::Request& request);
[[nodiscard]] Answer download_image(const Context& context, http::Request& request);
// tags.cc
[[nodiscard]] Answer add_tag(const Context& context, http::Request& request);
[[nodiscard]] Answer remove_tag(const Context& context, http::Request& request);
// members.cc
[[nodiscard]] Answer list_members(const Context& context, http::Request& request);
[[nodiscard]] Answer show_member(const Context& context, http::Request& request);
[[nodiscard]] Answer add_member(const Context& context, http::Request& request);
[[nodiscard]] Answer update_member(const Context& context, http::Request& request);
[[nodiscard]] Answer remove_member(const Context& context, http::Request& request);

}  // namespace hanok::image
