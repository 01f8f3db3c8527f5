#pragma once
// The compute API's old view of images (up to 2.35; metadata up to 2.38): an adapter over the image service's
// calls.

#include <map>
#include <memory>
#include <string>

#include "control/compute/context.h"
#include "control/http/router.h"

namespace hanok::compute {

// The image service, called in this process as its own clients call it.
class ImageCalls {
 public:
  explicit ImageCalls(http::Service service) : service_(std::move(service)), router_(service_.routes) {}

  // As the caller of `original`; `id` empty: the collection. Query parameters are the given ones.
  [[nodiscard]] Answer call(http::Method method, const std::string& id, const http::Request& original,
                            std::vector<std::pair<std::string, std::string>> query = {}) const;

 private:
  http::Service service_;
  http::Router router_;
};

[[nodiscard]] Answer list_images(Context& context, http::Request& request);
[[nodiscard]] Answer list_images_detail(Context& context, http::Request& request);
[[nodiscard]] Answer show_image(Context& context, http::Request& request);
[[nodiscard]] Answer delete_image(Context& context, http::Request& request);
[[nodiscard]] Answer show_image_metadata(Context& context, http::Request& request);

}  // namespace hanok::compute
