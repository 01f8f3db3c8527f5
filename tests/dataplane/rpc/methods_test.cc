#include "dataplane/rpc/methods.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

namespace hanok::dataplane::rpc {
namespace {

// Real tables, no devices and no packets.
class TablesOnly final : public Datapath {
 public:
  std::variant<AppliedChange, StateError> apply(const StateDocument& change) override {
    const ApplyResult result = tables_->apply(change);
    if (result.tables == nullptr) return result.error;
    tables_ = result.tables;
    return AppliedChange{tables_->generation(), result.objects_rebuilt, result.added.size(),
                         result.removed.size()};
  }
  [[nodiscard]] const Tables& tables() const override { return *tables_; }
  [[nodiscard]] Json status() const override { return Json::object(); }
  [[nodiscard]] Result<Json> counters(const std::optional<std::string>& id) const override {
    if (id && *id != "p0") return not_found("no such device");
    return Json::object();
  }
  std::vector<FlowInfo> flows(DeviceIndex, std::size_t) override { return {}; }
  std::vector<TraceStep> trace(std::span<const std::uint8_t> frame, DeviceIndex) override {
    return {{"parse", fmt::format("{} bytes", frame.size()), ""}};
  }
  Result<std::uint64_t> capture_start(DeviceIndex device, std::uint64_t, std::uint32_t) override {
    if (capturing_) return conflict("another capture is under way");
    capturing_ = true;
    return device + 100U;
  }
  Result<CapturedFrames> capture_read(std::uint64_t) override {
    if (!capturing_) return not_found("there is no such capture");
    return CapturedFrames{{{1, true, 60, {'a', 'b'}}}, 3, true};
  }
  void capture_stop(std::uint64_t) override { capturing_ = false; }

 private:
  std::shared_ptr<const Tables> tables_ = Tables::empty();
  bool capturing_ = false;
};

Json port(unsigned number) {
  return {
      {"network", "n"},
      {"mac", fmt::format("fa:16:3e:00:{:02x}:{:02x}", number / 256, number % 256)},
      {"addresses", {{{"subnet", "s"}, {"ip", fmt::format("10.0.{}.{}", number / 250, number % 250 + 2)}}}},
      {"host", "node1"},
      {"security_groups", {"g"}},
      {"device", {{"type", "vhost-user"}, {"socket", fmt::format("/run/p{}.sock", number)}}}};
}

Json state_of(unsigned ports) {
  Json out = {
      {"generation", 7},
      {"node", {{"name", "node1"}, {"vtep", "192.0.2.1"}}},
      {"network", {{"n", {{"mtu", 1450}, {"segments", {{{"type", "vxlan"}, {"vni", 5}}}}}}}},
      {"subnet", {{"s", {{"network", "n"}, {"cidr", "10.0.0.0/16"}, {"gateway", nullptr}}}}},
      {"security_group",
       {{"g", {{"rules", {{{"direction", "ingress"}, {"ethertype", "IPv4"}, {"remote_group", "g"}}}}}}}},
      {"port", Json::object()}};
  for (unsigned i = 0; i < ports; ++i) out["port"][fmt::format("p{}", i)] = port(i);
  return out;
}

class MethodsTest : public testing::Test {
 protected:
  Json good(const std::string& method, const Json& params) {
    RpcOutcome outcome = methods_.at(method)(params);
    if (const auto* error = std::get_if<RpcError>(&outcome)) {
      ADD_FAILURE() << method << ": " << error->message << ' ' << error->data;
      return {};
    }
    return std::get<Json>(outcome);
  }
  RpcError bad(const std::string& method, const Json& params) {
    RpcOutcome outcome = methods_.at(method)(params);
    if (const auto* error = std::get_if<RpcError>(&outcome)) return *error;
    ADD_FAILURE() << method << " took " << params;
    return {};
  }
  Json change(std::uint64_t base, Json changes) {
    return {{"base_generation", base}, {"changes", std::move(changes)}};
  }
  std::uint64_t generation() { return good("state.generation", Json::object())["generation"]; }

  TablesOnly datapath_;
  std::map<std::string, Method> methods_ = make_methods({datapath_, {{"version", "1"}}, {}});
};

TEST_F(MethodsTest, APutAndThenAChange) {
  const Json put = good("state.put", {{"state", state_of(3)}});
  EXPECT_EQ(put["generation"], 7);
  EXPECT_EQ(put["devices_opened"], 3);
  const Json applied = good("state.apply", change(7, {{"port", {{"p1", nullptr}, {"p3", port(3)}}}}));
  EXPECT_EQ(applied["generation"], 8);
  EXPECT_EQ(applied["devices_opened"], 1);
  EXPECT_EQ(applied["devices_closed"], 1);
  EXPECT_EQ(generation(), 8U);
}

TEST_F(MethodsTest, ARefusedDocumentLeavesTheRunningState) {
  good("state.put", {{"state", state_of(3)}});
  Json wrong = port(4);
  wrong["network"] = "none";
  const RpcError unknown = bad("state.apply", change(7, {{"port", {{"p4", wrong}, {"p5", port(5)}}}}));
  EXPECT_EQ(unknown.code, kInvalidParams);
  EXPECT_EQ(unknown.data["path"], "/changes/port/p4/network");
  EXPECT_EQ(bad("state.put", {{"state", {{"port", 5}}}}).data["path"], "/state/port");
  EXPECT_EQ(bad("state.put", Json::object()).data["path"], "/state");
  EXPECT_EQ(bad("state.apply", {{"base_generation", 7}}).data["path"], "/changes");
  EXPECT_EQ(bad("state.apply", {{"base_generation", "7"}}).data["path"], "/base_generation");
  EXPECT_EQ(bad("state.apply", change(7, {{"generation", 6}})).data["path"], "/changes/generation");
  EXPECT_EQ(generation(), 7U);
  EXPECT_EQ(datapath_.tables().devices().size(), 3U);
}

TEST_F(MethodsTest, CapturesAreToldInBase64AndTheirLimitsByName) {
  good("state.put", {{"state", state_of(1)}});
  EXPECT_EQ(bad("capture.start", Json::object()).data["path"], "/port");
  EXPECT_EQ(bad("capture.start", {{"port", "none"}}).data["path"], "/port");
  EXPECT_EQ(bad("capture.start", {{"port", "p0"}, {"count", 0}}).data["path"], "/count");
  EXPECT_EQ(bad("capture.start", {{"port", "p0"}, {"bytes", 70000}}).data["path"], "/bytes");
  const Json number = good("capture.start", {{"port", "p0"}})["capture"];
  EXPECT_EQ(bad("capture.start", {{"port", "p0"}}).data["path"], "/port");
  const Json read = good("capture.read", {{"capture", number}});
  EXPECT_EQ(read["missed"], 3);
  EXPECT_EQ(read["complete"], true);
  EXPECT_EQ(read["frames"][0],
            (Json{{"time_us", 1}, {"direction", "out"}, {"length", 60}, {"data", "YWI="}}));
  good("capture.stop", {{"capture", number}});
  EXPECT_EQ(bad("capture.read", {{"capture", number}}).data["path"], "/capture");
}

TEST_F(MethodsTest, AChangeOnAnotherGenerationSaysWhichIsInForce) {
  good("state.put", {{"state", state_of(1)}});
  const RpcError error = bad("state.apply", change(6, Json::object()));
  EXPECT_EQ(error.code, kWrongGeneration);
  EXPECT_EQ(error.data["generation"], 7);
}

TEST_F(MethodsTest, ReadingMethodsNameWhatIsNotThere) {
  good("state.put", {{"state", state_of(1)}});
  EXPECT_EQ(bad("counters", {{"port", "none"}}).code, kNotFound);
  EXPECT_EQ(bad("counters", {{"port", 5}}).code, kInvalidParams);
  EXPECT_EQ(bad("flows", {{"port", "none"}}).code, kNotFound);
  EXPECT_EQ(bad("flows", {{"limit", 0}}).data["path"], "/limit");
  EXPECT_EQ(bad("trace", {{"port", "none"}, {"packet", "00"}}).code, kNotFound);
  EXPECT_EQ(bad("trace", {{"port", "p0"}, {"packet", {{"src_mac", 1}}}}).data["path"], "/packet/src_mac");
  EXPECT_EQ(good("trace", {{"port", "p0"}, {"packet", "0001"}})["steps"][0]["verdict"], "2 bytes");
}

// Microseconds of the fastest of several changes of one port: the least noise.
std::int64_t one_change_us(Method& apply, std::uint64_t generation) {
  std::int64_t best = INT64_MAX;
  for (unsigned round = 0; round < 9; ++round) {
    Json changed = port(5);
    changed["admin_up"] = round % 2 == 0;
    const Json params = {{"base_generation", generation++}, {"changes", {{"port", {{"p5", changed}}}}}};
    const auto begin = std::chrono::steady_clock::now();
    const RpcOutcome outcome = apply(params);
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_TRUE(std::holds_alternative<Json>(outcome));
    best = std::min<std::int64_t>(best, std::chrono::duration_cast<std::chrono::microseconds>(took).count());
  }
  return best;
}

TEST_F(MethodsTest, OnePortAmongTenThousandCostsOnePort) {
  good("state.put", {{"state", state_of(100)}});
  const std::int64_t small_us = one_change_us(methods_.at("state.apply"), 7);
  good("state.put", {{"state", state_of(10000)}});
  const std::int64_t large_us = one_change_us(methods_.at("state.apply"), 7);
  RecordProperty("us_at_100", static_cast<int>(small_us));
  RecordProperty("us_at_10000", static_cast<int>(large_us));
  fmt::print("one change: {} us among 100 ports, {} us among 10,000\n", small_us, large_us);
  // A hundred times the ports: a copy or a walk of all would cost a hundred times as much.
  EXPECT_LT(large_us, 8 * std::max<std::int64_t>(small_us, 100));
}

}  // namespace
}  // namespace hanok::dataplane::rpc
