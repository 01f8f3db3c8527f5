#pragma once
// A router between two networks of guests and the outside, and frames for what is translated there.

#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {

class NatBed : public TestBed {
 protected:
  static constexpr const char* kOutsideMac = "02:00:00:00:77:01";

  void SetUp() override {
    StateDocument state = base();
    add_router(state);
    state.port["a"] = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10");
    state.port["b"] = port("blue", "fa:16:3e:00:00:0b", "blue4", "10.0.0.11");
    state.port["r"] = port("red", "fa:16:3e:00:01:0a", "red4", "10.1.0.10");
    apply(state);
    send("ext",
         arp(2, mac(kGatewayMac), mac(kOutsideMac), ip("203.0.113.1"), mac(kGatewayMac), ip("203.0.113.10")),
         {{"ext arp_consumed", 1}});
  }
  static Frame from_guest(const char* source, const char* destination,
                          std::uint8_t protocol = protocol::kTcp) {
    Frame frame;
    const std::string address = source;
    frame.to = mac(address.starts_with("10.0.") ? kBlueMac : kRedMac);
    frame.from = mac(address == "10.0.0.10"   ? "fa:16:3e:00:00:0a"
                     : address == "10.0.0.11" ? "fa:16:3e:00:00:0b"
                                              : "fa:16:3e:00:01:0a");
    frame.source = ip(source);
    frame.destination = ip(destination);
    frame.protocol = protocol;
    return frame;
  }
  static Frame from_outside(const char* destination, std::uint8_t protocol = protocol::kTcp) {
    Frame frame;
    frame.to = mac(kGatewayMac);
    frame.from = mac(kOutsideMac);
    frame.source = ip("9.9.9.9");
    frame.destination = ip(destination);
    frame.protocol = protocol;
    return frame;
  }
  // As a host answers that got `request`.
  static Frame answer_to(const Bytes& request, const char* router_mac) {
    const Parsed got = parsed(request);
    Frame frame;
    frame.to = mac(router_mac);
    frame.from = got.destination;
    frame.source = got.ip_destination;
    frame.destination = got.ip_source;
    frame.protocol = got.protocol;
    frame.source_port = got.destination_port;
    frame.destination_port = got.source_port;
    frame.flags = tcp_flag::kSyn | tcp_flag::kAck;
    return frame;
  }
  // An ICMP error about `got`, from the host that got it.
  static Frame error_about(const Bytes& got, const char* router_mac) {
    Frame frame = answer_to(got, router_mac);
    frame.protocol = protocol::kIcmp;
    frame.icmp_type = icmp::kUnreachable;
    frame.icmp_code = icmp::kPortUnreachable;
    frame.identifier = 0;
    frame.payload.assign(got.begin() + 14, got.end());
    return frame;
  }
  // What an error that came out quotes; its checksums are checked as far as they are quoted.
  static Parsed quotation(const Bytes& error) {
    EXPECT_TRUE(parsed(error).is_icmp_error());
    Bytes inner(error.begin(), error.begin() + 14);
    inner.insert(inner.end(), error.begin() + 42, error.end());
    return parsed(inner);
  }
  void floating_ip(const char* id, const char* port_id, const char* fixed, const char* address) {
    StateDocument change;
    change.floating_ip[id] = FloatingIpState{"r", port_id, fixed, "public", address, {}};
    apply(change);
  }
  void forward(std::vector<PortForwardingState> forwards) {
    StateDocument change;
    change.floating_ip["f"] =
        FloatingIpState{"r", std::nullopt, std::nullopt, "public", "203.0.113.20", std::move(forwards)};
    apply(change);
  }
};

}  // namespace hanok::dataplane::test
