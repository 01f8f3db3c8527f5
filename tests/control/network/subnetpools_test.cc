#include "tests/control/network/fixture.h"

namespace hanok::network {
namespace {

class Subnetpools : public NetworkTest {};

Json pool_body(Json more) {
  if (!more.contains("name")) more["name"] = "pool";
  return {{"subnetpool", std::move(more)}};
}

TEST_F(Subnetpools, give_subnets_that_do_not_overlap) {
  const Json made = post("/v2.0/subnetpools", pool_body({{"prefixes", {"10.1.0.0/16", "10.0.0.0/16"}},
                                                         {"default_prefixlen", 24}}))["subnetpool"];
  EXPECT_EQ(made["prefixes"], Json::array({"10.0.0.0/15"}));
  EXPECT_EQ(made["min_prefixlen"], 8);
  EXPECT_EQ(made["max_prefixlen"], 32);
  const auto take = [&](Json more) {
    more["network_id"] = network();
    more["subnetpool_id"] = made["id"];
    return post("/v2.0/subnets", {{"subnet", std::move(more)}})["subnet"]["cidr"].get<std::string>();
  };
  EXPECT_EQ(take({}), "10.0.0.0/24");
  EXPECT_EQ(take({{"prefixlen", 20}}), "10.0.16.0/20");
  EXPECT_EQ(take({}), "10.0.1.0/24");
  EXPECT_EQ(take({{"cidr", "10.1.9.0/24"}}), "10.1.9.0/24");
  const auto refused = [&](Json more) {
    more["network_id"] = network();
    more["subnetpool_id"] = made["id"];
    return refuse_post("/v2.0/subnets", {{"subnet", std::move(more)}});
  };
  EXPECT_ERROR(refused({{"cidr", "10.1.9.0/25"}}), kBadRequest, "SubnetAllocationError");
  EXPECT_ERROR(refused({{"cidr", "10.9.9.0/24"}}), kBadRequest, "SubnetAllocationError");
  EXPECT_ERROR(refused({{"prefixlen", 15}}), kBadRequest, "SubnetAllocationError");
  EXPECT_ERROR(refused({{"prefixlen", 7}}), kBadRequest, "MinPrefixSubnetAllocationError");
  EXPECT_ERROR(refuse_delete("/v2.0/subnetpools/" + made["id"].get<std::string>()), kConflict,
               "SubnetPoolDeleteError");
}

TEST_F(Subnetpools, refuse_what_does_not_fit) {
  const auto refused = [&](Json more) {
    return refuse_post("/v2.0/subnetpools", pool_body(std::move(more)));
  };
  EXPECT_ERROR(refused({{"prefixes", Json::array()}}), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refused(Json::object()), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refused({{"prefixes", {"nonsense"}}}), kBadRequest, "HTTPBadRequest");
  EXPECT_ERROR(refused({{"prefixes", {"10.0.0.0/8", "::/8"}}}), kBadRequest, "PrefixVersionMismatch");
  EXPECT_ERROR(refused({{"prefixes", {"10.0.0.0/8"}}, {"min_prefixlen", 25}, {"max_prefixlen", 24}}),
               kBadRequest, "IllegalSubnetPoolPrefixBounds");
  EXPECT_ERROR(refused({{"prefixes", {"10.0.0.0/8"}}, {"default_prefixlen", 33}}), kBadRequest,
               "InvalidPrefixLength");
  EXPECT_ERROR(refused({{"prefixes", {"10.0.0.0/8"}}, {"shared", true}}), kForbidden, "PolicyNotAuthorized");
}

TEST_F(Subnetpools, grow_but_do_not_shrink) {
  const std::string path =
      "/v2.0/subnetpools/" +
      post("/v2.0/subnetpools", pool_body({{"prefixes", {"10.0.0.0/16"}}}))["subnetpool"]["id"]
          .get<std::string>();
  EXPECT_EQ(put(path, pool_body({{"prefixes", {"10.0.0.0/15"}}}))["subnetpool"]["prefixes"][0],
            "10.0.0.0/15");
  EXPECT_ERROR(refuse_put(path, pool_body({{"prefixes", {"10.0.0.0/17"}}})), kBadRequest,
               "IllegalSubnetPoolPrefixUpdate");
  EXPECT_ERROR(refuse_put(path, pool_body({{"prefixes", {"::/16"}}})), kBadRequest, "PrefixVersionMismatch");
  be("bob");
  EXPECT_ERROR(refuse_get(path), kNotFound, "SubnetPoolNotFound");
  EXPECT_ERROR(refuse_delete(path), kNotFound, "SubnetPoolNotFound");
  be("alice");
  remove(path);
}

TEST_F(Subnetpools, one_default_per_version) {
  be("operator", true);
  post("/v2.0/subnetpools",
       pool_body({{"prefixes", {"10.0.0.0/16"}}, {"is_default", true}, {"default_prefixlen", 26}}));
  EXPECT_ERROR(
      refuse_post("/v2.0/subnetpools", pool_body({{"prefixes", {"10.0.0.0/16"}}, {"is_default", true}})),
      kBadRequest, "InvalidInput");
  const Json body = {
      {"subnet", {{"network_id", network()}, {"use_default_subnetpool", true}, {"ip_version", 4}}}};
  EXPECT_EQ(post("/v2.0/subnets", body)["subnet"]["cidr"], "10.0.0.0/26");
  const Json six = {
      {"subnet", {{"network_id", network()}, {"use_default_subnetpool", true}, {"ip_version", 6}}}};
  EXPECT_ERROR(refuse_post("/v2.0/subnets", six), kBadRequest, "BadRequest");
}

}  // namespace
}  // namespace hanok::network
