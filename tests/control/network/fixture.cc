#include "tests/control/network/fixture.h"

#include "control/bus/hosts.h"

namespace hanok::network {

NetworkTest::NetworkTest() : ServiceTest({bus::bus_module(), network_module()}) {
  serve(network_service(*database, clock));
}

std::string NetworkTest::network(const std::string& name) {
  return post("/v2.0/networks", {{"network", {{"name", name}}}})["network"]["id"];
}

std::string NetworkTest::subnet(const std::string& network_id, const std::string& cidr) {
  return post("/v2.0/subnets", {{"subnet", {{"network_id", network_id}, {"cidr", cidr}}}})["subnet"]["id"];
}

Json NetworkTest::port(const std::string& network_id, Json more) {
  more["network_id"] = network_id;
  return post("/v2.0/ports", {{"port", std::move(more)}})["port"];
}

std::string NetworkTest::router(Json more) {
  return post("/v2.0/routers", {{"router", std::move(more)}})["router"]["id"];
}

std::string NetworkTest::external_network() {
  const http::Caller before = caller;
  be("operator", true);
  const Json made = post("/v2.0/networks", {{"network", {{"name", "public"}, {"router:external", true}}}});
  std::string id = made["network"]["id"];
  subnet(id, "203.0.113.0/24");
  caller = before;
  return id;
}

void NetworkTest::add_interface(const std::string& router_id, const std::string& subnet_id) {
  put("/v2.0/routers/" + router_id + "/add_router_interface", {{"subnet_id", subnet_id}});
}

Json NetworkTest::render(const std::string& kind, const std::string& id) {
  for (const bus::Kind& known : network_kinds()) {
    if (known.name != kind) continue;
    auto rendered = database->read([&](store::Tx& tx) { return known.render(tx, id, "node1"); });
    EXPECT_TRUE(rendered.ok());
    return rendered.ok() ? *rendered : Json();
  }
  ADD_FAILURE() << "no kind " << kind;
  return nullptr;
}

std::int64_t NetworkTest::touched(const std::string& kind, const std::string& id) {
  auto row = database->read([&](store::Tx& tx) {
    return tx.query_one("SELECT generation FROM changes WHERE kind = ? AND id = ?", {kind, id});
  });
  EXPECT_TRUE(row.ok());
  return row.ok() && row->has_value() ? (*row)->integer("generation") : 0;
}

void NetworkTest::announce_host(const std::string& name) {
  bus::Host host;
  host.name = name;
  host.roles = {"network"};
  host.vtep = "192.0.2.1";
  host.last_seen_us = clock.now_us();
  const auto announced = database->write([&](store::Tx& tx) { return bus::announce_host(tx, host); });
  EXPECT_TRUE(announced.ok());
}

}  // namespace hanok::network
