#pragma once
// What a handler sees of HTTP: plain values, no sockets, no Beast. Handlers run on worker threads and may
// block for short database work; they return Result<Response>, and errors become the service's own envelope
// in one place (control/http/envelope.cc).

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/json.h"
#include "common/result.h"

namespace hanok::http {

enum class Method { kGet, kHead, kPost, kPut, kPatch, kDelete };

struct CaseInsensitiveLess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};
using Headers = std::map<std::string, std::string, CaseInsensitiveLess>;

// Who calls, from a validated token. Empty ids on routes with Access::kPublic.
struct Caller {
  std::string user_id, user_name, user_domain_id;
  std::string project_id, project_name, project_domain_id;  // empty project: unscoped or domain-scoped token
  std::string domain_id;
  std::vector<std::string> roles;  // names: admin, member, reader
  bool is_admin = false;
};

// A request body that is not JSON (image upload): read by the handler as it arrives.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // Blocks for the next bytes; 0 at the end. Error when the client went away.
  [[nodiscard]] virtual Result<std::size_t> read(char* out, std::size_t capacity) = 0;
};

struct Request {
  Method method = Method::kGet;
  std::string path;                                        // decoded, without the query
  std::map<std::string, std::string> params;               // from the route's pattern: {id}
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order, may repeat
  Headers headers;
  Json json;                   // parsed body; null when there was none
  BodyReader* body = nullptr;  // only on routes with Body::kStream
  std::string request_id;      // req-<uuid>, also answered as X-Openstack-Request-Id
  std::string base_url;        // scheme://host:port as the client reached us; links are built from it
  std::string
      service_version;    // negotiated microversion, e.g. "2.1" or "3.0"; empty where the service has none
  int minor_version = 0;  // its part after the dot
  Caller caller;

  [[nodiscard]] const std::string& param(const std::string& name) const { return params.at(name); }
  [[nodiscard]] std::optional<std::string> query_one(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> query_all(std::string_view name) const;
  [[nodiscard]] std::string header(std::string_view name) const;  // empty when absent
};

// Bytes of a response that is not JSON (image download), pulled by a worker thread; 0 at the end.
using BodySource = std::function<Result<std::size_t>(char* out, std::size_t capacity)>;

struct Response {
  int status = 200;
  Json body{};  // null: no body
  Headers headers{};
  std::string text{};  // sent instead of `body` when content_type is set
  std::string content_type{};
  BodySource source{};                          // streamed instead of both
  std::optional<std::uint64_t> source_bytes{};  // its Content-Length
};

[[nodiscard]] inline Response ok(Json body) {
  return Response{.status = 200, .body = std::move(body)};
}
[[nodiscard]] inline Response created(Json body) {
  return Response{.status = 201, .body = std::move(body)};
}
[[nodiscard]] inline Response accepted(Json body = nullptr) {
  return Response{.status = 202, .body = std::move(body)};
}
[[nodiscard]] inline Response no_content() {
  return Response{.status = 204};
}

// kReader: any role on a project; kMember: member or admin for changes; kAdmin: admin.
// kToken: any valid token, scoped or not. Ownership (whose project) is the handler's duty.
enum class Access { kPublic, kToken, kReader, kMember, kAdmin };
enum class Body { kJson, kStream };

using Handler = std::function<Result<Response>(Request&)>;

struct Route {
  Method method;
  std::string pattern;  // "/v2.0/networks/{id}"; literal segments win over {parameters}
  Access access;
  Handler handler;
  Body body = Body::kJson;
};

// How a service wraps errors.
//  kIdentity {"error":{"code","title","message"}}      kNetwork {"NeutronError":{"type","message","detail"}}
//  kCompute  {"itemNotFound":{"code","message"}} etc.  kVolume  the same shape as compute
//  kImage    HTML-free text: {"message","code","title"}
enum class Envelope { kIdentity, kCompute, kNetwork, kVolume, kImage };

// One OpenStack service: its port and its flat table of routes.
struct Service {
  std::string name;  // "identity", "compute", "network", "volume", "image"
  Envelope envelope = Envelope::kIdentity;
  std::vector<Route> routes;
  // Microversions (compute, volume): "compute" with {2,1}..{2,max}; max_minor < 0: the service has none.
  std::string microversion_type{};  // "compute", "volume"
  int major = 0;
  int min_minor = 0;
  int max_minor = -1;
};

// Turns a token into its Caller; kUnauthorized for wrong, expired or revoked ones.
class Authenticator {
 public:
  virtual ~Authenticator() = default;
  [[nodiscard]] virtual Result<Caller> authenticate(std::string_view token) = 0;
};

}  // namespace hanok::http
