#include "control/network/network.h"

#include "control/network/routes.h"
#include "control/network/schema.h"

namespace hanok::network {

store::Module network_module() {
  return schema();
}

http::Service network_service(store::Database& database, const Clock& clock) {
  return {.name = "network",
          .envelope = http::Envelope::kNetwork,
          .routes = network_routes(Context{database, clock, Options{}})};
}

}  // namespace hanok::network
