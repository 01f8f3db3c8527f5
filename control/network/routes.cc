#include "control/network/routes.h"

#include "control/network/handlers.h"

namespace hanok::network {
namespace {

using http::Access;
using http::Method;

struct Row {
  Method method;
  const char* pattern;
  Access access;
  Reply (*handler)(const Context&, http::Request&);
};

constexpr Row kRoutes[] = {
    {Method::kGet, "/v2.0/quotas", Access::kAdmin, list_quotas},
    {Method::kGet, "/v2.0/quotas/{project_id}", Access::kReader, show_quota},
    {Method::kGet, "/v2.0/quotas/{project_id}/default", Access::kReader, show_default_quota},
    {Method::kGet, "/v2.0/quotas/{project_id}/details", Access::kReader, show_quota_details},
    {Method::kGet, "/v2.0/quotas/{project_id}/details.json", Access::kReader, show_quota_details},
    {Method::kPut, "/v2.0/quotas/{project_id}", Access::kAdmin, update_quota},
    {Method::kDelete, "/v2.0/quotas/{project_id}", Access::kAdmin, delete_quota},

    {Method::kGet, "/v2.0/security-group-rules", Access::kReader, list_rules},
    {Method::kPost, "/v2.0/security-group-rules", Access::kMember, create_rule},
    {Method::kGet, "/v2.0/security-group-rules/{id}", Access::kReader, show_rule},
    {Method::kDelete, "/v2.0/security-group-rules/{id}", Access::kMember, delete_rule},
};

// Neutron answers 409 where a quota is full.
Reply as_neutron(Reply reply) {
  if (reply.ok() || reply.error().code != ErrorCode::kOverQuota) return reply;
  Error error = reply.take_error();
  error.code = ErrorCode::kConflict;
  return error;
}

}  // namespace

std::vector<http::Route> network_routes(const Context& context) {
  std::vector<http::Route> out;
  for (const Row& row : kRoutes) {
    out.push_back({.method = row.method,
                   .pattern = row.pattern,
                   .access = row.access,
                   .handler = [context, handler = row.handler](http::Request& request) {
                     return as_neutron(handler(context, request));
                   }});
  }
  return out;
}

}  // namespace hanok::network
