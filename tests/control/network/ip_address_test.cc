#include "control/network/ip_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hanok::network {
namespace {

IpAddress ip(const char* text) {
  return parse_ip(text).value();
}

TEST(IpAddress, text_forms_are_strict) {
  EXPECT_EQ(to_text(ip("10.0.0.1")), "10.0.0.1");
  EXPECT_EQ(to_text(ip("2001:DB8:0::1")), "2001:db8::1");
  for (const char* bad :
       {"", "10.0.0", "10.0.0.256", "010.0.0.1", "10.0.0.1 ", "::1%lo", "10.0.0.1/24", "x"}) {
    EXPECT_FALSE(parse_ip(bad).has_value()) << bad;
  }
  EXPECT_FALSE(parse_ip(std::string_view("10.0.0.1\0x", 10)).has_value());
}

TEST(IpAddress, keys_order_as_numbers_and_come_back) {
  EXPECT_EQ(to_key(ip("10.0.0.1")), "0a000001");
  EXPECT_LT(to_key(ip("9.255.255.255")), to_key(ip("10.0.0.0")));
  EXPECT_EQ(from_key(to_key(ip("10.0.0.1"))), ip("10.0.0.1"));
  EXPECT_EQ(from_key(to_key(ip("2001:db8::ff"))), ip("2001:db8::ff"));
}

TEST(IpAddress, arithmetic_carries_and_stops_at_the_ends) {
  EXPECT_EQ(plus(ip("10.0.0.255"), 1), ip("10.0.1.0"));
  EXPECT_EQ(plus(ip("10.0.0.0"), 65536), ip("10.1.0.0"));
  EXPECT_EQ(plus(ip("2001:db8::ffff:ffff"), 1), ip("2001:db8::1:0:0"));
  EXPECT_EQ(plus(ip("255.255.255.255"), 1), std::nullopt);
  EXPECT_EQ(previous(ip("10.0.1.0")), ip("10.0.0.255"));
  EXPECT_EQ(previous(ip("0.0.0.0")), std::nullopt);
}

TEST(Prefix, knows_its_first_and_last_address) {
  const auto prefix = parse_prefix("10.1.2.3/23");
  ASSERT_TRUE(prefix.has_value());
  EXPECT_EQ(to_text(prefix->first()), "10.1.2.0");
  EXPECT_EQ(to_text(prefix->last()), "10.1.3.255");
  EXPECT_TRUE(prefix->has_host_bits());
  EXPECT_TRUE(prefix->contains(ip("10.1.3.9")));
  EXPECT_FALSE(prefix->contains(ip("10.1.4.0")));
  EXPECT_FALSE(prefix->contains(ip("::1")));
  EXPECT_EQ(prefix->text(), "10.1.2.3/23");
  EXPECT_EQ(parse_prefix("0.0.0.0/0")->last(), ip("255.255.255.255"));
}

TEST(Prefix, refuses_what_is_none) {
  for (const char* bad :
       {"10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8x", "::/129", "/8", "256"}) {
    EXPECT_FALSE(parse_prefix(bad).has_value()) << bad;
  }
  EXPECT_EQ(parse_prefix("10.0.0.1", true)->length, 32);
  EXPECT_EQ(parse_prefix("::1", true)->length, 128);
}

TEST(Prefix, overlap_is_symmetric_and_needs_one_version) {
  const auto wide = *parse_prefix("10.0.0.0/8"), narrow = *parse_prefix("10.9.0.0/16"),
             other = *parse_prefix("11.0.0.0/8");
  EXPECT_TRUE(wide.overlaps(narrow) && narrow.overlaps(wide));
  EXPECT_FALSE(wide.overlaps(other) || other.overlaps(wide));
  EXPECT_FALSE(wide.overlaps(*parse_prefix("::/0")));
}

TEST(Ranges, leave_out_network_broadcast_and_gateway) {
  const auto subnet = *parse_prefix("10.0.0.0/24");
  EXPECT_THAT(default_ranges(subnet, ip("10.0.0.1")),
              testing::ElementsAre(Range{ip("10.0.0.2"), ip("10.0.0.254")}));
  EXPECT_THAT(
      default_ranges(subnet, ip("10.0.0.9")),
      testing::ElementsAre(Range{ip("10.0.0.1"), ip("10.0.0.8")}, Range{ip("10.0.0.10"), ip("10.0.0.254")}));
  EXPECT_THAT(default_ranges(subnet, std::nullopt),
              testing::ElementsAre(Range{ip("10.0.0.1"), ip("10.0.0.254")}));
  EXPECT_THAT(default_ranges(*parse_prefix("2001:db8::/64"), ip("2001:db8::1")),
              testing::ElementsAre(Range{ip("2001:db8::2"), ip("2001:db8::ffff:ffff:ffff:ffff")}));
  EXPECT_THAT(default_ranges(*parse_prefix("10.0.0.4/32"), std::nullopt),
              testing::ElementsAre(Range{ip("10.0.0.4"), ip("10.0.0.4")}));
  EXPECT_THAT(default_ranges(*parse_prefix("10.0.0.4/31"), std::nullopt), testing::IsEmpty());
}

TEST(Eui64, follows_rfc_4291) {
  const auto subnet = *parse_prefix("2001:db8::/64");
  EXPECT_EQ(to_text(*eui64_address(subnet, "fa:16:3e:11:22:33")), "2001:db8::f816:3eff:fe11:2233");
  EXPECT_FALSE(eui64_address(*parse_prefix("10.0.0.0/24"), "fa:16:3e:11:22:33").has_value());
  EXPECT_FALSE(eui64_address(subnet, "nonsense").has_value());
}

TEST(Mac, comes_in_two_spellings) {
  EXPECT_EQ(normalize_mac("FA:16:3E:00:00:01"), "fa:16:3e:00:00:01");
  EXPECT_EQ(normalize_mac("fa-16-3e-00-00-01"), "fa:16:3e:00:00:01");
  for (const char* bad : {"", "fa:16:3e:00:00", "fa:16:3e:00:00:0g", "fa:16-3e:00:00:01", "fa163e000001"}) {
    EXPECT_FALSE(normalize_mac(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace hanok::network
