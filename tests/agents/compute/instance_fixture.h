#pragma once
// A reconciler of instances over a hypervisor, a store and a hanok-storage in memory.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "agents/compute/instance_reconciler.h"
#include "agents/compute/memory_hypervisor.h"
#include "storage/block/memory_store.h"

namespace hanok::agent {

inline const std::string kGuestId = "22222222-0000-4000-8000-000000000001";
inline const storage::ImageRef kImage{"images", "image"};
inline const storage::ImageRef kDisk{"vms", kGuestId + "_disk"};

class FakeConverter final : public storage::Converter {
 public:
  explicit FakeConverter(storage::BlockStore& store) : store_(store) {}
  Status convert(const storage::SnapshotRef&, const std::string&, const storage::ImageRef& to) override {
    ++conversions;
    return store_.create(to, 4096);
  }
  int conversions = 0;

 private:
  storage::BlockStore& store_;
};

class Reported final : public Outbox {
 public:
  void report(const std::string&, const std::string&, Json observed) override {
    all.push_back(std::move(observed));
  }
  std::vector<Json> all;
};

// hanok-storage as its control socket shows it.
struct FakeTarget {
  Result<Json> call(const std::string& method, const Json& params) {
    if (!answers) return unavailable("hanok-storage does not answer");
    if (method == "volume.list") {
      Json out = Json::array();
      for (const auto& [image, spec] : served) out.push_back(spec);
      return out;
    }
    calls.push_back(method);
    const std::string image = params.at("image");
    if (method == "volume.attach") {
      served[image] = params;
    } else {
      served.erase(image);
    }
    return Json::object();
  }
  bool answers = true;
  std::map<std::string, Json> served;  // by image
  std::vector<std::string> calls;
};

class InstanceReconcilerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/hanok-instances-XXXXXX";
    settings_.state_dir = mkdtemp(name);
    settings_.socket_dir = settings_.state_dir;
    ASSERT_TRUE(store_.create(kImage, 4096).ok());
    ASSERT_TRUE(store_.create_snapshot({kImage, "snap"}).ok());
    ASSERT_TRUE(store_.create({"volumes", "v"}, 4096).ok());
    restart();
    object_ = Json::parse(
        R"({"vcpus": 1, "ram_mib": 128, "power": "running", "reboot": {"serial": 0, "type": "HARD"},
      "rebuild_serial": 0, "nics": [{"port_id": "44444444-0000-4000-8000-000000000001", "mac": "FA:16:3E:00:00:01"}],
      "root": {"type": "image", "image": {"pool": "images", "name": "image", "snapshot": "snap", "format": "raw"},
               "disk": {"pool": "vms", "name": ")" +
        kGuestId + R"(_disk"}, "size_gib": 0}})");
  }
  void TearDown() override { std::filesystem::remove_all(settings_.state_dir); }

  // A new agent over the same host.
  void restart() {
    reconciler_ = std::make_unique<InstanceReconciler>(
        settings_, hypervisor_, store_, converter_, outbox_, clock_,
        [this](const std::string& method, const Json& params) { return target_.call(method, params); });
  }
  Result<Outcome> apply_once(int attempt = 0) {
    return reconciler_->apply({"instance", kGuestId, object_, 7, attempt});
  }
  // Until nothing is left to be waited for; gives the last report.
  Json settle() {
    for (int i = 0; i < 200; ++i) {
      auto outcome = apply_once();
      if (!outcome.ok()) return {{"failed", outcome.error().message}};
      if (!outcome->again_after_ms) return outcome->observed;
      clock_.advance_us(*outcome->again_after_ms * 1000);
    }
    return "never settles";
  }
  MemoryHypervisor::Domain& domain() { return hypervisor_.domains.at(kGuestId); }
  void image_is(const std::string& header) {
    object_["root"]["image"]["format"] = "qcow2";
    ASSERT_TRUE(store_.write(kImage, 0, header.data(), header.size()).ok());
  }
  void attach_volume(bool attached, const std::string& transport = "rbd") {
    object_["volumes"] = Json::array({{{"volume_id", "vol"},
                                       {"pool", "volumes"},
                                       {"image", "v"},
                                       {"transport", transport},
                                       {"attached", attached}}});
  }

  InstanceSettings settings_;
  MemoryHypervisor hypervisor_;
  storage::MemoryStore store_;
  FakeConverter converter_{store_};
  Reported outbox_;
  FakeTarget target_;
  ManualClock clock_;
  std::unique_ptr<InstanceReconciler> reconciler_;
  Json object_;
};

}  // namespace hanok::agent
