// The metadata service, segment by segment, with frames that are lost.
#include "common/secret.h"
#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {
namespace {

class Metadata : public TestBed {
 protected:
  void SetUp() override {
    StateDocument state = base();
    PortState a = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10", nullptr);
    a.metadata["latest/meta-data/hostname"] = base64_encode("vm1");
    a.metadata["latest/user-data"] = base64_encode(std::string(30000, 'u'));
    state.port["a"] = a;
    state.port["b"] = port("blue", "fa:16:3e:00:00:0b", "blue4", "10.0.0.11");
    apply(state);
  }

  static Bytes segment(std::uint8_t flags, std::uint32_t sequence, std::uint32_t acknowledgement,
                       const std::string& text = {}, std::uint16_t from_port = 40000) {
    Bytes out(14 + 20 + 20 + text.size(), 0);
    std::uint8_t* at = out.data();
    const auto l4 = static_cast<std::uint16_t>(20 + text.size());
    at += write_ethernet(at, mac("02:00:00:00:00:43"), mac("fa:16:3e:00:00:0a"), ethertype::kIpv4);
    at += write_ipv4(at, ip("10.0.0.10"), ip("169.254.169.254"), protocol::kTcp, l4);
    store16(at, from_port);
    store16(at + 2, 80);
    store32(at + 4, sequence);
    store32(at + 8, acknowledgement);
    at[12] = 0x50;
    at[13] = flags;
    store16(at + 14, 60000);
    std::memcpy(at + 20, text.data(), text.size());
    store16(at + 16, l4_checksum(ip("10.0.0.10"), ip("169.254.169.254"), protocol::kTcp, at, l4));
    return out;
  }

  struct Answer {
    std::uint8_t flags;
    std::uint32_t sequence, acknowledgement;
    std::string text;
  };
  static std::vector<Answer> read(const std::vector<Sent>& all) {
    std::vector<Answer> out;
    for (const Sent& one : all) {
      const Parsed head = parsed(one.bytes);  // checks the checksums
      EXPECT_EQ(to_string(head.ip_source), "169.254.169.254");
      EXPECT_EQ(to_string(head.destination), "fa:16:3e:00:00:0a");
      const std::uint8_t* tcp = one.bytes.data() + head.l4_offset;
      const std::uint8_t* text = tcp + (tcp[12] >> 4U) * 4;
      out.push_back({tcp[13], load32(tcp + 4), load32(tcp + 8), {text, one.bytes.data() + head.l3_end}});
    }
    return out;
  }

  // The handshake; gives the server's first number.
  std::uint32_t connect(std::uint16_t from_port = 40000) {
    const auto answers = read(send("a", segment(tcp_flag::kSyn, 999, 0, {}, from_port)));
    EXPECT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].flags, tcp_flag::kSyn | tcp_flag::kAck);
    EXPECT_EQ(answers[0].acknowledgement, 1000U);
    send("a", segment(tcp_flag::kAck, 1000, answers[0].sequence + 1, {}, from_port));
    return answers[0].sequence;
  }
};

constexpr const char* kAsk = "GET /latest/meta-data/hostname HTTP/1.1\r\nHost: x\r\n\r\n";

TEST_F(Metadata, AnswersOneRequestAndCloses) {
  const std::uint32_t first = connect();
  const std::string ask = kAsk;
  // In two parts: the first is acknowledged, the whole is answered.
  auto answers = read(send("a", segment(tcp_flag::kAck, 1000, first + 1, ask.substr(0, 10))));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].acknowledgement, 1010U);
  answers = read(send("a", segment(tcp_flag::kAck, 1010, first + 1, ask.substr(10))));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].flags, tcp_flag::kAck | tcp_flag::kPsh | tcp_flag::kFin);
  EXPECT_TRUE(answers[0].text.starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(answers[0].text.ends_with("\r\n\r\nvm1"));
  // The guest closes too, and the connection is no more: what comes now is reset.
  const auto end = static_cast<std::uint32_t>(first + 1 + answers[0].text.size() + 1);
  const auto done = static_cast<std::uint32_t>(1000 + ask.size());
  answers = read(send("a", segment(tcp_flag::kAck | tcp_flag::kFin, done, end)));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].acknowledgement, done + 1);
  answers = read(send("a", segment(tcp_flag::kAck, done + 1, end)));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].flags, tcp_flag::kRst);
}

// One frame in three is lost on its way to the guest, and some of its acknowledgements.
TEST_F(Metadata, WhatIsLostIsSentAgain) {
  const std::uint32_t first = connect();
  std::string got;
  std::uint32_t chance = 1;
  bool fin = false;
  const std::string ask = "GET /latest/user-data HTTP/1.1\r\n\r\n";
  const auto asked = static_cast<std::uint32_t>(1000 + ask.size());
  auto answers = read(send("a", segment(tcp_flag::kAck, 1000, first + 1, ask)));
  for (int round = 0; round < 400 && !fin; ++round) {
    bool news = false;
    for (const Answer& answer : answers) {
      chance = chance * 1103515245U + 12345U;
      if ((chance >> 16U) % 3 == 0) continue;
      news = true;  // what came before is acknowledged again
      if (answer.sequence != first + 1 + got.size()) continue;
      got += answer.text;
      fin = fin || (answer.flags & tcp_flag::kFin) != 0;
    }
    const auto up_to = static_cast<std::uint32_t>(first + 1 + got.size());
    if (news && round % 5 != 4) {
      answers = read(send("a", segment(tcp_flag::kAck, asked, up_to)));
    } else {
      now_us += 300'000;
      answers = read(poll());
    }
  }
  EXPECT_TRUE(fin);
  EXPECT_TRUE(got.ends_with("\r\n\r\n" + std::string(30000, 'u'))) << got.size();
}

TEST_F(Metadata, WhoIsSilentIsForgottenAndNoneTakesAllPlaces) {
  for (std::uint16_t i = 0; i < 32; ++i) connect(static_cast<std::uint16_t>(30000 + i));
  send("a", segment(tcp_flag::kSyn, 999, 0, {}, 29999), {{"a metadata_busy", 1}});
  now_us += 11'000'000;
  poll();
  connect(29999);
}

TEST_F(Metadata, RefusesByName) {
  Bytes bad = segment(tcp_flag::kSyn, 999, 0);
  bad.back() ^= 1U;
  EXPECT_TRUE(send("a", bad, {{"a tcp_bad_checksum", 1}}).empty());
  EXPECT_TRUE(
      send("a", segment(tcp_flag::kSyn | tcp_flag::kAck, 1, 1), {{"a tcp_no_connection", 1}}).empty());
  // A request that never ends.
  const std::uint32_t first = connect();
  std::vector<Answer> answers;
  for (std::uint32_t at = 0; at < 9000; at += 1000)
    answers = read(send("a", segment(tcp_flag::kAck, 1000 + at, first + 1, std::string(1000, 'x'))));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers[0].text.starts_with("HTTP/1.1 431 "));
  // A port without files has no service: its guest cannot even find the address.
  const auto asked =
      arp(1, kBroadcast, mac("fa:16:3e:00:00:0b"), ip("10.0.0.11"), Mac{}, ip("169.254.169.254"));
  for (const Sent& frame : send("b", asked)) EXPECT_NE(device_name(frame.device), "b");
}

TEST_F(Metadata, AnotherPortOfThatNumberHearsNothing) {
  const std::uint32_t first = connect();
  send("a", segment(tcp_flag::kAck, 1000, first + 1, "GET /latest/user-data HTTP/1.1\r\n\r\n"));
  StateDocument change;
  change.port["a"] = std::nullopt;
  apply(change);
  now_us += 1'000'000;
  EXPECT_TRUE(poll().empty());
}

}  // namespace
}  // namespace hanok::dataplane::test
