#include "tests/control/network/fixture.h"

namespace hanok::network {
namespace {

using testing::ElementsAre;

class Calls : public NetworkTest {};

TEST_F(Calls, compute_makes_binds_and_removes_ports) {
  const std::string net = network("n"), sub = subnet(net, "10.0.0.0/24");
  std::string id;
  const auto made = database->write([&](store::Tx& tx) {
    return create_port(tx,
                       {.network_id = net,
                        .project_id = "alice",
                        .device_id = "vm",
                        .device_owner = "compute:nova",
                        .host = "node1",
                        .name = "",
                        .hostname = "vm1",
                        .fixed_ip = std::nullopt,
                        .security_groups = {}},
                       clock.now_us());
  });
  ASSERT_TRUE(made.ok()) << made.error().message;
  id = made->id;
  EXPECT_EQ(made->network_name, "n");
  EXPECT_EQ(made->mtu, 1450);
  EXPECT_EQ(made->addresses.at(0).ip, "10.0.0.2");
  EXPECT_THAT(made->security_group_names, ElementsAre("default"));
  EXPECT_EQ(render("port", id)["host"], "node1");
  const auto bind = [&](const char* device) {
    return database->write([&](store::Tx& tx) {
      return bind_port(tx, id, device, "compute:nova", "node2", "h", clock.now_us());
    });
  };
  EXPECT_ERROR(bind("other").error(), kConflict, "PortInUse");
  EXPECT_TRUE(bind("vm").ok());
  EXPECT_EQ(render("port", id)["host"], "node2");
  EXPECT_TRUE(database->write([&](store::Tx& tx) { return unbind_port(tx, id, clock.now_us()); }).ok());
  EXPECT_TRUE(render("port", id).is_null());
  EXPECT_TRUE(database->write([&](store::Tx& tx) { return delete_port(tx, id); }).ok());
  EXPECT_ERROR(database->read([&](store::Tx& tx) { return get_port(tx, id); }).error(), kNotFound,
               "PortNotFound");
  EXPECT_TRUE(
      database->write([&](store::Tx& tx) { return delete_port(tx, id); }).ok());  // again: nothing to do
}

TEST_F(Calls, networks_of_a_project) {
  const std::string external = external_network(), a = network("a");
  clock.advance_us(1);
  const std::string b = network("b");
  be("bob");
  const std::string foreign = network();
  const auto mine = database->read([&](store::Tx& tx) { return default_networks(tx, "alice"); });
  EXPECT_THAT(*mine, ElementsAre(a, b));
  const auto check = [&](const std::string& id) {
    return database->read([&](store::Tx& tx) { return check_network(tx, id, "alice"); });
  };
  EXPECT_TRUE(check(a).ok());
  EXPECT_ERROR(check(foreign).error(), kNotFound, "NetworkNotFound");
  EXPECT_ERROR(check(external).error(), kNotFound, "NetworkNotFound");
}

TEST_F(Calls, groups_by_id_and_name) {
  const std::string id =
      post("/v2.0/security-groups", {{"security_group", {{"name", "web"}}}})["security_group"]["id"];
  const auto find = [&](const std::string& what, const std::string& project) {
    return database->read([&](store::Tx& tx) { return find_security_group(tx, what, project); });
  };
  EXPECT_EQ(*find("web", "alice"), id);
  EXPECT_EQ(*find(id, "alice"), id);
  EXPECT_ERROR(find("web", "bob").error(), kNotFound, "SecurityGroupNotFound");
  EXPECT_ERROR(find(id, "bob").error(), kNotFound, "SecurityGroupNotFound");
  post("/v2.0/security-groups", {{"security_group", {{"name", "web"}}}});
  EXPECT_ERROR(find("web", "alice").error(), kConflict, "NoUniqueMatch");
  const Json made = port(network());
  const auto set = database->write(
      [&](store::Tx& tx) { return set_port_security_groups(tx, made["id"], {id}, clock.now_us()); });
  EXPECT_TRUE(set.ok());
  EXPECT_EQ(get("/v2.0/ports/" + made["id"].get<std::string>())["port"]["security_groups"],
            Json::array({id}));
}

TEST_F(Calls, groups_of_the_compute_api) {
  const auto made = database->write(
      [&](store::Tx& tx) { return create_security_group(tx, "alice", "web", "d", clock.now_us()); });
  ASSERT_TRUE(made.ok());
  const auto add = [&](std::optional<std::int64_t> low, std::optional<std::int64_t> high) {
    SecurityGroupRuleView rule;
    rule.group_id = made->id;
    rule.direction = "ingress";
    rule.ethertype = "IPv4";
    rule.protocol = "tcp";
    rule.port_min = low;
    rule.port_max = high;
    return database->write(
        [&](store::Tx& tx) { return create_security_group_rule(tx, rule, clock.now_us()); });
  };
  const auto rule = add(22, 23);
  ASSERT_TRUE(rule.ok());
  EXPECT_ERROR(add(22, 23).error(), kConflict, "SecurityGroupRuleExists");
  EXPECT_ERROR(add(23, 22).error(), kBadRequest, "SecurityGroupInvalidPortRange");
  const auto listed =
      database->write([&](store::Tx& tx) { return list_security_groups(tx, "alice", clock.now_us()); });
  ASSERT_EQ(listed->size(), 2U);
  EXPECT_TRUE(database->write([&](store::Tx& tx) { return delete_security_group_rule(tx, rule->id); }).ok());
  EXPECT_ERROR(
      database->read([&](store::Tx& tx) { return get_security_group(tx, made->id, "bob", false); }).error(),
      kNotFound, "SecurityGroupNotFound");
  EXPECT_TRUE(database->write([&](store::Tx& tx) { return delete_security_group(tx, made->id); }).ok());
  EXPECT_ERROR(database->write([&](store::Tx& tx) { return delete_security_group(tx, made->id); }).error(),
               kNotFound, "SecurityGroupNotFound");
}

}  // namespace
}  // namespace hanok::network
