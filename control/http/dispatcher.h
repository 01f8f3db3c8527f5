#pragma once
// One service's way from a request's values to its answer: route, microversion, token, access, body, handler,
// envelope. No sockets.

#include <memory>
#include <string>

#include "control/http/http.h"
#include "control/http/router.h"
#include "control/http/url.h"

namespace hanok::http {

constexpr std::size_t kMaxJsonBytes = 1U << 20U;

class Dispatcher {
 public:
  // `authenticator` must outlive the dispatcher; calls may come from many threads at once.
  Dispatcher(Service service, Authenticator& authenticator);
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // What the edge needs to know before the body has come: the route decides how the body is taken.
  struct Plan {
    const Route* route = nullptr;
    std::optional<Error> refusal;  // already clear without the body (404, 405, broken target)
    Headers refusal_headers;
  };
  // Fills request.path, query and params from the target. `request` has method, headers, base_url and
  // request_id set.
  [[nodiscard]] Plan plan(std::string_view target, Request& request) const;

  // Runs the handler (blocking) and gives the complete answer. `body`: the text of a JSON route, empty for a
  // stream. Never throws.
  [[nodiscard]] Response answer(const Plan& plan, Request& request, std::string_view body) const;
  // The answer to something the edge refuses by itself (body too large, malformed HTTP).
  [[nodiscard]] Response refuse(const Error& error, const Request& request) const;

  [[nodiscard]] const Service& service() const { return service_; }

 private:
  [[nodiscard]] Result<Response> run(const Plan& plan, Request& request, std::string_view body) const;
  [[nodiscard]] Status authorize(const Route& route, Request& request) const;
  [[nodiscard]] Response finish(Response response, const Request& request) const;

  Service service_;
  Router router_;
  Authenticator& authenticator_;
};

// Roles against a route's access; ownership is the handler's duty.
[[nodiscard]] bool access_allows(Access access, const Caller& caller);

}  // namespace hanok::http
