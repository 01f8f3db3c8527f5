#pragma once
// What the routing of both families asks of the tables: which way, whose address, whose MAC.

#include "dataplane/stages/context.h"

namespace hanok::dataplane {

struct Way {
  const RouterInterface* out = nullptr;  // null: no route
  Ip nexthop;
  bool by_gateway = false;
};

// The longest prefix among connected subnets and extra routes, else the default by the gateway's subnet. Of
// routes that are equally long, each connection keeps one (RFC 2991, highest random weight).
[[nodiscard]] Way look_up(const Context& context, const Router& router, const Ip& ip);

[[nodiscard]] std::optional<Ip> first_v4(const RouterInterface& interface);
[[nodiscard]] bool has_address(const RouterInterface& interface, const Ip& ip);
[[nodiscard]] bool has_address(const Router& router, const Ip& ip);

// Whose MAC is the next hop's? It becomes the frame's destination. False: `verdict` says what is missing.
[[nodiscard]] bool resolve_next_hop(Context& context, const Way& way, Verdict& verdict);

// One router, for IPv6 (RFC 8200, RFC 4443). `in`: the interface that the frame came to.
[[nodiscard]] Verdict pass_router_ipv6(Context& context, const Router& router, const RouterInterface& in);

}  // namespace hanok::dataplane
