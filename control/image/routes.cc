#include <fmt/format.h>

#include "common/log.h"
#include "control/image/context.h"
#include "control/image/image.h"

namespace hanok::image {
namespace {

using http::Access;
using http::Body;
using http::Method;
using Operation = Answer (*)(const Context&, http::Request&);

struct RouteRow {
  Method method;
  const char* pattern;
  Access access;
  Operation operation;
  Body body = Body::kJson;
};

Answer no_such_image(const Context&, http::Request&) {
  return not_found("The resource could not be found.");
}

constexpr RouteRow kRoutes[] = {
    {Method::kGet, "/", Access::kPublic, show_versions},
    {Method::kGet, "/versions", Access::kPublic, show_all_versions},
    {Method::kGet, "/v2", Access::kPublic, show_all_versions},
    {Method::kGet, "/v2/info/import", Access::kReader, show_import_info},
    {Method::kGet, "/v2/schemas/{name}", Access::kReader, show_schema},
    {Method::kGet, "/v2/images", Access::kReader, list_images},
    {Method::kPost, "/v2/images", Access::kMember, create_image},
    {Method::kDelete, "/v2/images", Access::kMember, no_such_image},
    {Method::kPatch, "/v2/images", Access::kMember, no_such_image},
    {Method::kGet, "/v2/images/{id}", Access::kReader, show_image},
    {Method::kPatch, "/v2/images/{id}", Access::kMember, update_image},
    {Method::kDelete, "/v2/images/{id}", Access::kMember, delete_image},
    {Method::kPut, "/v2/images/{id}/file", Access::kMember, upload_image, Body::kStream},
    {Method::kGet, "/v2/images/{id}/file", Access::kReader, download_image},
    {Method::kPost, "/v2/images/{id}/actions/deactivate", Access::kMember, deactivate_image},
    {Method::kPost, "/v2/images/{id}/actions/reactivate", Access::kMember, reactivate_image},
    {Method::kPut, "/v2/images/{id}/tags/{tag}", Access::kMember, add_tag},
    {Method::kDelete, "/v2/images/{id}/tags/{tag}", Access::kMember, remove_tag},
    {Method::kGet, "/v2/images/{id}/members", Access::kReader, list_members},
    {Method::kPost, "/v2/images/{id}/members", Access::kMember, add_member},
    {Method::kGet, "/v2/images/{id}/members/{member}", Access::kReader, show_member},
    {Method::kPut, "/v2/images/{id}/members/{member}", Access::kMember, update_member},
    {Method::kDelete, "/v2/images/{id}/members/{member}", Access::kMember, remove_member},
};

}  // namespace

http::Service image_service(store::Database& database, const Clock& clock, storage::BlockStore* blocks) {
  const Context context{database, clock, blocks};
  // Uploads that a crash of this process cut off: their clients have seen an error and may upload again.
  const Status status = database.write([](store::Tx& tx) -> Status {
    HANOK_CHECK(tx.execute("UPDATE images SET status = 'queued' WHERE status = 'saving'"));
    return {};
  });
  if (!status.ok()) spdlog::error("Images in state saving: {}", status.error().message);
  http::Service out;
  out.name = "image";
  out.envelope = http::Envelope::kImage;
  for (const RouteRow& row : kRoutes) {
    out.routes.push_back(
        {row.method, row.pattern, row.access,
         [context, operation = row.operation](http::Request& request) { return operation(context, request); },
         row.body});
  }
  return out;
}

}  // namespace hanok::image
