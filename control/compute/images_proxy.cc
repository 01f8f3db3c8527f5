#include "control/compute/images_proxy.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "common/uuid.h"

namespace hanok::compute {
namespace {

constexpr int kLastMetadata = 38;

std::string status_word(const std::string& status) {
  if (status == "active") return "ACTIVE";
  if (status == "queued" || status == "saving" || status == "importing") return "SAVING";
  if (status == "deleted" || status == "pending_delete") return "DELETED";
  if (status == "killed") return "ERROR";
  return "UNKNOWN";
}

// What the image API shows of every image; the other members of its objects are the user's properties.
bool is_property(const std::string& name) {
  static const std::set<std::string> kBase = {
      "id",          "name",       "status",       "visibility", "protected",    "checksum",
      "owner",       "size",       "virtual_size", "min_ram",    "min_disk",     "container_format",
      "disk_format", "created_at", "updated_at",   "tags",       "self",         "file",
      "schema",      "locations",  "direct_url",   "os_hidden",  "os_hash_algo", "os_hash_value",
      "stores"};
  return !kBase.contains(name);
}

Json metadata_of(const Json& image) {
  Json out = Json::object();
  for (const auto& [name, value] : image.items()) {
    if (is_property(name) && value.is_string()) out[name] = value;
  }
  return out;
}

Json image_links(const http::Request& request, const std::string& id) {
  Json out = links_of(request, "images/" + id);
  out.push_back({{"rel", "alternate"},
                 {"type", "application/vnd.openstack.image"},
                 {"href", fmt::format("{}/images/{}", request.base_url, id)}});
  return out;
}

Json summary_json(const http::Request& request, const Json& image) {
  const std::string id = image.value("id", "");
  return {{"id", id}, {"name", image.value("name", Json())}, {"links", image_links(request, id)}};
}

Json detail_json(const http::Request& request, const Json& image) {
  Json out = summary_json(request, image);
  const std::string status = status_word(image.value("status", ""));
  out["status"] = status;
  out["progress"] = status == "ACTIVE" ? 100 : status == "SAVING" ? 50 : 0;
  out["created"] = image.value("created_at", "");
  out["updated"] = image.value("updated_at", "");
  out["minDisk"] = image.value("min_disk", Json(0));
  out["minRam"] = image.value("min_ram", Json(0));
  out["OS-EXT-IMG-SIZE:size"] = image.value("size", Json());
  out["metadata"] = metadata_of(image);
  const std::string server = image.value("instance_uuid", "");
  if (!server.empty()) {
    out["server"] = {{"id", server}, {"links", links_of(request, "servers/" + server)}};
  }
  return out;
}

Error no_image(const std::string& id) {
  return not_found(fmt::format("Image {} could not be found.", id.substr(0, 64)));
}

Result<Json> find(Context& context, const http::Request& request) {
  const std::string& id = request.param("image");
  if (!is_uuid(id)) return no_image(id);
  auto found = context.images->call(http::Method::kGet, id, request);
  if (!found.ok()) return found.error().code == ErrorCode::kNotFound ? no_image(id) : found.take_error();
  return std::move(found->body);
}

// Nova's filters, in the image API's words.
Result<std::vector<std::pair<std::string, std::string>>> query_of(const http::Request& request) {
  HANOK_TRY(page, page_of(request));
  std::vector<std::pair<std::string, std::string>> out = {{"limit", std::to_string(page.limit)}};
  if (!page.marker.empty()) out.emplace_back("marker", page.marker);
  for (const auto& [ours, theirs] : {std::pair{"name", "name"}, std::pair{"type", "image_type"}}) {
    if (const auto value = request.query_one(ours)) out.emplace_back(theirs, *value);
  }
  if (const auto server = request.query_one("server")) {
    out.emplace_back("instance_uuid", server->substr(server->rfind('/') + 1));
  }
  if (auto status = request.query_one("status")) {
    for (char& c : *status) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    out.emplace_back("status", *status == "saving" ? "queued" : *status == "error" ? "killed" : *status);
  }
  if (const auto since = request.query_one("changes-since")) out.emplace_back("updated_at", "gte:" + *since);
  return out;
}

Answer list_images_with(Context& context, http::Request& request, bool detail) {
  HANOK_CHECK(need_minor(request, 1, kLastProxyMinor));
  HANOK_TRY(query, query_of(request));
  HANOK_TRY(found, context.images->call(http::Method::kGet, "", request, query));
  Json list = Json::array();
  for (const auto& image : found.body.value("images", Json::array())) {
    list.push_back(detail ? detail_json(request, image) : summary_json(request, image));
  }
  Json body = {{"images", std::move(list)}};
  if (found.body.contains("next") && !body["images"].empty()) {
    body["images_links"] = next_link(request, body["images"].back()["id"]);
  }
  return http::ok(std::move(body));
}

}  // namespace

Answer ImageCalls::call(http::Method method, const std::string& id, const http::Request& original,
                        std::vector<std::pair<std::string, std::string>> query) const {
  http::Request request;
  request.method = method;
  request.path = id.empty() ? "/v2/images" : "/v2/images/" + id;
  request.query = std::move(query);
  request.request_id = original.request_id;
  request.base_url = original.base_url;
  request.caller = original.caller;
  const auto match = router_.match(method, http::split_pattern(request.path));
  if (match.route == nullptr) return not_found("The resource could not be found.");
  request.params = match.params;
  return match.route->handler(request);
}

Answer list_images(Context& context, http::Request& request) {
  return list_images_with(context, request, false);
}

Answer list_images_detail(Context& context, http::Request& request) {
  return list_images_with(context, request, true);
}

Answer show_image(Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, 1, kLastProxyMinor));
  HANOK_TRY(image, find(context, request));
  return http::ok({{"image", detail_json(request, image)}});
}

Answer delete_image(Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, 1, kLastProxyMinor));
  const std::string& id = request.param("image");
  if (!is_uuid(id)) return no_image(id);
  auto gone = context.images->call(http::Method::kDelete, id, request);
  if (!gone.ok()) return gone.error().code == ErrorCode::kNotFound ? no_image(id) : gone.take_error();
  return http::no_content();
}

Answer show_image_metadata(Context& context, http::Request& request) {
  HANOK_CHECK(need_minor(request, 1, kLastMetadata));
  HANOK_TRY(image, find(context, request));
  return http::ok({{"metadata", metadata_of(image)}});
}

}  // namespace hanok::compute
