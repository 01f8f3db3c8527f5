#include "tests/control/network/fixture.h"

namespace hanok::network {
namespace {

using testing::HasSubstr;

class Subnets : public NetworkTest {};

Json body_of(const std::string& network_id, Json more) {
  more["network_id"] = network_id;
  return {{"subnet", std::move(more)}};
}

TEST_F(Subnets, have_a_gateway_and_pools_unless_told_otherwise) {
  const std::string net = network();
  const Json made =
      post("/v2.0/subnets", body_of(net, {{"cidr", "10.0.0.0/24"}, {"ip_version", 4}}))["subnet"];
  EXPECT_EQ(made["gateway_ip"], "10.0.0.1");
  EXPECT_EQ(made["allocation_pools"], Json::parse(R"([{"start":"10.0.0.2","end":"10.0.0.254"}])"));
  EXPECT_EQ(made["enable_dhcp"], true);
  EXPECT_EQ(get("/v2.0/networks/" + net)["network"]["subnets"], Json::array({made["id"]}));
  const Json without =
      post("/v2.0/subnets", body_of(net, {{"cidr", "10.1.0.0/24"}, {"gateway_ip", nullptr}}))["subnet"];
  EXPECT_TRUE(without["gateway_ip"].is_null());
  EXPECT_EQ(without["allocation_pools"][0]["start"], "10.1.0.1");
  const Json six =
      post("/v2.0/subnets", body_of(net, {{"cidr", "2001:db8::/64"}, {"ip_version", 6}}))["subnet"];
  EXPECT_EQ(six["gateway_ip"], "2001:db8::1");
  EXPECT_EQ(six["allocation_pools"][0]["end"], "2001:db8::ffff:ffff:ffff:ffff");
}

TEST_F(Subnets, refuse_what_does_not_fit) {
  const std::string net = network();
  subnet(net, "10.0.0.0/16");
  const auto refused = [&](Json more) { return refuse_post("/v2.0/subnets", body_of(net, std::move(more))); };
  EXPECT_THAT(refused({{"cidr", "10.0.5.0/24"}}).message, HasSubstr("overlaps with another subnet"));
  EXPECT_ERROR(refused({{"cidr", "10.0.5.0/24"}}), kBadRequest, "InvalidInput");
  EXPECT_ERROR(refused({{"cidr", "nonsense"}}), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refused({{"cidr", "10.9.0.1/24"}}), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refused(Json::object()), kBadRequest, "BadRequest");
  EXPECT_ERROR(refused({{"cidr", "10.9.0.0/24"}, {"ip_version", 6}}), kBadRequest, "InvalidInput");
  EXPECT_ERROR(refused({{"cidr", "10.9.0.0/24"}, {"ip_version", 5}}), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refused({{"cidr", "10.9.0.0/31"}}), kBadRequest, "InvalidInput");
  EXPECT_ERROR(refused({{"cidr", "10.9.0.0/24"}, {"gateway_ip", "10.9.0.0"}}), kBadRequest, "InvalidInput");
  EXPECT_ERROR(refused({{"cidr", "10.9.0.0/24"}, {"gateway_ip", "x"}}), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refused({{"cidr", "10.9.0.0/24"}, {"dns_nameservers", {"dns.example.org"}}}), kBadRequest,
               "HTTPBadRequest");
  EXPECT_ERROR(
      refused({{"cidr", "10.9.0.0/24"}, {"host_routes", {{{"destination", "x"}, {"nexthop", "10.9.0.9"}}}}}),
      kBadRequest, "HTTPBadRequest");
  const auto pool = [&](const char* start, const char* end) {
    return refused({{"cidr", "10.9.0.0/24"}, {"allocation_pools", {{{"start", start}, {"end", end}}}}});
  };
  EXPECT_ERROR(pool("10.9.0.1", "10.9.0.9"), kConflict, "GatewayConflictWithAllocationPools");
  EXPECT_ERROR(pool("10.9.0.9", "10.9.0.5"), kBadRequest, "InvalidAllocationPool");
  EXPECT_ERROR(pool("10.9.0.9", "10.9.1.5"), kBadRequest, "OutOfBoundsAllocationPool");
  EXPECT_ERROR(refused({{"cidr", "10.9.0.0/24"},
                        {"allocation_pools",
                         {{{"start", "10.9.0.5"}, {"end", "10.9.0.9"}},
                          {{"start", "10.9.0.9"}, {"end", "10.9.0.20"}}}}}),
               kConflict, "OverlappingAllocationPools");
  EXPECT_ERROR(refuse_post("/v2.0/subnets",
                           body_of("7a3d6a1e-0000-4000-8000-000000000000", {{"cidr", "10.9.0.0/24"}})),
               kNotFound, "NetworkNotFound");
  EXPECT_EQ(get("/v2.0/subnets")["subnets"].size(), 1U);
}

TEST_F(Subnets, ipv6_modes_must_agree) {
  const std::string net = network();
  const auto refused = [&](Json more) {
    more["cidr"] = more.value("cidr", "2001:db8::/64");
    return refuse_post("/v2.0/subnets", body_of(net, std::move(more)));
  };
  EXPECT_ERROR(refused({{"ipv6_ra_mode", "slaac"}, {"ipv6_address_mode", "dhcpv6-stateful"}}), kBadRequest,
               "InvalidInput");
  EXPECT_ERROR(refused({{"ipv6_ra_mode", "sometimes"}}), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refused({{"ipv6_ra_mode", "slaac"}, {"enable_dhcp", false}}), kBadRequest, "InvalidInput");
  EXPECT_ERROR(refused({{"cidr", "2001:db8::/80"}, {"ipv6_address_mode", "slaac"}}), kBadRequest,
               "InvalidInput");
  EXPECT_ERROR(refused({{"cidr", "10.0.0.0/24"}, {"ipv6_address_mode", "slaac"}}), kBadRequest,
               "InvalidInput");
}

TEST_F(Subnets, automatic_ones_give_addresses_by_mac_also_to_ports_that_are_there) {
  const std::string net = network();
  const Json before = port(net, {{"mac_address", "fa:16:3e:11:22:33"}});
  EXPECT_TRUE(before["fixed_ips"].empty());
  const Json made = post("/v2.0/subnets",
                         body_of(net, {{"cidr", "2001:db8::/64"}, {"ipv6_address_mode", "slaac"}}))["subnet"];
  const std::string path = "/v2.0/ports/" + before["id"].get<std::string>();
  EXPECT_EQ(get(path)["port"]["fixed_ips"][0]["ip_address"], "2001:db8::f816:3eff:fe11:2233");
  EXPECT_ERROR(
      refuse_post("/v2.0/ports",
                  {{"port", {{"network_id", net}, {"fixed_ips", {{{"ip_address", "2001:db8::5"}}}}}}}),
      kBadRequest, "AllocationOnAutoAddressSubnet");
  remove("/v2.0/subnets/" + made["id"].get<std::string>());
  EXPECT_TRUE(get(path)["port"]["fixed_ips"].empty());
}

TEST_F(Subnets, change_but_not_under_those_who_use_them) {
  const std::string net = network();
  const std::string id = subnet(net, "10.0.0.0/24"), path = "/v2.0/subnets/" + id;
  const Json changed =
      put(path, {{"subnet",
                  {{"name", "n"},
                   {"dns_nameservers", {"8.8.8.8"}},
                   {"host_routes", {{{"destination", "1.0.0.0/8"}, {"nexthop", "10.0.0.9"}}}},
                   {"allocation_pools", {{{"start", "10.0.0.50"}, {"end", "10.0.0.60"}}}},
                   {"gateway_ip", "10.0.0.2"},
                   {"enable_dhcp", false}}}})["subnet"];
  EXPECT_EQ(changed["gateway_ip"], "10.0.0.2");
  EXPECT_EQ(port(net)["fixed_ips"][0]["ip_address"], "10.0.0.50");
  EXPECT_ERROR(refuse_put(path, {{"subnet", {{"gateway_ip", "10.0.0.55"}}}}), kConflict,
               "GatewayConflictWithAllocationPools");
  EXPECT_ERROR(refuse_put(path, {{"subnet", {{"cidr", "10.5.0.0/24"}}}}), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refuse_delete(path), kConflict, "SubnetInUse");
  add_interface(router(), id);
  EXPECT_ERROR(refuse_put(path, {{"subnet", {{"gateway_ip", "10.0.0.3"}}}}), kConflict, "GatewayIpInUse");
}

TEST_F(Subnets, of_other_projects_do_not_exist) {
  const std::string net = network(), path = "/v2.0/subnets/" + subnet(net, "10.0.0.0/24");
  be("bob");
  EXPECT_ERROR(refuse_get(path), kNotFound, "SubnetNotFound");
  EXPECT_ERROR(refuse_put(path, {{"subnet", {{"name", "x"}}}}), kNotFound, "SubnetNotFound");
  EXPECT_ERROR(refuse_delete(path), kNotFound, "SubnetNotFound");
  EXPECT_ERROR(refuse_post("/v2.0/subnets", body_of(net, {{"cidr", "10.9.0.0/24"}})), kNotFound,
               "NetworkNotFound");
  EXPECT_TRUE(get("/v2.0/subnets")["subnets"].empty());
}

}  // namespace
}  // namespace hanok::network
