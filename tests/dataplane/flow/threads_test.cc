// Engines of two workers, each on its own thread as in the process, at the things that they share. Built with
// -fsanitize=thread, this is what that looks at.
#include <atomic>
#include <thread>

#include "dataplane/flow/fragment_table.h"
#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {
namespace {

constexpr unsigned kSides = 2;
constexpr std::uint64_t kNowUs = 1'000'000'000;

// One worker: what it sends is looked at and freed on its thread.
class Side final : public Output {
 public:
  Side(const EngineOptions& options, const std::shared_ptr<EngineShared>& shared, unsigned number,
       const std::shared_ptr<const Tables>& tables)
      : engine(pool_, options, shared, number) {
    engine.set_tables(tables);
  }
  void transmit(DeviceIndex, Packet* const* packets, unsigned count) override {
    for (unsigned i = 0; i < count; ++i) {
      if (load16(packets[i]->data + 12) == ethertype::kIpv4) last_to = Mac::from(packets[i]->data), ++sent;
    }
    pool_.release(packets, count);
  }
  void take(DeviceIndex device, const Bytes& bytes) {
    Packet* packet = pool_.allocate(static_cast<std::uint16_t>(bytes.size()));
    std::memcpy(packet->data, bytes.data(), bytes.size());
    engine.process(&packet, 1, device, kNowUs, *this);
  }

 private:
  MemoryPool pool_;

 public:
  Engine engine;
  unsigned sent = 0;  // IPv4 frames
  Mac last_to;        // of the last one
};

class Threads : public TestBed {
 protected:
  void start(EngineOptions options, const std::optional<QosState>& qos = std::nullopt) {
    StateDocument state = base();
    add_router(state);
    PortState sender = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10");
    sender.qos = qos;
    state.port["a"] = sender;
    state.port["b"] = port("blue", "fa:16:3e:00:00:0b", "blue4", "10.0.0.11");
    apply(state);
    options.flow_capacity = 16384;
    const auto shared = share_between(kSides, options);
    for (unsigned i = 0; i < kSides; ++i)
      sides_.push_back(std::make_unique<Side>(options, shared, i, tables));
  }
  // `work(worker)` on a thread for each, at once.
  template <typename Work>
  void together(Work&& work) {
    std::atomic<unsigned> ready{0};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kSides; ++i) {
      threads.emplace_back([&, i] {
        ++ready;
        while (ready.load() < kSides) std::this_thread::yield();
        work(*sides_[i]);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  static Frame from_a(std::uint16_t source_port, const char* destination = "10.0.0.11") {
    Frame frame;
    frame.to = mac(std::string(destination) == "10.0.0.11" ? "fa:16:3e:00:00:0b" : kBlueMac);
    frame.from = mac("fa:16:3e:00:00:0a");
    frame.source = ip("10.0.0.10");
    frame.destination = ip(destination);
    frame.source_port = source_port;
    return frame;
  }
  [[nodiscard]] static bool owns(const Side& side, unsigned number, DeviceIndex device, const Bytes& bytes) {
    return side.engine.owner_of(bytes.data(), static_cast<std::uint16_t>(bytes.size()), device, false,
                                kNowUs) == number;
  }
  // Those of 2,000 connections of "a" that are the worker's.
  void send_own(Side& side, std::size_t payload, const char* destination = "10.0.0.11") {
    const unsigned number = &side == sides_[0].get() ? 0 : 1;
    const DeviceIndex a = device("a");
    for (std::uint16_t i = 0; i < 2000; ++i) {
      Frame frame = from_a(static_cast<std::uint16_t>(20000 + i), destination);
      frame.payload.assign(payload, 'x');
      const Bytes bytes = frame.bytes();
      if (owns(side, number, a, bytes)) side.take(a, bytes);
    }
  }

  std::vector<std::unique_ptr<Side>> sides_;
};

TEST_F(Threads, AQuotaHoldsToTheLastConnection) {
  EngineOptions options;
  options.sessions_per_port = 500;
  start(options);
  together([&](Side& side) { send_own(side, 10); });
  EXPECT_EQ(sides_[0]->sent + sides_[1]->sent, 500U);
  EXPECT_EQ(sides_[0]->engine.counters().connections.read() + sides_[1]->engine.counters().connections.read(),
            500U);
}

TEST_F(Threads, ARateLimitHoldsToTheLastFrame) {
  QosState qos;
  qos.egress = RateState{8'000'000, 8'000};  // 1,000,000 bytes of burst
  start({}, qos);
  together([&](Side& side) { send_own(side, 958); });
  EXPECT_EQ(sides_[0]->sent + sides_[1]->sent, 1000U);
}

// A station outside that moves all the time, while both send to it.
TEST_F(Threads, WhatIsLearnedComesToAll) {
  start({});
  const DeviceIndex ext = device("ext");
  const auto told = [&](Side& side, const char* address) {
    side.take(
        ext, arp(2, mac(kGatewayMac), mac(address), ip("203.0.113.1"), mac(kGatewayMac), ip("203.0.113.10")));
  };
  together([&](Side& side) {
    for (int round = 0; round < 20; ++round) {
      told(side, round % 2 == 0 ? "02:00:00:00:77:01" : "02:00:00:00:77:02");
      send_own(side, 10, "9.9.9.9");
    }
  });
  EXPECT_GT(sides_[0]->sent, 1000U);
  EXPECT_GT(sides_[1]->sent, 1000U);
  told(*sides_[0], "02:00:00:00:77:03");
  for (const auto& side : sides_) {
    send_own(*side, 10, "9.9.9.9");
    EXPECT_EQ(to_string(side->last_to), "02:00:00:00:77:03");
  }
}

// The first fragments come to one worker, the later ones to the other, in turns with the next datagrams.
TEST_F(Threads, FragmentsAreKnownToAll) {
  FragmentTable table(7);
  std::atomic<unsigned> noted{0}, found{0};
  const auto fragment = [](std::uint32_t id, bool later) {
    Parsed out;
    out.ip_source = ip("10.0.0.10");
    out.ip_destination = ip("10.0.0.11");
    out.protocol = protocol::kUdp;
    out.fragment = true;
    out.later_fragment = later;
    out.fragment_id = id;
    out.source_port = later ? 0 : static_cast<std::uint16_t>(id);
    return out;
  };
  std::thread first([&] {
    for (std::uint32_t id = 1; id <= 5000; ++id) {
      Parsed parsed = fragment(id, false);
      EXPECT_TRUE(table.recall(parsed, 1, 0, kNowUs));
      noted = id;
    }
  });
  std::thread later([&] {
    for (std::uint32_t id = 1; id <= 5000; ++id) {
      while (noted.load() < id) std::this_thread::yield();
      Parsed parsed = fragment(id, true);
      if (!table.recall(parsed, 1, 0, kNowUs)) continue;  // newer ones have taken its place
      EXPECT_EQ(parsed.source_port, id);
      ++found;
    }
  });
  first.join();
  later.join();
  EXPECT_GT(found.load(), 0U);
}

}  // namespace
}  // namespace hanok::dataplane::test
