// The edge with devices of memory: what the desired state does to devices, to the worker, and to frames.

#include "dataplane/dpdk/native_datapath.h"

#include <gtest/gtest.h>
#include <rte_mbuf.h>

#include <cstring>
#include <deque>
#include <mutex>
#include <set>
#include <thread>

#include "dataplane/rpc/described_packet.h"
#include "tests/dataplane/dpdk/test_eal.h"

namespace hanok::dataplane::dpdk {
namespace {

using Bytes = std::vector<std::uint8_t>;

// A device of memory; the worker's side takes and leaves frames in its queues.
struct Wire {
  std::mutex mutex;
  std::deque<Bytes> to_worker, from_worker;
};

class MemoryDevice final : public Device {
 public:
  MemoryDevice(std::string name, std::set<std::string>& open, Wire& wire)
      : name_(std::move(name)), open_(open), wire_(wire) {
    open_.insert(name_);
  }
  ~MemoryDevice() override { open_.erase(name_); }

  std::uint16_t receive(unsigned, rte_mbuf** frames, std::uint16_t count) override {
    const std::lock_guard<std::mutex> guard(wire_.mutex);
    std::uint16_t done = 0;
    for (; done < count && !wire_.to_worker.empty(); ++done) {
      frames[done] = rte_pktmbuf_alloc(eal().pool());
      const Bytes& bytes = wire_.to_worker.front();
      std::memcpy(rte_pktmbuf_append(frames[done], static_cast<std::uint16_t>(bytes.size())), bytes.data(),
                  bytes.size());
      wire_.to_worker.pop_front();
    }
    return done;
  }

  std::uint16_t transmit(unsigned, rte_mbuf** frames, std::uint16_t count) override {
    const std::lock_guard<std::mutex> guard(wire_.mutex);
    for (std::uint16_t i = 0; i < count; ++i) {
      const auto* data = rte_pktmbuf_mtod(frames[i], const std::uint8_t*);
      wire_.from_worker.emplace_back(data, data + frames[i]->data_len);
      rte_pktmbuf_free(frames[i]);
    }
    return count;
  }

  [[nodiscard]] bool link_up() const override { return true; }

 private:
  std::string name_;
  std::set<std::string>& open_;
  Wire& wire_;
};

class NativeDatapathTest : public testing::Test {
 protected:
  NativeDatapathTest() {
    opener_ = [this](const DeviceState& device) -> Result<std::unique_ptr<Device>> {
      if (device.value.starts_with("broken")) return bad_request("the device is broken");
      if (open_.contains(device.value)) return bad_request("the device is in use");
      return std::unique_ptr<Device>(
          std::make_unique<MemoryDevice>(device.value, open_, wires_[device.value]));
    };
    auto made = WorkerGroup::make(eal().pool(), WorkerOptions{}, workers());
    HANOK_ASSERT(made.ok());
    workers_ = std::move(made).value();
    datapath_ = std::make_unique<NativeDatapath>(*workers_, opener_, eal().pool());
    EXPECT_TRUE(workers_->start(eal().worker_lcores()).ok());
  }
  ~NativeDatapathTest() override {
    datapath_.reset();
    EXPECT_TRUE(open_.empty()) << "a device was left open";
    workers_.reset();
  }

  static PortState port(unsigned number, const std::string& device) {
    PortState out;
    out.network = "n";
    out.mac = "fa:16:3e:00:00:0" + std::to_string(number);
    out.addresses = {{"s", "10.0.0.1" + std::to_string(number)}};
    out.host = "node1";
    out.security_groups = {"g"};
    out.device = DeviceState{"dpdk", device};
    return out;
  }

  static StateDocument two_ports() {
    StateDocument out;
    out.generation = 1;
    out.whole = true;
    out.node = NodeState{"node1", {}};
    out.network["n"] = NetworkState{};
    out.subnet["s"] = SubnetState{"n", "10.0.0.0/24", {}, true, {}, {}};
    SecurityGroupState group;
    for (const char* direction : {"ingress", "egress"}) {
      RuleState rule;
      rule.id = direction;
      rule.direction = direction;
      rule.ethertype = "IPv4";
      group.rules.push_back(rule);
    }
    out.security_group["g"] = group;
    out.port["p1"] = port(1, "one");
    out.port["p2"] = port(2, "two");
    return out;
  }

  static StateDocument change(std::uint64_t generation) {
    StateDocument out;
    out.generation = generation;
    return out;
  }

  AppliedChange good(const StateDocument& document) {
    auto outcome = datapath_->apply(document);
    if (const auto* error = std::get_if<StateError>(&outcome)) {
      ADD_FAILURE() << error->path << ": " << error->message;
      return {};
    }
    return std::get<AppliedChange>(outcome);
  }

  std::string refusal_path(const StateDocument& document) {
    auto outcome = datapath_->apply(document);
    const auto* error = std::get_if<StateError>(&outcome);
    return error == nullptr ? "taken" : error->path;
  }

  static Bytes frame(unsigned source_port = 1) {
    return std::get<Bytes>(rpc::described_packet({{"src_mac", "fa:16:3e:00:00:01"},
                                                  {"dst_mac", "fa:16:3e:00:00:02"},
                                                  {"src_ip", "10.0.0.11"},
                                                  {"dst_ip", "10.0.0.12"},
                                                  {"protocol", "udp"},
                                                  {"src_port", source_port},
                                                  {"dst_port", 2}}));
  }

  void send(const std::string& device, const Bytes& bytes) {
    const std::lock_guard<std::mutex> guard(wires_[device].mutex);
    wires_[device].to_worker.push_back(bytes);
  }

  // Waits for `count` frames out of the device, ten seconds at most.
  std::deque<Bytes> received(const std::string& device, std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (std::chrono::steady_clock::now() < deadline) {
      {
        const std::lock_guard<std::mutex> guard(wires_[device].mutex);
        if (wires_[device].from_worker.size() >= count) return wires_[device].from_worker;
      }
      std::this_thread::yield();
    }
    return {};
  }

  std::set<std::string> open_;
  std::map<std::string, Wire> wires_;
  DeviceOpener opener_;
  std::unique_ptr<WorkerGroup> workers_;
  std::unique_ptr<NativeDatapath> datapath_;
};

TEST_F(NativeDatapathTest, AFrameGoesFromPortToPortUnchanged) {
  EXPECT_EQ(good(two_ports()).devices_opened, 2U);
  send("one", frame());
  const auto out = received("two", 1);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_EQ(out.front(), frame());
  workers_->call([] {});  // the burst is over: what was sent is counted
  const Json counters = *datapath_->counters("p2");
  EXPECT_EQ(counters["ports"]["p2"]["tx_packets"], 1);
  EXPECT_EQ(counters["ports"]["p2"]["device_tx_sent"], 1);
  EXPECT_EQ(datapath_->status()["ports"]["p1"]["up"], true);
  EXPECT_FALSE(datapath_->counters("none").ok());
}

TEST_F(NativeDatapathTest, ConnectionsAreSpreadOverTheWorkersAndSeenAsOne) {
  constexpr unsigned kConnections = 64;
  good(two_ports());
  for (unsigned i = 0; i < kConnections; ++i) send("one", frame(2000 + i));
  ASSERT_EQ(received("two", kConnections).size(), kConnections);
  EXPECT_EQ(datapath_->flows(kNoDevice, 1000).size(), kConnections);
  EXPECT_EQ(datapath_->flows(kNoDevice, 10).size(), 10U);
  const Json status = datapath_->status();
  ASSERT_EQ(status["workers"].size(), workers());
  std::uint64_t processed = 0, handed_over = 0;
  for (const Json& worker : status["workers"]) {
    EXPECT_GE(worker["processed"], kConnections / workers() / 3) << status["workers"];
    EXPECT_EQ(worker["hand_over_drops"], 0U);
    processed += worker["processed"].get<std::uint64_t>();
    handed_over += worker["handed_over"].get<std::uint64_t>();
  }
  EXPECT_EQ(processed, kConnections);
  EXPECT_EQ(handed_over > 0, workers() > 1) << status["workers"];
  const Json counters = *datapath_->counters({});
  EXPECT_EQ(counters["ports"]["p1"]["rx_packets"], kConnections);
  EXPECT_EQ(counters["ports"]["p2"]["device_tx_sent"], kConnections);
  EXPECT_EQ(counters["engine"]["connections"], kConnections);
  EXPECT_EQ(counters["engine"]["handed_over"], handed_over);
}

// Another port gets the number of one that is gone: its counters begin at zero, of all workers.
TEST_F(NativeDatapathTest, APortWithTheNumberOfAnotherHasItsOwnCounters) {
  good(two_ports());
  for (unsigned i = 0; i < 32; ++i) send("one", frame(2000 + i));
  ASSERT_EQ(received("two", 32).size(), 32U);
  StateDocument gone = change(2);
  gone.port["p1"] = std::nullopt;
  good(gone);
  StateDocument fresh = change(3);
  fresh.port["p3"] = port(1, "one");
  good(fresh);
  EXPECT_EQ((*datapath_->counters("p3"))["ports"]["p3"]["rx_packets"], 0);
}

TEST_F(NativeDatapathTest, ACaptureSeesWhatPassesItsDeviceAndEndsWithIt) {
  good(two_ports());
  const Bytes whole = frame();
  EXPECT_FALSE(datapath_->capture_start(77, 1, 64).ok());
  const auto two = datapath_->tables().device_of_port("p2");
  const std::uint64_t number = *datapath_->capture_start(two, 2, 20);
  EXPECT_FALSE(datapath_->capture_start(two, 1, 64).ok()) << "two at once";
  for (int i = 0; i < 3; ++i) send("one", frame());
  ASSERT_EQ(received("two", 3).size(), 3U);
  const auto seen = datapath_->capture_read(number);
  ASSERT_TRUE(seen.ok());
  ASSERT_EQ(seen->frames.size(), 2U);
  EXPECT_TRUE(seen->complete);
  EXPECT_EQ(seen->missed, 0U);
  EXPECT_TRUE(seen->frames[0].outward);
  EXPECT_EQ(seen->frames[0].length, frame().size());
  EXPECT_EQ(seen->frames[0].bytes, Bytes(whole.begin(), whole.begin() + 20));
  datapath_->capture_stop(number);
  EXPECT_FALSE(datapath_->capture_read(number).ok());
  // What comes in is seen before the engine has it; the capture goes with its port.
  const std::uint64_t next = *datapath_->capture_start(datapath_->tables().device_of_port("p1"), 1000, 65535);
  send("one", Bytes(20, 0xff));
  send("one", frame());
  ASSERT_EQ(received("two", 4).size(), 4U);
  EXPECT_EQ(datapath_->capture_read(next)->frames.size(), 2U);
  StateDocument gone = change(2);
  gone.port["p1"] = std::nullopt;
  good(gone);
  EXPECT_FALSE(datapath_->capture_read(next).ok());
}

// Nobody fetches: a bounded number is kept, the rest is counted, and the traffic goes on.
TEST_F(NativeDatapathTest, ACaptureThatNobodyFetchesIsBounded) {
  good(two_ports());
  const auto two = datapath_->tables().device_of_port("p2");
  const std::uint64_t number = *datapath_->capture_start(two, 1'000'000, 65535);
  for (unsigned i = 0; i < dpdk::Capture::kMostFrames + 50; ++i) {
    send("one", frame());
    if (i % 64 == 63) {
      ASSERT_EQ(received("two", i + 1).size(), i + 1);
    }
  }
  constexpr unsigned kAll = dpdk::Capture::kMostFrames + 50;
  ASSERT_EQ(received("two", kAll).size(), kAll);
  const auto seen = datapath_->capture_read(number);
  EXPECT_EQ(seen->frames.size(), dpdk::Capture::kMostFrames);
  EXPECT_EQ(seen->missed, 50U);
}

TEST_F(NativeDatapathTest, BuffersComeBack) {
  good(two_ports());
  const std::uint64_t before = datapath_->status()["memory"]["packet_buffers_free"];
  for (int i = 0; i < 100; ++i) send("one", i % 2 == 0 ? frame() : Bytes(20, 0xff));
  ASSERT_EQ(received("two", 50).size(), 50U);
  static_cast<void>(datapath_->flows(kNoDevice, 1));  // the worker has finished its burst
  EXPECT_EQ(datapath_->status()["memory"]["packet_buffers_free"], before);
}

TEST_F(NativeDatapathTest, ADeviceThatCannotBeOpenedRefusesTheWholeDocument) {
  good(two_ports());
  StateDocument wrong = change(2);
  wrong.port["p3"] = port(3, "three");
  wrong.port["p4"] = port(4, "broken");
  EXPECT_EQ(refusal_path(wrong), "/port/p4/device/device");
  EXPECT_EQ(open_, (std::set<std::string>{"one", "two"}));
  EXPECT_EQ(datapath_->tables().generation(), 1U);
  send("one", frame());
  EXPECT_EQ(received("two", 1).size(), 1U);
}

TEST_F(NativeDatapathTest, ADeviceInUseIsRefusedAndItsOwnerStays) {
  good(two_ports());
  StateDocument wrong = change(2);
  wrong.port["p3"] = port(3, "one");
  EXPECT_NE(refusal_path(wrong), "taken");
  send("one", frame());
  EXPECT_EQ(received("two", 1).size(), 1U);
}

TEST_F(NativeDatapathTest, ADeviceMovesFromOnePortToAnother) {
  good(two_ports());
  StateDocument move = change(2);
  move.port["p2"] = std::nullopt;
  move.port["p3"] = port(2, "two");
  EXPECT_EQ(good(move).devices_closed, 1U);
  send("one", frame());
  EXPECT_EQ(received("two", 1).size(), 1U);
}

TEST_F(NativeDatapathTest, ADeviceClosedForARefusedChangeComesBack) {
  good(two_ports());
  StateDocument wrong = change(2);
  wrong.port["p2"] = port(2, "two,other=arguments");  // the same DPDK device: the old one has to go first
  wrong.port["p3"] = port(3, "broken");
  EXPECT_EQ(refusal_path(wrong), "/port/p3/device/device");
  send("one", frame());
  EXPECT_EQ(received("two", 1).size(), 1U);
}

TEST_F(NativeDatapathTest, APortThatIsGoneClosesItsDevice) {
  good(two_ports());
  StateDocument gone = change(2);
  gone.port["p2"] = std::nullopt;
  EXPECT_EQ(good(gone).devices_closed, 1U);
  EXPECT_EQ(open_, (std::set<std::string>{"one"}));
}

TEST_F(NativeDatapathTest, ChangesDuringTrafficLoseNoBuffer) {
  good(two_ports());
  const std::uint64_t before = datapath_->status()["memory"]["packet_buffers_free"];
  for (std::uint64_t round = 0; round < 50; ++round) {
    for (int i = 0; i < 10; ++i) send("one", frame());
    StateDocument flip = change(2 + round);
    flip.port["p2"] = round % 2 == 0 ? std::nullopt : std::optional<PortState>(port(2, "two"));
    good(flip);
  }
  const auto drained = [this] {
    const std::lock_guard<std::mutex> guard(wires_["one"].mutex);
    return wires_["one"].to_worker.empty();
  };
  while (!drained()) std::this_thread::yield();
  static_cast<void>(datapath_->flows(kNoDevice, 1));
  EXPECT_EQ(datapath_->status()["memory"]["packet_buffers_free"], before);
}

}  // namespace
}  // namespace hanok::dataplane::dpdk
