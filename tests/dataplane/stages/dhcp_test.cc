// DHCPv4 as a client sees it.
#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {
namespace {

struct Reply {
  std::uint8_t type = 0;
  Ip yours, to;
  Mac to_mac;
  std::map<int, Bytes> options;
};

class Dhcp : public TestBed {
 protected:
  void SetUp() override {
    StateDocument state = base();
    state.subnet["blue4"] = SubnetState{"blue", "10.0.0.0/24",          "10.0.0.1",
                                        true,   {"8.8.8.8", "1.1.1.1"}, {{"1.0.0.0/8", "10.0.0.9"}}};
    PortState a = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10", nullptr);
    a.hostname = "vm1";
    state.port["a"] = a;
    apply(state);
  }
  static Bytes options(std::uint8_t type, std::initializer_list<Bytes> more = {}) {
    Bytes out = {0x63, 0x82, 0x53, 0x63, 53, 1, type};
    for (const Bytes& option : more) out.insert(out.end(), option.begin(), option.end());
    out.push_back(255);
    return out;
  }
  static Frame message(const Bytes& tail, bool broadcast = false, const char* client = nullptr) {
    Frame frame;
    frame.to = kBroadcast;
    frame.from = mac("fa:16:3e:00:00:0a");
    frame.source = ip(client != nullptr ? client : "0.0.0.0");
    frame.destination = ip("255.255.255.255");
    frame.source_port = 68;
    frame.destination_port = 67;
    frame.payload.assign(236, 0);
    frame.payload[0] = frame.payload[1] = 1;
    frame.payload[2] = 6;
    store32(&frame.payload[4], 0xabcdef01);
    if (broadcast) frame.payload[10] = 0x80;
    if (client != nullptr) ip(client).write_v4(&frame.payload[12]);
    frame.from.write(&frame.payload[28]);
    frame.payload.insert(frame.payload.end(), tail.begin(), tail.end());
    return frame;
  }
  Reply read(const Bytes& bytes) {
    const Parsed head = parsed(bytes);
    EXPECT_EQ(head.source_port, 67);
    EXPECT_EQ(head.destination_port, 68);
    EXPECT_EQ(to_string(head.ip_source), "10.0.0.1");
    Reply reply;
    reply.to = head.ip_destination;
    reply.to_mac = head.destination;
    const std::uint8_t* bootp = bytes.data() + head.l4_offset + 8;
    EXPECT_EQ(bootp[0], 2);
    EXPECT_EQ(load32(bootp + 4), 0xabcdef01U);
    EXPECT_EQ(load32(bootp + 236), 0x63825363U);
    reply.yours = Ip::v4_from(bootp + 16);
    for (const std::uint8_t* at = bootp + 240; *at != 255; at += 2 + at[1]) {
      reply.options[at[0]] = Bytes(at + 2, at + 2 + at[1]);
    }
    reply.type = reply.options[53][0];
    return reply;
  }
};

TEST_F(Dhcp, OffersThePortsAddressWithAllItNeeds) {
  const Reply offer = read(one(send("a", message(options(1))), "a"));
  EXPECT_EQ(offer.type, 2);
  EXPECT_EQ(to_string(offer.yours), "10.0.0.10");
  EXPECT_EQ(to_string(offer.to), "10.0.0.10");
  EXPECT_EQ(to_string(offer.to_mac), "fa:16:3e:00:00:0a");
  const auto& o = offer.options;
  EXPECT_EQ(o.at(1), (Bytes{255, 255, 255, 0}));
  EXPECT_EQ(o.at(3), (Bytes{10, 0, 0, 1}));
  EXPECT_EQ(o.at(6), (Bytes{8, 8, 8, 8, 1, 1, 1, 1}));
  EXPECT_EQ(o.at(12), (Bytes{'v', 'm', '1'}));
  EXPECT_EQ(o.at(15), (Bytes{'e', 'x', 'a', 'm', 'p', 'l', 'e', '.', 'o', 'r', 'g'}));
  EXPECT_EQ(o.at(26), (Bytes{0x05, 0xaa}));
  EXPECT_EQ(o.at(51), (Bytes{0, 1, 0x51, 0x80}));
  EXPECT_EQ(o.at(54), (Bytes{10, 0, 0, 1}));
  EXPECT_EQ(o.at(121), (Bytes{8, 1, 10, 0, 0, 9, 0, 10, 0, 0, 1}));
}

TEST_F(Dhcp, GivesOnlyTheRoutesThatAreAskedFor) {
  const Reply offer = read(one(send("a", message(options(1, {{55, 2, 1, 3}}))), "a"));
  EXPECT_FALSE(offer.options.contains(121));
  EXPECT_FALSE(offer.options.contains(26));
  EXPECT_TRUE(offer.options.contains(3));
}

TEST_F(Dhcp, AcknowledgesItsOwnOfferOnly) {
  EXPECT_EQ(
      read(one(send("a", message(options(3, {{50, 4, 10, 0, 0, 10}, {54, 4, 10, 0, 0, 1}}))), "a")).type, 5);
  send("a", message(options(3, {{50, 4, 10, 0, 0, 10}, {54, 4, 10, 0, 0, 2}})), {{"a dhcp_ignored", 1}});
  const Reply nak = read(one(send("a", message(options(3, {{50, 4, 10, 0, 0, 11}}))), "a"));
  EXPECT_EQ(nak.type, 6);
  EXPECT_TRUE(nak.yours.is_zero());
  EXPECT_EQ(nak.to_mac, kBroadcast);
  EXPECT_FALSE(nak.options.contains(1));
}

TEST_F(Dhcp, RenewsByUnicastAndAnswersInform) {
  const Reply ack = read(one(send("a", message(options(3), false, "10.0.0.10")), "a"));
  EXPECT_EQ(ack.type, 5);
  EXPECT_EQ(to_string(ack.to), "10.0.0.10");
  const Reply inform = read(one(send("a", message(options(8), false, "10.0.0.10")), "a"));
  EXPECT_EQ(inform.type, 5);
  EXPECT_TRUE(inform.yours.is_zero());
  EXPECT_FALSE(inform.options.contains(51));
}

TEST_F(Dhcp, BroadcastsWhereTheClientAsksForIt) {
  EXPECT_EQ(read(one(send("a", message(options(1), true)), "a")).to_mac, kBroadcast);
}

TEST_F(Dhcp, TakesDeclineAndReleaseInSilence) {
  send("a", message(options(4)), {{"a dhcp_declined", 1}});
  send("a", message(options(7)), {{"a dhcp_released", 1}});
}

TEST_F(Dhcp, GivesBackTheClientsIdentifierAndAllItAsksFor) {
  const Bytes identifier = {61, 7, 1, 0xfa, 0x16, 0x3e, 0, 0, 0x0a};
  const Reply offer = read(one(send("a", message(options(1, {identifier, {55, 3, 119, 121, 249}}))), "a"));
  EXPECT_EQ(offer.options.at(61), Bytes(identifier.begin() + 2, identifier.end()));
  EXPECT_EQ(offer.options.at(119), (Bytes{7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'o', 'r', 'g', 0}));
  EXPECT_EQ(offer.options.at(249), offer.options.at(121));
}

TEST_F(Dhcp, PortsOwnOptionsWin) {
  StateDocument change;
  change.port["a"] = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10", nullptr);
  change.port["a"]->dhcp_options = {{4, 67, "70786531"}, {4, 66, "7466"}, {4, 26, "0578"}, {6, 67, "00"}};
  apply(change);
  const Bytes bytes = one(send("a", message(options(1))), "a");
  const Reply offer = read(bytes);
  EXPECT_EQ(offer.options.at(67), (Bytes{'p', 'x', 'e', '1'}));
  EXPECT_EQ(offer.options.at(26), (Bytes{0x05, 0x78}));
  const std::uint8_t* bootp = bytes.data() + 42;
  EXPECT_STREQ(reinterpret_cast<const char*>(bootp + 44), "tf");
  EXPECT_STREQ(reinterpret_cast<const char*>(bootp + 108), "pxe1");
  EXPECT_FALSE(read(one(send("a", message(options(1, {{55, 1, 1}}))), "a")).options.contains(67));
}

TEST_F(Dhcp, EachOfThePortsAddressesCanBeAskedFor) {
  StateDocument change;
  change.subnet["blue4b"] = SubnetState{"blue", "10.0.9.0/24", "10.0.9.1", true, {}, {}};
  change.port["a"] = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10", nullptr);
  change.port["a"]->addresses.push_back({"blue4b", "10.0.9.10"});
  apply(change);
  EXPECT_EQ(to_string(read(one(send("a", message(options(1))), "a")).yours), "10.0.0.10");
  const Bytes ack = one(send("a", message(options(3, {{50, 4, 10, 0, 9, 10}, {54, 4, 10, 0, 9, 1}}))), "a");
  EXPECT_EQ(to_string(parsed(ack).ip_source), "10.0.9.1");
}

TEST_F(Dhcp, DropsMalformedMessages) {
  send("a", message({0x63, 0x82, 0x53, 0x63, 53, 9, 1}), {{"a dhcp_malformed", 1}});
  send("a", message({1, 2, 3, 4, 53, 1, 1, 255}), {{"a dhcp_malformed", 1}});
  send("a", message(options(3)), {{"a dhcp_malformed", 1}});
  Frame cut = message(options(1));
  cut.payload.resize(100);
  send("a", cut, {{"a dhcp_malformed", 1}});
  Frame relayed = message(options(1));
  relayed.payload[24] = 10;
  send("a", relayed, {{"a dhcp_ignored", 1}});
}

TEST_F(Dhcp, PortWithoutAnAddressGetsNone) {
  StateDocument change;
  change.port["a"] = port("blue", "fa:16:3e:00:00:0a", nullptr, nullptr, nullptr);
  apply(change);
  send("a", message(options(1)), {{"a dhcp_no_address", 1}});
}

}  // namespace
}  // namespace hanok::dataplane::test
