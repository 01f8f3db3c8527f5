#pragma once
// Prefixes for new subnets out of a subnet pool.

#include <optional>
#include <string>

#include "control/http/http.h"
#include "control/network/ip_address.h"
#include "control/store/store.h"

namespace hanok::network {

struct PoolRequest {
  std::string subnetpool_id;
  std::optional<Prefix> cidr;             // this one
  std::optional<std::int64_t> prefixlen;  // or any of this length; neither: of the pool's default length
};
[[nodiscard]] Result<Prefix> allocate_prefix(store::Tx& tx, const PoolRequest& request,
                                             const http::Caller& caller);
// The pool marked as default for this IP version; kBadRequest when there is none.
[[nodiscard]] Result<std::string> default_subnetpool(store::Tx& tx, std::int64_t ip_version);

}  // namespace hanok::network
