#include "agents/network/local_state.h"

#include <gtest/gtest.h>

#include "common/secret.h"

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

TEST(LocalState, GuestsMetadataFollowsTheirInstances) {
  LocalState state(settings());
  const auto instance = [](const char* name) {
    return Json{
        {"nics", {{{"port_id", "mine"}}}},
        {"power", "running"},
        {"config_drive",
         {{"meta_data", {{"uuid", "u1"}, {"hostname", name}, {"public_keys", {{"key", "ssh-rsa AAAA"}}}}},
          {"user_data", "IyEvYmluL3No"}}}};
  };
  Json mine = port("node1");
  mine["addresses"] = {{{"subnet", "s"}, {"ip", "10.0.0.5"}}};
  // The port first, and then its instance.
  static_cast<void>(state.take({1, true, {{"port", {{"mine", mine}, {"other", port("node1")}}}}}));
  Json changes = state.take({2, false, {{"instance", {{"i", instance("vm1")}}}}});
  const Json files = changes["port"]["mine"]["metadata"];
  EXPECT_EQ(changes["port"].size(), 1U);
  EXPECT_EQ(files["latest/user-data"], "IyEvYmluL3No");
  EXPECT_EQ(files["openstack/latest/user_data"], "IyEvYmluL3No");
  EXPECT_EQ(files["latest/meta-data/hostname"], base64_encode("vm1"));
  EXPECT_EQ(files["latest/meta-data/local-ipv4"], base64_encode("10.0.0.5"));
  EXPECT_EQ(files["latest/meta-data/public-keys"], base64_encode("0=key"));
  EXPECT_EQ(files["latest/meta-data/public-keys/0/openssh-key"], base64_encode("ssh-rsa AAAA"));
  // The same again, and what the service does not tell, is no change; a new name is.
  Json stopped = instance("vm1");
  stopped["power"] = "stopped";
  EXPECT_TRUE(state.take({3, false, {{"instance", {{"i", stopped}}}}}).is_null());
  changes = state.take({4, false, {{"instance", {{"i", instance("vm2")}}}}});
  EXPECT_EQ(changes["port"]["mine"]["metadata"]["latest/meta-data/hostname"], base64_encode("vm2"));
  // Both at once, as after a restart; and gone with the instance.
  changes = state.take({5, true, {{"port", {{"mine", mine}}}, {"instance", {{"i", instance("vm3")}}}}});
  EXPECT_EQ(changes["port"]["mine"]["metadata"]["latest/meta-data/hostname"], base64_encode("vm3"));
  changes = state.take({6, false, {{"instance", {{"i", nullptr}}}}});
  EXPECT_FALSE(changes["port"]["mine"].contains("metadata"));
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
