// How an IPv6 guest gets its addresses: router advertisements and DHCPv6, in every mode.
#include "dataplane/packet/dhcpv6_message.h"
#include "dataplane/packet/nd_message.h"
#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {
namespace {

constexpr const char* kMac = "fa:16:3e:00:00:0a";
const Bytes kClientId = {0, 3, 0, 1, 0xfa, 0x16, 0x3e, 0, 0, 0x0a};
const Bytes kServerId = {0, 3, 0, 1, 0x02, 0, 0, 0, 0, 0x43};

Bytes option(std::uint16_t code, const Bytes& value) {
  Bytes out(4);
  store16(&out[0], code);
  store16(&out[2], static_cast<std::uint16_t>(value.size()));
  out.insert(out.end(), value.begin(), value.end());
  return out;
}

Bytes ia_na(std::uint32_t iaid, std::initializer_list<const char*> addresses = {}) {
  Bytes value(12);
  store32(&value[0], iaid);
  for (const char* text : addresses) {
    const Ip address = ip(text);
    Bytes inner(address.bytes.begin(), address.bytes.end());
    inner.resize(24);
    const Bytes whole = option(5, inner);
    value.insert(value.end(), whole.begin(), whole.end());
  }
  return option(3, value);
}

using Options = std::multimap<int, Bytes>;
Options read_options(const Bytes& bytes, std::size_t at) {
  Options out;
  while (at + 4 <= bytes.size()) {
    const std::size_t size = load16(&bytes[at + 2]);
    out.emplace(load16(&bytes[at]), Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(at + 4),
                                          bytes.begin() + static_cast<std::ptrdiff_t>(at + 4 + size)));
    at += 4 + size;
  }
  EXPECT_EQ(at, bytes.size());
  return out;
}

class Autoconfiguration : public TestBed {
 protected:
  void use(std::optional<std::string> ra_mode, std::optional<std::string> address_mode) {
    StateDocument state = base();
    state.subnet["six"] = SubnetState{"blue", "2001:db8:a::/64", "2001:db8:a::1", true, {"2001:db8::53"}, {}};
    state.subnet["six"]->ipv6_ra_mode = std::move(ra_mode);
    state.subnet["six"]->ipv6_address_mode = std::move(address_mode);
    RouterState router;
    router.interfaces = {{std::nullopt, "blue", kBlueMac, {{"six", "2001:db8:a::1"}}}};
    state.router["r"] = router;
    state.port["a"] = port("blue", kMac, "six", "2001:db8:a::a", nullptr);
    state.port["b"] = port("blue", "fa:16:3e:00:00:0b", "six", "2001:db8:a::b", nullptr);
    apply(state);
  }
  static Bytes solicitation(bool named = true) {
    Frame frame;
    frame.to = mac("33:33:00:00:00:02");
    frame.from = mac(kMac);
    frame.source = named ? link_local_of(mac(kMac)) : Ip{};
    frame.destination = ip("ff02::2");
    frame.protocol = protocol::kIcmp6;
    frame.icmp_type = icmp6::kRouterSolicit;
    frame.identifier = 0;
    frame.ttl = 255;
    frame.payload.clear();
    return frame.bytes();
  }
  struct Advert {
    Parsed head;
    std::uint8_t flags = 0;
    std::uint16_t seconds = 0;
    std::map<int, Bytes> options;
  };
  Advert read_advert(const Bytes& bytes) {
    Advert out;
    out.head = parsed(bytes);
    EXPECT_EQ(out.head.icmp_type, icmp6::kRouterAdvert);
    EXPECT_EQ(out.head.ttl, 255);
    EXPECT_EQ(to_string(out.head.ip_source), "fe80::f816:3eff:feff:1");
    EXPECT_EQ(l4_checksum(out.head.ip_source, out.head.ip_destination, protocol::kIcmp6, &bytes[54],
                          static_cast<std::uint16_t>(bytes.size() - 54)),
              0);
    out.flags = bytes[59];
    out.seconds = load16(&bytes[60]);
    for (std::size_t at = 70; at < bytes.size(); at += std::size_t{bytes[at + 1]} * 8) {
      out.options[bytes[at]] =
          Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                bytes.begin() + static_cast<std::ptrdiff_t>(at + std::size_t{bytes[at + 1]} * 8));
      if (bytes[at + 1] == 0) break;
    }
    return out;
  }
  static Frame client(std::uint8_t type, std::initializer_list<Bytes> options, const char* to = "ff02::1:2") {
    Frame frame;
    frame.to = mac("33:33:00:01:00:02");
    frame.from = mac(kMac);
    frame.source = link_local_of(mac(kMac));
    frame.destination = ip(to);
    frame.source_port = 546;
    frame.destination_port = 547;
    frame.payload = {type, 0xab, 0xcd, 0xef};
    for (const Bytes& each : options) frame.payload.insert(frame.payload.end(), each.begin(), each.end());
    return frame;
  }
  struct Answer {
    int type = 0;
    Options options;
    Bytes association;
  };
  Answer read_answer(const Bytes& bytes) {
    const Parsed head = parsed(bytes);
    Answer out;
    EXPECT_EQ(head.source_port, 547);
    EXPECT_EQ(head.destination_port, 546);
    EXPECT_EQ(head.ip_destination, link_local_of(mac(kMac)));
    const Bytes body(bytes.begin() + 62, bytes.end());
    EXPECT_EQ(load32(body.data()) & 0xffffffU, 0xabcdefU);
    out.type = body[0];
    out.options = read_options(body, 4);
    EXPECT_EQ(out.options.find(2)->second, kServerId);
    if (out.options.contains(3)) out.association = out.options.find(3)->second;
    return out;
  }
  // address -> valid lifetime, of the first IA_NA
  static std::map<std::string, std::uint32_t> leases(const Answer& answer) {
    std::map<std::string, std::uint32_t> out;
    if (answer.association.size() < 12) return out;
    for (const auto& [code, value] : read_options(answer.association, 12)) {
      if (code == 5) out[to_string(Ip::v6_from(value.data()))] = load32(&value[20]);
    }
    return out;
  }
  static int status(const Bytes& value) { return value.size() < 2 ? -1 : load16(value.data()); }
};

TEST_F(Autoconfiguration, SolicitationIsAnsweredForSlaac) {
  use("slaac", "slaac");
  const Advert advert = read_advert(one(send("a", solicitation()), "a"));
  EXPECT_EQ(advert.head.ip_destination, link_local_of(mac(kMac)));
  EXPECT_EQ(advert.flags, 0);
  EXPECT_EQ(advert.seconds, 1800);
  const Bytes& prefix = advert.options.at(3);
  EXPECT_EQ(prefix[2], 64);
  EXPECT_EQ(prefix[3], 0xc0);  // on link, autonomous
  EXPECT_EQ(to_string(Ip::v6_from(&prefix[16])), "2001:db8:a::");
  EXPECT_EQ(load32(&advert.options.at(5)[4]), 1450U);
  EXPECT_EQ(to_string(Ip::v6_from(&advert.options.at(25)[8])), "2001:db8::53");
  EXPECT_EQ(advert.options.at(31)[8], 7);  // "example"
  EXPECT_EQ(to_string(Mac::from(&advert.options.at(1)[2])), kBlueMac);
  EXPECT_EQ(read_advert(one(send("a", solicitation(false)), "a")).head.ip_destination, kAllNodes);
}

TEST_F(Autoconfiguration, ModesShowInFlags) {
  use("dhcpv6-stateful", "dhcpv6-stateful");
  Advert advert = read_advert(one(send("a", solicitation()), "a"));
  EXPECT_EQ(advert.flags, 0x80);
  EXPECT_EQ(advert.options.at(3)[3], 0x80);  // on link only
  use("dhcpv6-stateless", "dhcpv6-stateless");
  advert = read_advert(one(send("a", solicitation()), "a"));
  EXPECT_EQ(advert.flags, 0x40);
  EXPECT_EQ(advert.options.at(3)[3], 0xc0);
}

TEST_F(Autoconfiguration, WithoutAModeAnotherRouterIsAsked) {
  use({}, {});
  EXPECT_EQ(send("a", solicitation()).size(), 1U);  // to the other guest, as any multicast
  use({}, "slaac");
  EXPECT_EQ(device_name(send("a", solicitation()).at(0).device), "b");
}

TEST_F(Autoconfiguration, EveryGuestHearsItsRouterOncePerPeriod) {
  use("slaac", "slaac");
  std::map<std::string, int> heard;
  for (int second = 0; second < 256; ++second) {
    now_us += 1'000'000;
    for (const Sent& each : poll()) {
      EXPECT_EQ(read_advert(each.bytes).head.ip_destination, kAllNodes);
      ++heard[device_name(each.device)];
    }
  }
  EXPECT_EQ(heard, (std::map<std::string, int>{{"a", 2}, {"b", 2}}));
}

TEST_F(Autoconfiguration, RouterThatIsDownAdvertisesNothing) {
  use("slaac", "slaac");
  StateDocument change;
  change.router["r"] = tables->data().routers.named("r")->state;
  change.router["r"]->admin_up = false;
  apply(change);
  EXPECT_EQ(device_name(send("a", solicitation()).at(0).device), "b");
}

TEST_F(Autoconfiguration, StatefulGivesThePortsAddress) {
  use("dhcpv6-stateful", "dhcpv6-stateful");
  Answer answer = read_answer(one(send("a", client(1, {option(1, kClientId), ia_na(7)})), "a"));
  EXPECT_EQ(answer.type, 2);  // advertise
  EXPECT_EQ(answer.options.find(1)->second, kClientId);
  EXPECT_EQ(answer.options.find(7)->second, Bytes{255});
  EXPECT_EQ(load32(answer.association.data()), 7U);
  EXPECT_EQ(load32(&answer.association[4]), 43200U);
  EXPECT_EQ(load32(&answer.association[8]), 69120U);
  EXPECT_EQ(leases(answer), (std::map<std::string, std::uint32_t>{{"2001:db8:a::a", 86400}}));
  EXPECT_EQ(to_string(Ip::v6_from(answer.options.find(23)->second.data())), "2001:db8::53");
  EXPECT_EQ(answer.options.find(24)->second[0], 7);
  for (const std::uint8_t type : {3, 5}) {  // request, renew
    answer = read_answer(one(
        send("a", client(type, {option(1, kClientId), option(2, kServerId), ia_na(7, {"2001:db8:a::a"})})),
        "a"));
    EXPECT_EQ(answer.type, 7);
    EXPECT_EQ(leases(answer), (std::map<std::string, std::uint32_t>{{"2001:db8:a::a", 86400}}));
  }
}

TEST_F(Autoconfiguration, RapidCommitAnswersAtOnce) {
  use("dhcpv6-stateful", "dhcpv6-stateful");
  const Answer answer =
      read_answer(one(send("a", client(1, {option(1, kClientId), ia_na(7), option(14, {})})), "a"));
  EXPECT_EQ(answer.type, 7);
  EXPECT_TRUE(answer.options.contains(14));
  EXPECT_EQ(leases(answer).size(), 1U);
}

TEST_F(Autoconfiguration, RebindEndsWhatIsNotThePorts) {
  use("dhcpv6-stateful", "dhcpv6-stateful");
  const Answer answer =
      read_answer(one(send("a", client(6, {option(1, kClientId), ia_na(7, {"2001:db8:a::bad"})})), "a"));
  EXPECT_EQ(leases(answer),
            (std::map<std::string, std::uint32_t>{{"2001:db8:a::a", 86400}, {"2001:db8:a::bad", 0}}));
}

TEST_F(Autoconfiguration, ConfirmReleaseAndDecline) {
  use("dhcpv6-stateful", "dhcpv6-stateful");
  const Bytes id = option(1, kClientId), server = option(2, kServerId);
  Answer answer = read_answer(one(send("a", client(4, {id, ia_na(7, {"2001:db8:a::a"})})), "a"));
  EXPECT_EQ(status(answer.options.find(13)->second), 0);
  answer = read_answer(one(send("a", client(4, {id, ia_na(7, {"2001:db8:b::a"})})), "a"));
  EXPECT_EQ(status(answer.options.find(13)->second), 4);  // not on link
  send("a", client(4, {id, ia_na(7)}), {{"a dhcp_ignored", 1}});
  for (const std::uint8_t type : {8, 9}) {
    answer = read_answer(one(send("a", client(type, {id, server, ia_na(7, {"2001:db8:a::a"})})), "a"));
    EXPECT_EQ(answer.type, 7);
    EXPECT_EQ(status(answer.options.find(13)->second), 0);
  }
  answer = read_answer(one(send("a", client(5, {id, server, ia_na(7)}, "fe80::ff:fe00:43")), "a"));
  EXPECT_EQ(status(answer.options.find(13)->second), 5);  // use multicast
}

TEST_F(Autoconfiguration, StatelessTellsWithoutAddresses) {
  use("dhcpv6-stateless", "dhcpv6-stateless");
  Answer answer = read_answer(one(send("a", client(11, {option(6, {0, 23})})), "a"));
  EXPECT_EQ(answer.type, 7);
  EXPECT_TRUE(answer.options.contains(23));
  EXPECT_FALSE(answer.options.contains(24));
  answer = read_answer(one(send("a", client(1, {option(1, kClientId), ia_na(7)})), "a"));
  EXPECT_TRUE(leases(answer).empty());
  EXPECT_EQ(status(read_options(answer.association, 12).find(13)->second), 2);  // no addresses
}

TEST_F(Autoconfiguration, PrefixesAndTemporaryAddressesAreNotGiven) {
  use("dhcpv6-stateful", "dhcpv6-stateful");
  Bytes prefix(12);
  const Answer answer = read_answer(
      one(send("a", client(1, {option(1, kClientId), option(25, prefix), option(4, {0, 0, 0, 9})})), "a"));
  EXPECT_EQ(status(read_options(answer.options.find(25)->second, 12).find(13)->second), 6);
  EXPECT_EQ(status(read_options(answer.options.find(4)->second, 4).find(13)->second), 2);
}

TEST_F(Autoconfiguration, PortsOwnDhcpv6OptionsWin) {
  use("dhcpv6-stateful", "dhcpv6-stateful");
  StateDocument change;
  change.port["a"] = tables->data().ports.named("a")->state;
  change.port["a"]->dhcp_options = {
      {6, 59, "61"}, {6, 23, "20010db8000000000000000000000054"}, {4, 24, "00"}};
  apply(change);
  const Answer answer = read_answer(one(send("a", client(11, {})), "a"));
  EXPECT_EQ(answer.options.find(59)->second, Bytes{'a'});
  EXPECT_EQ(answer.options.count(23), 1U);
  EXPECT_EQ(to_string(Ip::v6_from(answer.options.find(23)->second.data())), "2001:db8::54");
}

TEST_F(Autoconfiguration, SlaacLeavesDhcpv6ToOthers) {
  use("slaac", "slaac");
  send("a", client(1, {option(1, kClientId), ia_na(7)}), {{"a security_group_egress", 1}});
}

TEST_F(Autoconfiguration, RefusesBadDhcpv6) {
  use("dhcpv6-stateful", "dhcpv6-stateful");
  const Bytes id = option(1, kClientId);
  send("a", client(1, {ia_na(7)}), {{"a dhcp_ignored", 1}});                            // no client id
  send("a", client(3, {id, option(2, kClientId), ia_na(7)}), {{"a dhcp_ignored", 1}});  // another's server
  send("a", client(2, {id}), {{"a dhcp_ignored", 1}});                                  // a server's message
  send("a", client(1, {id, {0, 3, 0, 40, 1}}), {{"a dhcp_malformed", 1}});              // beyond the end
  send("a", client(1, {id, option(3, {1, 2, 3})}), {{"a dhcp_malformed", 1}});
  send("a", client(1, {option(1, Bytes(200))}), {{"a dhcp_malformed", 1}});
  Frame many = client(1, {id});
  for (std::uint32_t i = 0; i < 9; ++i) {
    const Bytes each = ia_na(i);
    many.payload.insert(many.payload.end(), each.begin(), each.end());
  }
  send("a", many, {{"a dhcp_malformed", 1}});
}

}  // namespace
}  // namespace hanok::dataplane::test
