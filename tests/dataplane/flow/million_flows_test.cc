// A million flows: what they cost, what happens beyond them, and that none of them is lost for a new one.
#include <unistd.h>
#include <fstream>

#include "tests/dataplane/flow/test_bed.h"

namespace hanok::dataplane::test {
namespace {

constexpr std::uint32_t kRecords = 5U << 18U;
constexpr unsigned kConnections = 500'000;               // two flows each
constexpr double kBytesAtStart = 372, kBytesInUse = 80;  // per record, as docs/dataplane.md says

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

class MillionFlows : public TestBed {
 protected:
  void SetUp() override {
    StateDocument state = base();
    state.port["a"] = port("blue", "fa:16:3e:00:00:0a", "blue4", "10.0.0.10");
    state.port["b"] = port("blue", "fa:16:3e:00:00:0b", "blue4", "10.0.0.11");
    state.port["c"] = port("blue", "fa:16:3e:00:00:0c", "blue4", "10.0.0.12");
    apply(state);
    before_ = resident_bytes();
    EngineOptions options;
    options.flow_capacity = kRecords;
    options.sessions_per_port = kRecords;
    options.hash_seed = 7;
    engine = std::make_unique<Engines>(pool, options, 1);
    engine->set_tables(tables);
  }

  static Frame between(char from, char to, unsigned number, bool back) {
    const auto mac_of = [](char port) { return mac((std::string("fa:16:3e:00:00:0") + port).c_str()); };
    const auto ip_of = [](char port) { return Ip::v4(0x0a00000aU + static_cast<unsigned>(port - 'a')); };
    Frame frame;
    frame.from = mac_of(from);
    frame.to = mac_of(to);
    frame.source = ip_of(from);
    frame.destination = ip_of(to);
    frame.source_port = static_cast<std::uint16_t>(1024 + number % 60000);
    frame.destination_port = static_cast<std::uint16_t>(100 + number / 60000);
    if (back) std::swap(frame.source_port, frame.destination_port);
    return frame;
  }
  // Without the bookkeeping of send(): a million times.
  bool passes(const std::string& in, const Frame& frame) {
    const Bytes bytes = frame.bytes();
    Packet* packet = pool.allocate(static_cast<std::uint16_t>(bytes.size()));
    std::memcpy(packet->data, bytes.data(), bytes.size());
    sent.clear();
    engine->process(&packet, 1, device(in), now_us, *this);
    return sent.size() == 1;
  }

  std::uint64_t before_ = 0;
};

TEST_F(MillionFlows, HaveBoundedMemoryAndStay) {
  for (unsigned i = 0; i < kConnections; ++i) {
    ASSERT_TRUE(passes("a", between('a', 'b', i, false))) << i;
    ASSERT_TRUE(passes("b", between('b', 'a', i, true))) << i;
  }
  EXPECT_EQ(engine->counters().connections.read(), kConnections);
  EXPECT_EQ(engine->counters().flow_records.read(), 2 * kConnections);
  const double per_record = static_cast<double>(resident_bytes() - before_) / kRecords;
  RecordProperty("bytes_per_record", static_cast<int>(per_record));
  std::printf("%.0f bytes per record of capacity, in use\n", per_record);
  EXPECT_LT(per_record, kBytesAtStart + kBytesInUse);

  // Beyond: the greediest is refused new flows, by name; another port gets in; nobody's flow is evicted.
  unsigned refused = 0, others = 0;
  for (unsigned i = 0; i < 100'000; ++i)
    refused += passes("a", between('a', 'b', kConnections + i, false)) ? 0 : 1;
  for (unsigned i = 0; i < 1000; ++i) others += passes("c", between('c', 'b', i, false)) ? 1 : 0;
  EXPECT_GT(refused, 0U);
  EXPECT_EQ(others, 1000U);
  EXPECT_EQ(drops()["a flow_table_full"], static_cast<int>(refused));
  const std::uint64_t misses = engine->counters().flow_misses.read();
  for (unsigned i = 0; i < kConnections; ++i) ASSERT_TRUE(passes("a", between('a', 'b', i, false))) << i;
  EXPECT_EQ(engine->counters().flow_misses.read(), misses) << "an established flow lost its record";
}

}  // namespace
}  // namespace hanok::dataplane::test
