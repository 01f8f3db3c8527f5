#pragma once
// What every handler of the compute service gets besides the request.

#include <memory>
#include <optional>
#include <string>

#include "common/clock.h"
#include "control/bus/bus.h"
#include "control/http/http.h"
#include "control/store/store.h"

namespace hanok::compute {

// The newest microversion whose request and response shapes all calls here follow.
constexpr int kMaxMinor = 90;
// Calls that only pass on to another service (images, security groups) ended with 2.36.
constexpr int kLastProxyMinor = 35;

class ImageCalls;  // images_proxy.h

struct Context {
  store::Database& database;
  const Clock& clock;
  bus::Asker& asker;
  std::shared_ptr<const ImageCalls> images;
};

using Answer = Result<http::Response>;

// The request's JSON member `name` as an object; kBadRequest when the body is something else.
[[nodiscard]] Result<const Json*> body_of(const http::Request& request, const std::string& name);
// kNotFound when the call does not exist at the negotiated microversion.
[[nodiscard]] Status need_minor(const http::Request& request, int first, int last = kMaxMinor);
// True when the query asks for every project and the caller may.
[[nodiscard]] Result<bool> query_flag(const http::Request& request, const std::string& name);

// null when there is none.
[[nodiscard]] Json optional_json(const std::optional<std::string>& text);

// Paging, as Nova has it: limit (capped at 1000) and marker.
struct Page {
  std::int64_t limit = 1000;
  std::string marker;
};
[[nodiscard]] Result<Page> page_of(const http::Request& request);
// Link to the next page, with the request's other query parameters kept.
[[nodiscard]] Json next_link(const http::Request& request, const std::string& marker);
// links of one resource: [{"rel":"self"},{"rel":"bookmark"}]; path e.g. "servers/<id>".
[[nodiscard]] Json links_of(const http::Request& request, const std::string& path);

// Fields allowed in a request object; the first other one is named in a kBadRequest.
[[nodiscard]] Status only_fields(const Json& object, std::initializer_list<const char*> allowed);

}  // namespace hanok::compute
