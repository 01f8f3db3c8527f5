#pragma once
// Microversions (https://specs.openstack.org/openstack/api-sig/guidelines/microversion_specification.html):
// one API, grown in numbered steps; the client names the step it speaks.

#include "control/http/http.h"

namespace hanok::http {

// Sets request.service_version and minor_version from `OpenStack-API-Version: <type> <major>.<minor>` or the
// older X-OpenStack-Nova-API-Version. kBadRequest: malformed; kNotAcceptable: outside the service's range.
[[nodiscard]] Status negotiate_microversion(const Service& service, Request& request);
// Echoes what was negotiated.
void add_version_headers(const Service& service, const Request& request, Headers& headers);

}  // namespace hanok::http
