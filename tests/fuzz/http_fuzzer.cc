// Any bytes as the parts of a request that the HTTP edge reads by itself. First byte: the method; up to the
// first newline: the target; then the version header. What parses must be found by the router without a
// doubt.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "control/http/microversion.h"
#include "control/http/router.h"
#include "control/http/url.h"

namespace {

using namespace hanok::http;

Service service() {
  Service out;
  out.name = "compute";
  out.envelope = Envelope::kCompute;
  out.microversion_type = "compute";
  out.major = 2;
  out.min_minor = 1;
  out.max_minor = 90;
  for (const char* pattern : {"/", "/v2.1/servers", "/v2.1/servers/{id}", "/v2.1/servers/detail",
                              "/v2.1/servers/{id}/action", "/v2.1/{project}/servers/{id}/tags/{tag}"}) {
    for (const Method method : {Method::kGet, Method::kPut}) {
      out.routes.push_back({method, pattern, Access::kReader, {}});
    }
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Service compute = service();
  static const Router router(compute.routes);
  if (size < 1) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t end = std::min(text.find('\n'), text.size());
  const auto target = parse_target(text.substr(0, end));
  if (target.ok()) {
    const auto match = router.match(static_cast<Method>(data[0] % 6), target->segments);
    if (match.route != nullptr && !match.allowed.empty()) std::abort();
  }
  Request request;
  request.headers["OpenStack-API-Version"] = std::string(text.substr(std::min(end + 1, text.size())));
  if (negotiate_microversion(compute, request).ok() &&
      (request.minor_version < compute.min_minor || request.minor_version > compute.max_minor)) {
    std::abort();
  }
  return 0;
}
