#include "control/http/dispatcher.h"

#include <algorithm>

#include "common/log.h"
#include "control/http/envelope.h"
#include "control/http/microversion.h"

namespace hanok::http {
namespace {

constexpr std::string_view kPatchPrefix = "application/openstack-images-v2";
constexpr std::size_t kMaxTokenBytes = 4096;

bool has_role(const Caller& caller, std::string_view role) {
  return std::find(caller.roles.begin(), caller.roles.end(), role) != caller.roles.end();
}

// A list of json-patch operations is the one body that is no object (RFC 6902).
bool is_patch(const Request& request) {
  return request.header("Content-Type").rfind(kPatchPrefix, 0) == 0;
}

Status parse_body(Request& request, std::string_view body) {
  if (body.empty()) return {};
  if (body.size() > kMaxJsonBytes)
    return Error{ErrorCode::kTooLarge, "Request is too large: a body may have 1 MiB."};
  HANOK_TRY(json, parse_json(body));
  if (!json.is_object() && !(json.is_array() && is_patch(request))) {
    return bad_request("Malformed request body: it must be a JSON object.");
  }
  request.json = std::move(json);
  return {};
}

}  // namespace

bool access_allows(Access access, const Caller& caller) {
  const bool member = caller.is_admin || has_role(caller, "admin") || has_role(caller, "member");
  switch (access) {
    case Access::kPublic:
    case Access::kToken:
      return true;
    case Access::kReader:
      return member || has_role(caller, "reader");
    case Access::kMember:
      return member;
    case Access::kAdmin:
      return caller.is_admin;
  }
  return false;
}

Dispatcher::Dispatcher(Service service, Authenticator& authenticator)
    : service_(std::move(service)), router_(service_.routes), authenticator_(authenticator) {}

Dispatcher::Plan Dispatcher::plan(std::string_view target, Request& request) const {
  Plan out;
  auto parsed = parse_target(target);
  if (!parsed.ok()) {
    out.refusal = parsed.take_error();
    return out;
  }
  request.path = std::move(parsed->path);
  request.query = std::move(parsed->query);
  Router::Match match = router_.match(request.method, parsed->segments);
  if (match.route != nullptr) {
    out.route = match.route;
    request.params = std::move(match.params);
  } else if (!match.allowed.empty()) {
    out.refusal = Error{ErrorCode::kMethodNotAllowed, "The method is not allowed for this resource."};
    std::string allow;
    for (Method method : match.allowed)
      allow += (allow.empty() ? "" : ", ") + std::string(method_name(method));
    out.refusal_headers["Allow"] = allow;
  } else {
    out.refusal = not_found("The resource could not be found.");
  }
  return out;
}

Status Dispatcher::authorize(const Route& route, Request& request) const {
  const std::string token = request.header("X-Auth-Token");
  if (route.access == Access::kPublic) return {};
  if (token.empty() || token.size() > kMaxTokenBytes) {
    return unauthorized("The request you have made requires authentication.");
  }
  HANOK_TRY(caller, authenticator_.authenticate(token));
  request.caller = std::move(caller);
  if (access_allows(route.access, request.caller)) return {};
  return forbidden("You are not authorized to perform the requested action.", "PolicyNotAuthorized");
}

Result<Response> Dispatcher::run(const Plan& plan, Request& request, std::string_view body) const {
  // Version documents are what clients ask which versions there are: with their own newest one, too.
  const bool is_public = plan.route != nullptr && plan.route->access == Access::kPublic;
  if (Status version = negotiate_microversion(service_, request); !version.ok() && !is_public)
    return version.error();
  if (plan.refusal) return *plan.refusal;
  HANOK_CHECK(authorize(*plan.route, request));
  if (plan.route->body == Body::kJson) HANOK_CHECK(parse_body(request, body));
  return plan.route->handler(request);
}

Response Dispatcher::answer(const Plan& plan, Request& request, std::string_view body) const {
  try {
    auto result = run(plan, request, body);
    if (result.ok()) return finish(std::move(*result), request);
    const Error& error = result.error();
    if (error.code == ErrorCode::kInternal)
      spdlog::error("[{}] {}: {}", request.request_id, request.path, error.message);
    Response out = error_response(service_.envelope, error, request.request_id);
    if (plan.refusal) out.headers.insert(plan.refusal_headers.begin(), plan.refusal_headers.end());
    return finish(std::move(out), request);
  } catch (const std::exception& thrown) {  // a bug: nothing may throw; the client still gets its envelope
    spdlog::error("[{}] {}: thrown: {}", request.request_id, request.path, thrown.what());
    return refuse(internal_error("thrown"), request);
  }
}

Response Dispatcher::refuse(const Error& error, const Request& request) const {
  return finish(error_response(service_.envelope, error, request.request_id), request);
}

Response Dispatcher::finish(Response response, const Request& request) const {
  response.headers["X-Openstack-Request-Id"] = request.request_id;
  if (service_.envelope == Envelope::kCompute || service_.envelope == Envelope::kVolume) {
    response.headers["X-Compute-Request-Id"] = request.request_id;
  }
  add_version_headers(service_, request, response.headers);
  return response;
}

}  // namespace hanok::http
