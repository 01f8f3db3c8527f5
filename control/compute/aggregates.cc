// Host aggregates: there are none, and clients that ask for a hypervisor's are told so.

#include "control/compute/hosts.h"

namespace hanok::compute {

Answer list_aggregates(Context&, http::Request&) {
  return http::ok({{"aggregates", Json::array()}});
}

}  // namespace hanok::compute
