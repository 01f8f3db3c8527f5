#pragma once
// An engine on a table: state from structs, frames from words, and every counter compared after each step.

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/flow/engine.h"
#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/parse.h"
#include "dataplane/tables/tables_data.h"
#include "tests/dataplane/flow/engines.h"

namespace hanok::dataplane::test {

using Bytes = std::vector<std::uint8_t>;

// The legs of the one router that the tests' worlds have: two networks and the outside.
constexpr const char* kBlueMac = "fa:16:3e:ff:00:01";
constexpr const char* kRedMac = "fa:16:3e:ff:00:02";
constexpr const char* kGatewayMac = "fa:16:3e:ff:00:03";

class MemoryPool final : public BufferPool {
 public:
  Packet* allocate(std::uint16_t length) override {
    if (refuse) return nullptr;
    auto* raw = new std::uint8_t[128 + length + 64];
    auto* packet = new Packet;
    packet->data = raw + 128;
    packet->length = length;
    packet->headroom = 128;
    packet->tailroom = 64;
    packet->buffer = raw;
    ++live;
    return packet;
  }
  void release(Packet* const* packets, unsigned count) override {
    for (unsigned i = 0; i < count; ++i) {
      delete[] static_cast<std::uint8_t*>(packets[i]->buffer);
      delete packets[i];
      --live;
    }
  }
  int live = 0;
  bool refuse = false;
};

// One frame that came out.
struct Sent {
  DeviceIndex device;
  Bytes bytes;
};

inline Mac mac(const char* text) {
  return *parse_mac(text);
}
inline Ip ip(const char* text) {
  return *parse_ip(text);
}

// A frame in words; every part may be left as it is.
struct Frame {
  Mac to, from;
  Ip source, destination;
  std::uint8_t protocol = protocol::kUdp;
  std::uint16_t source_port = 10000, destination_port = 2000;
  std::uint8_t flags = tcp_flag::kSyn;
  std::uint8_t icmp_type = icmp::kEcho, icmp_code = 0;
  std::uint16_t identifier = 77;
  std::uint8_t ttl = 64;
  Bytes payload = {'h', 'a', 'n', 'o', 'k'};
  std::uint16_t vlan = 0;

  [[nodiscard]] Bytes l4() const {
    Bytes out;
    if (protocol == protocol::kTcp) {
      out.assign(kTcpBytes, 0);
      store16(&out[0], source_port);
      store16(&out[2], destination_port);
      out[12] = 0x50;
      out[13] = flags;
    } else if (protocol == protocol::kUdp) {
      out.assign(kUdpBytes, 0);
      store16(&out[0], source_port);
      store16(&out[2], destination_port);
      store16(&out[4], static_cast<std::uint16_t>(kUdpBytes + payload.size()));
    } else if (protocol == protocol::kIcmp || protocol == protocol::kIcmp6) {
      out.assign(8, 0);
      out[0] = icmp_type;
      out[1] = icmp_code;
      store16(&out[4], identifier);
    }
    out.insert(out.end(), payload.begin(), payload.end());
    const auto length = static_cast<std::uint16_t>(out.size());
    if (protocol == protocol::kTcp)
      store16(&out[16], l4_checksum(source, destination, protocol, out.data(), length));
    if (protocol == protocol::kUdp)
      store16(&out[6], l4_checksum(source, destination, protocol, out.data(), length));
    if (protocol == protocol::kIcmp) store16(&out[2], checksum(out.data(), length));
    if (protocol == protocol::kIcmp6) {
      store16(&out[2], l4_checksum(source, destination, protocol, out.data(), length));
    }
    return out;
  }
  [[nodiscard]] Bytes bytes() const {
    const Bytes body = l4();
    const auto length = static_cast<std::uint16_t>(body.size());
    Bytes out(14 + (vlan != 0 ? 4 : 0) + 40, 0);
    const bool v4 = source.is_v4();
    std::uint8_t* at = out.data();
    at += write_ethernet(at, to, from, v4 ? ethertype::kIpv4 : ethertype::kIpv6);
    if (vlan != 0) {
      store16(at - 2, ethertype::kVlan);
      store16(at, vlan);
      store16(at + 2, v4 ? ethertype::kIpv4 : ethertype::kIpv6);
      at += 4;
    }
    at += v4 ? write_ipv4(at, source, destination, protocol, length, ttl)
             : write_ipv6(at, source, destination, protocol, length, ttl);
    out.resize(static_cast<std::size_t>(at - out.data()));
    out.insert(out.end(), body.begin(), body.end());
    return out;
  }
};

inline Bytes arp(std::uint16_t operation, const Mac& to, const Mac& sender_mac, const Ip& sender,
                 const Mac& target_mac, const Ip& target) {
  Bytes out(42);
  write_arp(out.data(), operation, to, sender_mac, sender, target_mac, target);
  return out;
}

// Parses a frame that came out, and checks every checksum in it.
inline Parsed parsed(const Bytes& bytes) {
  Parsed out;
  const auto drop = parse_frame(bytes.data(), static_cast<std::uint16_t>(bytes.size()), out);
  EXPECT_FALSE(drop.has_value()) << to_string(*drop);
  if (!drop && out.l3 == L3::kIpv4 && out.l4_offset != 0) {
    Bytes l4(bytes.begin() + out.l4_offset, bytes.begin() + out.l3_end);
    const auto check = [&](std::size_t at, bool pseudo) {
      const std::uint16_t have = load16(&l4[at]);
      l4[at] = l4[at + 1] = 0;
      const auto length = static_cast<std::uint16_t>(l4.size());
      EXPECT_EQ(have, pseudo ? l4_checksum(out.ip_source, out.ip_destination, out.protocol, l4.data(), length)
                             : checksum(l4.data(), length));
    };
    if (out.protocol == protocol::kTcp) check(16, true);
    if (out.protocol == protocol::kUdp && load16(&l4[6]) != 0) check(6, true);
    if (out.protocol == protocol::kIcmp) check(2, false);
  }
  return out;
}

inline RuleState rule(const char* direction, std::optional<std::string> protocol = {},
                      std::optional<std::uint32_t> low = {}, std::optional<std::uint32_t> high = {},
                      std::optional<std::string> cidr = {}, std::optional<std::string> group = {},
                      const char* ethertype = "IPv4") {
  return {"", direction, ethertype, std::move(protocol), low, high, std::move(cidr), std::move(group)};
}

class TestBed : public ::testing::Test, public Output {
 protected:
  TestBed() { make_engine({}); }
  void make_engine(EngineOptions options, unsigned workers = Engines::wanted()) {
    options.hash_seed = 0x1234567;
    if (options.flow_capacity > 4096) options.flow_capacity = 4096;
    engine = std::make_unique<Engines>(pool, options, workers);
    engine->set_tables(tables);
  }
  ~TestBed() override {
    engine.reset();
    EXPECT_EQ(pool.live, 0) << "packets leaked or freed twice";
  }

  // A host "node1" with VTEP 192.0.2.1 on uplink "under", and "node2" with 192.0.2.2.
  static StateDocument base() {
    StateDocument state;
    state.node = NodeState{"node1", std::nullopt};
    state.host["node1"] = HostState{"192.0.2.1"};
    state.host["node2"] = HostState{"192.0.2.2"};
    UplinkState under;
    under.device = "net_null0";
    under.physical_network = "physnet1";
    under.address = "192.0.2.1/24";
    under.mac = "02:00:00:00:00:01";
    under.mtu = 1600;
    state.uplink["under"] = under;
    UplinkState ext;
    ext.device = "net_null1";
    ext.physical_network = "external";
    ext.mac = "02:00:00:00:00:02";
    state.uplink["ext"] = ext;
    state.network["blue"] = NetworkState{1450, {{"vxlan", 100, "", 0}}, false, "example.org"};
    state.subnet["blue4"] = SubnetState{"blue", "10.0.0.0/24", "10.0.0.1", true, {"8.8.8.8"}, {}};
    state.security_group["open"] = SecurityGroupState{{rule("ingress"), rule("egress")}};
    state.security_group["out"] = SecurityGroupState{{rule("egress")}};
    return state;
  }
  static PortState port(const char* network, const char* mac_text, const char* subnet, const char* ip_text,
                        const char* group = "open", const char* host = "node1") {
    PortState state;
    state.network = network;
    state.mac = mac_text;
    if (subnet != nullptr) state.addresses = {{subnet, ip_text}};
    state.host = host;
    if (group != nullptr) state.security_groups = {group};
    if (std::string(host) == "node1") state.device = DeviceState{"dpdk", std::string("net_") + mac_text};
    return state;
  }
  static void add_router(StateDocument& state) {
    state.network["red"] = NetworkState{1450, {{"vxlan", 200, "", 0}}, false, ""};
    state.subnet["red4"] = SubnetState{"red", "10.1.0.0/24", "10.1.0.1", true, {}, {}};
    state.network["public"] = NetworkState{1500, {{"flat", 0, "external", 0}}, true, ""};
    state.subnet["public4"] = SubnetState{"public", "203.0.113.0/24", "203.0.113.1", false, {}, {}};
    RouterState router;
    router.interfaces = {{std::nullopt, "blue", kBlueMac, {{"blue4", "10.0.0.1"}}},
                         {std::nullopt, "red", kRedMac, {{"red4", "10.1.0.1"}}}};
    router.gateway =
        GatewayState{std::nullopt, "public", kGatewayMac, {{"public4", "203.0.113.10"}}, true, "node1"};
    state.router["r"] = router;
  }

  void apply(const StateDocument& change) {
    ApplyResult result = tables->apply(change);
    ASSERT_TRUE(result.tables) << result.error.path << ": " << result.error.message;
    tables = result.tables;
    last_result = result;
    engine->set_tables(tables);
  }
  [[nodiscard]] DeviceIndex device(const std::string& id) const {
    for (const DeviceInfo& info : tables->devices()) {
      if (info.id == id) return info.index;
    }
    return kNoDevice;
  }
  [[nodiscard]] std::string device_name(DeviceIndex index) const {
    for (const DeviceInfo& info : tables->devices()) {
      if (info.index == index) return info.id;
    }
    return "none";
  }

  // Sends one frame in; what came out since is returned. `expected_drops` are all that may be counted by it.
  std::vector<Sent> send(const std::string& in, const Bytes& bytes,
                         const std::map<std::string, int>& expected_drops = {}) {
    const auto before = drops();
    Packet* packet = pool.allocate(static_cast<std::uint16_t>(bytes.size()));
    std::memcpy(packet->data, bytes.data(), bytes.size());
    sent.clear();
    engine->process(&packet, 1, device(in), now_us, *this);
    EXPECT_EQ(difference(before, drops()), expected_drops);
    return sent;
  }
  std::vector<Sent> send(const std::string& in, const Frame& frame,
                         const std::map<std::string, int>& expected_drops = {}) {
    return send(in, frame.bytes(), expected_drops);
  }
  // The one frame that came out, and by the device named.
  Bytes one(const std::vector<Sent>& all, const std::string& by) {
    EXPECT_EQ(all.size(), 1U);
    if (all.size() != 1) return {};
    EXPECT_EQ(device_name(all[0].device), by);
    return all[0].bytes;
  }
  std::vector<Sent> poll() {
    sent.clear();
    engine->poll(now_us, *this);
    return sent;
  }

  void transmit(DeviceIndex out, Packet* const* packets, unsigned count) override {
    for (unsigned i = 0; i < count; ++i) {
      sent.push_back({out, Bytes(packets[i]->data, packets[i]->data + packets[i]->length)});
    }
    pool.release(packets, count);
  }

  // "device drop_name" -> count, for all devices.
  [[nodiscard]] std::map<std::string, int> drops() const {
    std::map<std::string, int> all;
    const Counters& all_counters = engine->counters();
    for (const DeviceInfo& info : tables->devices()) {
      const DeviceCounters* counters = all_counters.device(info.index);
      if (counters == nullptr) continue;
      for (std::size_t i = 0; i < kDropReasons; ++i) {
        const auto count = counters->drops[i].read();
        if (count != 0) {
          all[info.id + " " + std::string(to_string(static_cast<DropReason>(i)))] = static_cast<int>(count);
        }
      }
    }
    return all;
  }
  static std::map<std::string, int> difference(const std::map<std::string, int>& before,
                                               const std::map<std::string, int>& after) {
    std::map<std::string, int> out;
    for (const auto& [name, count] : after) {
      const auto old = before.find(name);
      const int more = count - (old != before.end() ? old->second : 0);
      if (more != 0) out[name] = more;
    }
    return out;
  }

  // Teaches the engine that 192.0.2.2 is at 02:00:00:00:00:99.
  void learn_vtep() {
    send("under",
         arp(2, mac("02:00:00:00:00:01"), mac("02:00:00:00:00:99"), ip("192.0.2.2"), mac("02:00:00:00:00:01"),
             ip("192.0.2.1")),
         {{"under arp_consumed", 1}});
  }
  // An inner frame as node2 would send it.
  static Bytes in_vxlan(const Bytes& inner, std::uint32_t vni, const char* source = "192.0.2.2") {
    Bytes payload(8);
    payload[0] = 8;
    store32(&payload[4], vni << 8U);
    payload.insert(payload.end(), inner.begin(), inner.end());
    Frame outer;
    outer.to = mac("02:00:00:00:00:01");
    outer.from = mac("02:00:00:00:00:99");
    outer.source = ip(source);
    outer.destination = ip("192.0.2.1");
    outer.source_port = 50000;
    outer.destination_port = 4789;
    outer.payload = payload;
    return outer.bytes();
  }
  // The inner frame of one that left by VXLAN; checks the outer header.
  Bytes out_of_vxlan(const Bytes& outer, std::uint32_t vni) {
    const Parsed head = parsed(outer);
    Vxlan vxlan;
    std::optional<DropReason> bad;
    EXPECT_TRUE(parse_vxlan(outer.data(), static_cast<std::uint16_t>(outer.size()), head, vxlan, bad));
    EXPECT_FALSE(bad.has_value());
    EXPECT_EQ(vxlan.vni, vni);
    EXPECT_EQ(to_string(head.ip_source), "192.0.2.1");
    EXPECT_EQ(to_string(head.ip_destination), "192.0.2.2");
    EXPECT_EQ(to_string(head.destination), "02:00:00:00:00:99");
    EXPECT_EQ(to_string(head.source), "02:00:00:00:00:01");
    EXPECT_GE(head.source_port, 49152);
    return Bytes(outer.begin() + vxlan.inner_offset, outer.end());
  }

  MemoryPool pool;
  std::shared_ptr<const Tables> tables = Tables::empty();
  ApplyResult last_result;
  std::unique_ptr<Engines> engine;
  std::vector<Sent> sent;
  std::uint64_t now_us = 1'000'000'000;
};

}  // namespace hanok::dataplane::test
