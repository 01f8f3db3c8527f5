#include "agents/network/local_state.h"

#include <gtest/gtest.h>

namespace hanok::agent {
namespace {

NetworkSettings settings() {
  return {"node1", "192.0.2.1", "/run/vhost", {{"ext", {{"device", "net_af_packet0,iface=veth0"}}}}};
}

Json port(const std::string& host) {
  return {{"network", "n"}, {"mac", "fa:16:3e:00:00:01"}, {"host", host}};
}

TEST(Uplink, IsReadWithItsDeviceWhole) {
  const auto out = parse_uplink(
      "under=net_af_packet0,iface=veth0;physical_network=physnet1;address=192.0.2.1/24;mtu=1600");
  ASSERT_TRUE(out.ok()) << out.error().message;
  EXPECT_EQ(out->first, "under");
  EXPECT_EQ(out->second["device"], "net_af_packet0,iface=veth0");
  EXPECT_EQ(out->second["physical_network"], "physnet1");
  EXPECT_EQ(out->second["mtu"], 1600);
}

TEST(Uplink, NonsenseIsRefused) {
  for (const char* text : {"", "name", "name=", "=dev", "n=d;colour=red", "n=d;mtu=big", "n=d;mtu=999999"}) {
    EXPECT_FALSE(parse_uplink(text).ok()) << text;
  }
}

TEST(LocalState, OnlyPortsOfThisHostGetADevice) {
  LocalState state(settings());
  const Json changes = state.take({3, true, {{"port", {{"mine", port("node1")}, {"other", port("node2")}}}}});
  EXPECT_EQ(changes["port"]["mine"]["device"]["socket"], "/run/vhost/mine.sock");
  EXPECT_FALSE(changes["port"]["other"].contains("device"));
  EXPECT_EQ(state.own_ports(), std::vector<std::string>{"mine"});
  const Json whole = state.whole();
  EXPECT_EQ(whole["generation"], 3);
  EXPECT_EQ(whole["node"], (Json{{"name", "node1"}, {"vtep", "192.0.2.1"}}));
  EXPECT_TRUE(whole["uplink"].contains("ext"));
}

TEST(LocalState, PortsThatNoGuestOwnsGetNoDevice) {
  LocalState state(settings());
  auto dhcp = port("node1");
  dhcp["device_owner"] = "network:dhcp";
  const Json changes = state.take({1, true, {{"port", {{"p", dhcp}}}}});
  EXPECT_FALSE(changes["port"]["p"].contains("device"));
  EXPECT_FALSE(changes["port"]["p"].contains("device_owner"));
}

TEST(LocalState, OneChangedPortIsAllThatIsSent) {
  LocalState state(settings());
  std::map<std::string, Json> ports;
  for (int i = 0; i < 100; ++i) ports["p" + std::to_string(i)] = port("node2");
  static_cast<void>(state.take({1, true, {{"port", ports}}}));
  const Json changes = state.take({2, false, {{"port", {{"p7", nullptr}}}}});
  EXPECT_EQ(changes, (Json{{"generation", 2}, {"port", {{"p7", nullptr}}}}));
  EXPECT_EQ(state.whole()["port"].size(), 99U);
}

TEST(LocalState, KindsOfOtherRolesAndThisHostItselfAreNotSent) {
  LocalState state(settings());
  EXPECT_TRUE(
      state.take({1, false, {{"instance", {{"i", 1}}}, {"host", {{"node1", {{"vtep", "192.0.2.1"}}}}}}})
          .is_null());
  const Json other = state.take({2, false, {{"host", {{"node2", {{"vtep", ""}}}}}}});
  EXPECT_TRUE(other["host"]["node2"]["vtep"].is_null());
}

}  // namespace
}  // namespace hanok::agent
