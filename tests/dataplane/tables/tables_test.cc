// A document becomes tables: what it costs, what is refused, and which devices come and go.
#include <gtest/gtest.h>

#include "dataplane/tables/tables_data.h"

namespace hanok::dataplane {
namespace {

StateDocument base() {
  StateDocument state;
  state.generation = 1;
  state.node = NodeState{"node1", "192.0.2.1"};
  state.host["node1"] = HostState{"192.0.2.1"};
  UplinkState uplink;
  uplink.device = "net_null0";
  uplink.physical_network = "physnet1";
  uplink.address = "192.0.2.1/24";
  state.uplink["under"] = uplink;
  state.network["net"] = NetworkState{1450, {{"vxlan", 7, "", 0}}, false, ""};
  state.subnet["sub"] = SubnetState{"net", "10.0.0.0/16", "10.0.0.1", true, {}, {}};
  state.security_group["group"] = SecurityGroupState{};
  return state;
}

PortState port(unsigned number, bool local = true) {
  PortState state;
  char mac[24];
  std::snprintf(mac, sizeof mac, "fa:16:3e:00:%02x:%02x", number / 256, number % 256);
  state.network = "net";
  state.mac = mac;
  state.addresses = {
      {"sub", "10.0." + std::to_string(number / 250 + 1) + "." + std::to_string(number % 250 + 1)}};
  state.host = local ? "node1" : "node2";
  state.security_groups = {"group"};
  if (local) state.device = DeviceState{"dpdk", "net_null" + std::to_string(number)};
  return state;
}

std::shared_ptr<const Tables> must(const std::shared_ptr<const Tables>& from, const StateDocument& change,
                                   ApplyResult* out = nullptr) {
  ApplyResult result = from->apply(change);
  EXPECT_TRUE(result.tables) << result.error.path << ": " << result.error.message;
  if (out != nullptr) *out = result;
  return result.tables;
}

TEST(Tables, OneChangeAmongTenThousandPortsCostsOne) {
  StateDocument state = base();
  for (unsigned i = 0; i < 10000; ++i) state.port["port-" + std::to_string(i)] = port(i);
  ApplyResult result;
  const auto tables = must(Tables::empty(), state, &result);
  EXPECT_GE(result.objects_rebuilt, 10000U);
  EXPECT_EQ(result.added.size(), 10001U);

  StateDocument change;
  change.generation = 2;
  PortState moved = port(5000);
  moved.hostname = "renamed";
  change.port["port-5000"] = moved;
  const auto next = must(tables, change, &result);
  EXPECT_EQ(result.objects_rebuilt, 1U);
  EXPECT_TRUE(result.added.empty());
  EXPECT_TRUE(result.removed.empty());
  EXPECT_EQ(next->generation(), 2U);
  // All others are the very same objects.
  std::size_t shared = 0;
  next->data().ports.by_handle.for_each([&](Handle handle, const std::shared_ptr<const Port>& each) {
    shared += tables->data().ports.at(handle) == each.get() ? 1 : 0;
  });
  EXPECT_EQ(shared, 9999U);
  EXPECT_EQ(tables->data().ports.named("port-5000")->state.hostname, std::nullopt);
}

TEST(Tables, TheSameDocumentAgainRebuildsNothing) {
  StateDocument state = base();
  state.whole = true;
  for (unsigned i = 0; i < 10; ++i) state.port[std::to_string(i)] = port(i);
  const auto tables = must(Tables::empty(), state);
  ApplyResult result;
  const auto again = must(tables, state, &result);
  EXPECT_EQ(result.objects_rebuilt, 0U);
  EXPECT_EQ(again->data().version_of(ref(Kind::kPort, again->data().ports.named("3")->handle)),
            tables->data().version_of(ref(Kind::kPort, tables->data().ports.named("3")->handle)));
}

TEST(Tables, WholeDocumentTakesAwayWhatItDoesNotName) {
  StateDocument state = base();
  state.whole = true;
  state.port["a"] = port(1);
  state.port["b"] = port(2);
  const auto tables = must(Tables::empty(), state);
  const DeviceIndex a = tables->device_of_port("a");
  state.port.erase("b");
  ApplyResult result;
  const auto next = must(tables, state, &result);
  ASSERT_EQ(result.removed.size(), 1U);
  EXPECT_EQ(result.removed[0].id, "b");
  EXPECT_EQ(next->device_of_port("b"), kNoDevice);
  EXPECT_EQ(next->device_of_port("a"), a);
  EXPECT_FALSE(next->data().port_by_ip.contains({0, *parse_ip("10.0.1.3")}));
}

TEST(Tables, ADeviceThatChangesIsClosedAndOpened) {
  StateDocument state = base();
  state.port["a"] = port(1);
  const auto tables = must(Tables::empty(), state);
  StateDocument change;
  PortState other = port(1);
  other.device = DeviceState{"dpdk", "another"};
  change.port["a"] = other;
  ApplyResult result;
  const auto next = must(tables, change, &result);
  ASSERT_EQ(result.removed.size(), 1U);
  ASSERT_EQ(result.added.size(), 1U);
  EXPECT_NE(result.added[0].index, result.removed[0].index);
  EXPECT_EQ(next->device_of_port("a"), result.added[0].index);
}

TEST(Tables, AddressMayMoveBetweenPortsInOneChange) {
  StateDocument state = base();
  state.port["a"] = port(1);
  state.port["b"] = port(2);
  const auto tables = must(Tables::empty(), state);
  StateDocument change;
  PortState a = port(1), b = port(2);
  std::swap(a.addresses, b.addresses);
  change.port["a"] = a;
  change.port["b"] = b;
  must(tables, change);
}

TEST(Tables, VersionOfAPortCoversItsGroupsAndTheirMembers) {
  StateDocument state = base();
  state.security_group["friends"] = SecurityGroupState{};
  RuleState rule;
  rule.direction = "ingress";
  rule.ethertype = "IPv4";
  rule.remote_group = "friends";
  state.security_group["group"] = SecurityGroupState{{rule}};
  state.port["a"] = port(1);
  state.port["other"] = port(3);
  state.port["other"]->security_groups = {};
  auto tables = must(Tables::empty(), state);
  const auto version = [&](const char* id) {
    return tables->data().version_of(ref(Kind::kPort, tables->data().ports.named(id)->handle));
  };
  const auto before = version("a"), other = version("other");
  StateDocument change;
  change.port["f"] = port(2);
  change.port["f"]->security_groups = {"friends"};
  tables = must(tables, change);
  EXPECT_GT(version("a"), before);
  EXPECT_EQ(version("other"), other);
  EXPECT_TRUE(
      tables->data().group_has(tables->data().groups.named("friends")->handle, *parse_ip("10.0.1.3")));
}

struct Refusal {
  const char* name;
  void (*spoil)(StateDocument&);
  const char* path;
};
void PrintTo(const Refusal& refusal, std::ostream* out) {
  *out << refusal.name;
}

class TablesRefuse : public ::testing::TestWithParam<Refusal> {};

TEST_P(TablesRefuse, WithThePathToTheField) {
  StateDocument state = base();
  state.port["a"] = port(1);
  const auto tables = must(Tables::empty(), state);
  StateDocument change;
  change.generation = 99;
  GetParam().spoil(change);
  const ApplyResult result = tables->apply(change);
  EXPECT_FALSE(result.tables);
  EXPECT_EQ(result.error.path, GetParam().path);
  EXPECT_FALSE(result.error.message.empty());
  EXPECT_EQ(tables->generation(), 1U);
}

INSTANTIATE_TEST_SUITE_P(
    All, TablesRefuse,
    ::testing::Values(
        Refusal{"unknown_network",
                [](StateDocument& s) { s.port["b"] = port(2), s.port["b"]->network = "x"; },
                "/port/b/network"},
        Refusal{"unknown_group",
                [](StateDocument& s) { s.port["b"] = port(2), s.port["b"]->security_groups = {"x"}; },
                "/port/b/security_groups/0"},
        Refusal{"bad_mac",
                [](StateDocument& s) { s.port["b"] = port(2), s.port["b"]->mac = "01:00:5e:00:00:01"; },
                "/port/b/mac"},
        Refusal{"mac_twice", [](StateDocument& s) { s.port["b"] = port(2), s.port["b"]->mac = port(1).mac; },
                "/port/b/mac"},
        Refusal{"address_twice",
                [](StateDocument& s) { s.port["b"] = port(2), s.port["b"]->addresses = port(1).addresses; },
                "/port/b/addresses/0/ip"},
        Refusal{"address_outside",
                [](StateDocument& s) {
                  s.port["b"] = port(2), s.port["b"]->addresses = {{"sub", "10.1.0.1"}};
                },
                "/port/b/addresses/0/ip"},
        Refusal{"vni_twice",
                [](StateDocument& s) {
                  s.network["n2"] = NetworkState{1450, {{"vxlan", 7, "", 0}}, false, ""};
                },
                "/network/n2/segments/0"},
        Refusal{"vni_zero",
                [](StateDocument& s) {
                  s.network["n2"] = NetworkState{1450, {{"vxlan", 0, "", 0}}, false, ""};
                },
                "/network/n2/segments/0/vni"},
        Refusal{
            "subnet_overlap",
            [](StateDocument& s) { s.subnet["s2"] = SubnetState{"net", "10.0.9.0/24", {}, true, {}, {}}; },
            "/subnet/s2/cidr"},
        Refusal{
            "bad_cidr",
            [](StateDocument& s) { s.subnet["s2"] = SubnetState{"net", "10.2.0.0/33", {}, true, {}, {}}; },
            "/subnet/s2/cidr"},
        Refusal{"ipv6_mode_of_ipv4",
                [](StateDocument& s) {
                  s.subnet["s2"] = SubnetState{"net", "10.2.0.0/24", {}, true, {}, {}};
                  s.subnet["s2"]->ipv6_ra_mode = "slaac";
                },
                "/subnet/s2/ipv6_ra_mode"},
        Refusal{"unknown_ipv6_mode",
                [](StateDocument& s) {
                  s.subnet["s2"] = SubnetState{"net", "2001:db8::/64", {}, true, {}, {}};
                  s.subnet["s2"]->ipv6_address_mode = "manual";
                },
                "/subnet/s2/ipv6_address_mode"},
        Refusal{"dhcp_option_not_hexadecimal",
                [](StateDocument& s) {
                  s.port["b"] = port(2), s.port["b"]->dhcp_options = {{4, 67, "00"}, {4, 66, "0g"}};
                },
                "/port/b/dhcp_options/1/data"},
        Refusal{"dhcp_option_too_long",
                [](StateDocument& s) {
                  s.port["b"] = port(2), s.port["b"]->dhcp_options = {{4, 67, std::string(512, '0')}};
                },
                "/port/b/dhcp_options/0/data"},
        Refusal{"dhcp_option_of_the_protocol",
                [](StateDocument& s) {
                  s.port["b"] = port(2), s.port["b"]->dhcp_options = {{4, 53, "01"}};
                },
                "/port/b/dhcp_options/0/code"},
        Refusal{"network_in_use", [](StateDocument& s) { s.network["net"] = std::nullopt; }, "/network/net"},
        Refusal{"group_in_use", [](StateDocument& s) { s.security_group["group"] = std::nullopt; },
                "/security_group/group"},
        Refusal{"bad_protocol",
                [](StateDocument& s) {
                  RuleState rule;
                  rule.direction = "ingress";
                  rule.ethertype = "IPv4";
                  rule.protocol = "gopher";
                  s.security_group["g2"] = SecurityGroupState{{rule}};
                },
                "/security_group/g2/rules/0/protocol"},
        Refusal{"ports_reversed",
                [](StateDocument& s) {
                  RuleState rule;
                  rule.direction = "ingress";
                  rule.ethertype = "IPv4";
                  rule.protocol = "tcp";
                  rule.port_min = 9;
                  rule.port_max = 8;
                  s.security_group["g2"] = SecurityGroupState{{rule}};
                },
                "/security_group/g2/rules/0/port_min"},
        Refusal{"second_vtep_uplink",
                [](StateDocument& s) {
                  UplinkState uplink;
                  uplink.device = "x";
                  uplink.address = "192.0.3.1/24";
                  s.uplink["two"] = uplink;
                },
                "/uplink/two/address"},
        Refusal{"vtep_twice", [](StateDocument& s) { s.host["node2"] = HostState{"192.0.2.1"}; },
                "/host/node2/vtep"},
        Refusal{"id_with_slash",
                [](StateDocument& s) { s.port["a/b~"] = port(2), s.port["a/b~"]->mac = "x"; },
                "/port/a~1b~0/mac"},
        Refusal{"floating_ip_twice",
                [](StateDocument& s) {
                  s.floating_ip["f"] = FloatingIpState{{}, {}, {}, "net", "10.0.200.1"};
                  s.floating_ip["g"] = FloatingIpState{{}, {}, {}, "net", "10.0.200.1"};
                },
                "/floating_ip/g/floating_ip"}),
    [](const auto& each) { return std::string(each.param.name); });

TEST(PersistentMap, KeepsOldVersionsWhileItChanges) {
  PersistentMap<std::uint32_t, int> map;
  std::vector<PersistentMap<std::uint32_t, int>> versions;
  for (std::uint32_t i = 0; i < 2000; ++i) {
    map.set(i, static_cast<int>(i));
    if (i % 100 == 0) versions.push_back(map);
  }
  for (std::uint32_t i = 0; i < 2000; i += 2) map.erase(i);
  EXPECT_EQ(map.size(), 1000U);
  for (std::uint32_t i = 0; i < 2000; ++i) EXPECT_EQ(map.contains(i), i % 2 == 1);
  for (std::size_t v = 0; v < versions.size(); ++v) {
    EXPECT_EQ(versions[v].size(), v * 100 + 1);
    std::size_t seen = 0;
    versions[v].for_each([&](std::uint32_t key, int value) {
      EXPECT_EQ(static_cast<int>(key), value);
      ++seen;
    });
    EXPECT_EQ(seen, v * 100 + 1);
  }
}

// The set of forwarded ports is another object only where it differs: workers see by that whose connections
// change hands.
TEST(Tables, ForwardedPortsAreKnownByBothEnds) {
  StateDocument state = base();
  state.port["a"] = port(1);
  const auto forwarding = [](std::uint32_t external_port, std::uint32_t inside_port) {
    FloatingIpState out{std::nullopt, std::nullopt, std::nullopt, "net", "", {}};
    out.port_forwardings = {{"tcp", external_port, "a", "10.0.1.2", inside_port}};
    return out;
  };
  FloatingIpState one = forwarding(2222, 22), other = forwarding(2223, 22);
  one.floating_ip = "10.0.200.1";
  other.floating_ip = "10.0.200.2";
  auto tables = must(Tables::empty(), state);
  EXPECT_EQ(tables->data().forwarded_ports, nullptr);
  StateDocument change;
  change.floating_ip["one"] = one;
  change.floating_ip["other"] = other;
  tables = must(tables, change);
  const auto both = tables->data().forwarded_ports;
  for (const std::uint16_t known : {22, 2222, 2223}) EXPECT_TRUE(both->has(protocol::kTcp, known)) << known;
  EXPECT_FALSE(both->has(protocol::kUdp, 22));
  EXPECT_FALSE(both->has(protocol::kTcp, 23));

  one.floating_ip = "10.0.200.3";  // another address, the same ports
  StateDocument same;
  same.floating_ip["one"] = one;
  tables = must(tables, same);
  EXPECT_EQ(tables->data().forwarded_ports, both);
  StateDocument gone;
  gone.floating_ip["one"] = std::nullopt;
  tables = must(tables, gone);
  EXPECT_TRUE(tables->data().forwarded_ports->has(protocol::kTcp, 22)) << "the other forwards to it";
  EXPECT_FALSE(tables->data().forwarded_ports->has(protocol::kTcp, 2222));
}

}  // namespace
}  // namespace hanok::dataplane
