#include "control/network/dhcp_options.h"

#include "tests/control/network/fixture.h"

namespace hanok::network {
namespace {

Json option(const char* name, const Json& value, int version = 4) {
  return {{"opt_name", name}, {"opt_value", value}, {"ip_version", version}};
}

TEST(DhcpOptions, are_rendered_as_they_go_out) {
  const auto data = [](const char* name, const char* value, int version = 4) {
    const Json out = render_dhcp_options(Json::array({option(name, value, version)}));
    return out.empty() ? std::string("none")
                       : out[0]["code"].dump() + " " + out[0]["data"].get<std::string>();
  };
  EXPECT_EQ(data("bootfile-name", "pxe"), "67 707865");
  EXPECT_EQ(data("67", "pxe"), "67 707865");
  EXPECT_EQ(data("mtu", "1400"), "26 0578");
  EXPECT_EQ(data("ntp-server", "10.0.0.1, 10.0.0.2"), "42 0a0000010a000002");
  EXPECT_EQ(data("classless-static-route", "10.0.0.0/8,10.1.1.1,0.0.0.0/0,10.1.1.2"),
            "121 080a0a010101000a010102");
  EXPECT_EQ(data("domain-search", "a.org"),
            "119 016103"
            "6f726700");
  EXPECT_EQ(data("dns-server", "[2001:db8::1]", 6), "23 20010db8000000000000000000000001");
  EXPECT_EQ(data("150", "10.0.0.1"), "150 0a000001");
  EXPECT_EQ(data("43", "abc"), "43 616263");
  for (const char* name : {"nonsense", "51", "53", "255"}) EXPECT_EQ(data(name, "1"), "none") << name;
  EXPECT_EQ(data("mtu", "70000"), "none");
  EXPECT_EQ(data("1", "x", 6), "none");
}

TEST(DhcpOptions, are_merged_by_name_and_version) {
  Json stored =
      merge_dhcp_options(Json::array(), {option("mtu", "1400"), option("dns-server", "::1", 6)}).value();
  stored = merge_dhcp_options(stored, {option("mtu", nullptr), option("bootfile-name", "b")}).value();
  EXPECT_EQ(stored, (Json{option("dns-server", "::1", 6), option("bootfile-name", "b")}));
  for (const Json& bad : {Json("x"), Json{{"opt_value", "x"}}, option("mtu", 7), option("mtu", "1", 5)})
    EXPECT_FALSE(merge_dhcp_options(stored, Json::array({bad})).ok()) << bad.dump();
}

class DhcpOptionsOfPorts : public NetworkTest {};

TEST_F(DhcpOptionsOfPorts, reach_the_data_plane) {
  be("alice", true);
  const std::string net = network();
  subnet(net, "10.0.0.0/24");
  const Json made = port(net, {{"binding:host_id", "node1"}, {"extra_dhcp_opts", {option("mtu", "1400")}}});
  EXPECT_EQ(made["extra_dhcp_opts"], Json::array({option("mtu", "1400")}));
  const Json data = Json::array({{{"ip_version", 4}, {"code", 26}, {"data", "0578"}}});
  EXPECT_EQ(render("port", made["id"])["dhcp_options"], data);
  put("/v2.0/ports/" + made["id"].get<std::string>(),
      {{"port", {{"extra_dhcp_opts", {option("mtu", nullptr)}}}}});
  EXPECT_EQ(render("port", made["id"])["dhcp_options"], Json::array());
}

}  // namespace
}  // namespace hanok::network
