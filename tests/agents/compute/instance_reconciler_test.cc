#include "agents/compute/instance_reconciler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "agents/compute/memory_hypervisor.h"
#include "storage/block/memory_store.h"

namespace hanok::agent {
namespace {

const std::string kGuestId = "22222222-0000-4000-8000-000000000001";
const storage::ImageRef kImage{"images", "image"};
const storage::ImageRef kDisk{"vms", kGuestId + "_disk"};

struct Died {};  // the agent was killed here

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

std::string qcow2_header() {
  std::string out(104, '\0');
  out.replace(0, 4, "QFI\xfb");
  out[7] = 3;
  return out;
}

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

TEST_F(InstanceReconcilerTest, AGuestIsMadeOnceAndThenLeftAlone) {
  const auto report = settle();
  EXPECT_EQ(report["state"], "running");
  EXPECT_EQ(report["generation"], 7);
  EXPECT_TRUE(store_.info(kDisk)->parent);
  EXPECT_EQ(outbox_.all.at(0)["state"], "building");
  hypervisor_.calls.clear();
  restart();
  EXPECT_EQ(settle()["state"], "running");
  EXPECT_TRUE(hypervisor_.calls.empty()) << hypervisor_.calls.front();
}

TEST_F(InstanceReconcilerTest, AGuestThatWentOffByItselfIsReportedAndStaysOff) {
  settle();
  domain().state = DomainState::kStopped;
  EXPECT_EQ(settle()["state"], "stopped");
  EXPECT_EQ(domain().starts, 1);
  object_["power"] = "stopped";
  EXPECT_EQ(settle()["state"], "stopped");
  object_["power"] = "running";
  EXPECT_EQ(settle()["state"], "running");
  EXPECT_EQ(domain().starts, 2);
}

TEST_F(InstanceReconcilerTest, StopPressesTheButtonAndPullsThePlugOnlyAfterTheWait) {
  settle();
  hypervisor_.deaf = true;
  object_["power"] = "stopped";
  const auto began_us = clock_.now_us();
  EXPECT_EQ(settle()["state"], "stopped");
  EXPECT_GE(clock_.now_us() - began_us, settings_.shutdown_wait_us);
  EXPECT_GT(std::count(hypervisor_.calls.begin(), hypervisor_.calls.end(), "press_power"), 2);
  EXPECT_EQ(std::count(hypervisor_.calls.begin(), hypervisor_.calls.end(), "destroy"), 1);
}

TEST_F(InstanceReconcilerTest, PauseSuspendAndBack) {
  settle();
  for (const char* power :
       {"paused", "running", "suspended", "running", "paused", "suspended", "stopped", "paused"}) {
    object_["power"] = power;
    EXPECT_EQ(settle()["state"], power);
  }
}

TEST_F(InstanceReconcilerTest, AGuestWhoseMemoryCannotBeSavedStandsStillInstead) {
  settle();
  hypervisor_.can_save = false;
  object_["power"] = "suspended";
  EXPECT_EQ(settle()["state"], "suspended");
  EXPECT_EQ(domain().state, DomainState::kPaused);
  object_["power"] = "running";
  EXPECT_EQ(settle()["state"], "running");
}

TEST_F(InstanceReconcilerTest, RebootHappensOncePerSerialAndTakesTheNewSize) {
  settle();
  object_["reboot"] = {{"serial", 2}, {"type", "HARD"}};
  object_["vcpus"] = 4;
  object_["root"]["size_gib"] = 0;
  const auto report = settle();
  EXPECT_EQ(report["reboot_serial"], 2);
  EXPECT_EQ(report["state"], "running");
  EXPECT_EQ(domain().spec.vcpus, 4);
  EXPECT_EQ(domain().starts, 2);
  restart();
  settle();
  EXPECT_EQ(domain().starts, 2);
}

TEST_F(InstanceReconcilerTest, AVolumeComesAndGoesInTheRunningGuest) {
  settle();
  attach_volume(true);
  EXPECT_EQ(settle()["volumes"], Json::array({"vol"}));
  EXPECT_EQ(domain().starts, 1);
  attach_volume(false);
  hypervisor_.clinging = true;  // the guest still boots and hears nothing
  auto waiting = apply_once();
  ASSERT_TRUE(waiting.ok());
  EXPECT_TRUE(waiting->again_after_ms);
  EXPECT_EQ(waiting->observed["volumes"], Json::array({"vol"}));
  hypervisor_.clinging = false;
  EXPECT_EQ(settle()["volumes"], Json::array());
}

TEST_F(InstanceReconcilerTest, AVolumeByVhostUserComesToARunningGuestByQemusDriverUntilItsNextStart) {
  settle();
  attach_volume(true, "vhost-user");
  EXPECT_EQ(settle()["volumes"], Json::array({"vol"}));
  EXPECT_EQ(domain().live_disks.back().socket, "");
  EXPECT_EQ(domain().spec.disks.back().socket, settings_.socket_dir + "/volume-vol.sock");
  EXPECT_TRUE(target_.served.empty());
  object_["reboot"] = {{"serial", 1}, {"type", "HARD"}};
  target_.answers = false;  // without it the guest cannot start, and says why
  EXPECT_EQ(settle(), (Json{{"failed", "hanok-storage does not answer"}}));
  target_.answers = true;
  settle();
  EXPECT_EQ(target_.served["v"]["socket"], settings_.socket_dir + "/volume-vol.sock");
  EXPECT_EQ(target_.served["v"]["serial"], "vol");
  EXPECT_EQ(domain().live_disks.back().socket, settings_.socket_dir + "/volume-vol.sock");
}

TEST_F(InstanceReconcilerTest, AVolumeByVhostUserIsServedUntilTheGuestHasLetItGo) {
  attach_volume(true, "vhost-user");
  settle();
  attach_volume(false, "vhost-user");
  hypervisor_.clinging = true;
  ASSERT_TRUE(apply_once().ok());
  EXPECT_EQ(target_.served.size(), 1U);
  hypervisor_.clinging = false;
  EXPECT_EQ(settle()["volumes"], Json::array());
  EXPECT_TRUE(target_.served.empty());
}

TEST_F(InstanceReconcilerTest, AVolumeByVhostUserIsServedBeforeTheGuestStartsAndGoesWithIt) {
  attach_volume(true, "vhost-user");
  settle();
  EXPECT_EQ(target_.served.size(), 1U);
  object_["power"] = "stopped";
  settle();
  target_.served.clear();
  object_["power"] = "running";
  settle();
  EXPECT_EQ(target_.served.size(), 1U);
  object_["deleted"] = true;
  restart();
  ASSERT_TRUE(apply_once().ok());
  EXPECT_TRUE(target_.served.empty());
  EXPECT_FALSE(hypervisor_.domains.contains(kGuestId));
}

TEST_F(InstanceReconcilerTest, AVolumeByQemusDriverNeedsNoHanokStorage) {
  target_.answers = false;
  attach_volume(true);
  EXPECT_EQ(settle()["volumes"], Json::array({"vol"}));
  attach_volume(false);
  EXPECT_EQ(settle()["volumes"], Json::array());
  attach_volume(true, "pigeon");
  EXPECT_EQ(settle()["state"], "error");
}

TEST_F(InstanceReconcilerTest, AVolumeThatHasGrownIsSeenByTheRunningGuest) {
  const auto live_gib = [&] {
    return hypervisor_.domains.begin()->second.live_disks.back().size_bytes >> 30U;
  };
  const auto resizes = [&] {
    return std::count(hypervisor_.calls.begin(), hypervisor_.calls.end(), "grow_disk");
  };
  settle();
  attach_volume(true);
  object_["volumes"][0]["size_gib"] = 1;
  settle();
  EXPECT_EQ(live_gib(), 1U);
  EXPECT_EQ(resizes(), 0);
  object_["volumes"][0]["size_gib"] = 3;
  settle();
  EXPECT_EQ(live_gib(), 3U);
  settle();
  EXPECT_EQ(resizes(), 1);
  object_["volumes"][0]["size_gib"] = 2;  // never smaller
  settle();
  EXPECT_EQ(live_gib(), 3U);
}

TEST_F(InstanceReconcilerTest, NicsComeAndGo) {
  settle();
  object_["nics"].push_back(
      {{"port_id", "44444444-0000-4000-8000-000000000002"}, {"mac", "fa:16:3e:00:00:02"}});
  settle();
  EXPECT_EQ(domain().live_nics.size(), 2U);
  object_["nics"].erase(0);
  settle();
  ASSERT_EQ(domain().live_nics.size(), 1U);
  EXPECT_EQ(domain().live_nics[0].mac, "fa:16:3e:00:00:02");
}

TEST_F(InstanceReconcilerTest, RebuildMakesANewDisk) {
  settle();
  ASSERT_TRUE(store_.write(kDisk, 0, "old", 3).ok());
  object_["rebuild_serial"] = 1;
  EXPECT_EQ(settle()["rebuild_serial"], 1);
  char bytes[3] = {};
  ASSERT_TRUE(store_.read(kDisk, 0, bytes, 3).ok());
  EXPECT_NE(std::string(bytes, 3), "old");
  EXPECT_EQ(domain().state, DomainState::kRunning);
}

TEST_F(InstanceReconcilerTest, OtherFormatsAreConverted) {
  image_is(qcow2_header());
  EXPECT_EQ(settle()["state"], "running");
  EXPECT_EQ(converter_.conversions, 1);
  EXPECT_FALSE(store_.info(kDisk)->parent);
}

// Such images would show the guest files of this host.
TEST_F(InstanceReconcilerTest, ImagesThatNameOtherFilesAreNeverConverted) {
  std::string backing_file = qcow2_header();
  backing_file[15] = 104;
  std::string data_file = qcow2_header();
  data_file[79] = 4;
  for (const auto& header : {backing_file, data_file, std::string(104, 'x')}) {
    image_is(header);
    EXPECT_THAT(dump_json(settle()), ::testing::HasSubstr("qcow2"));
    EXPECT_EQ(converter_.conversions, 0);
    EXPECT_FALSE(store_.info(kDisk).ok());
    EXPECT_TRUE(hypervisor_.domains.empty());
  }
}

TEST_F(InstanceReconcilerTest, UploadMakesAnImageOfTheRootDisk) {
  object_["upload"] = {{"image_id", "new"}, {"pool", "images"}, {"name", "new"}};
  EXPECT_EQ(settle()["uploaded"]["size_bytes"], 4096);
  EXPECT_EQ(store_.info({"images", "new"})->snapshots, std::vector<std::string>{"snap"});
}

TEST_F(InstanceReconcilerTest, DeletionLeavesNothingAndCanBeRepeated) {
  settle();
  object_["deleted"] = true;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(settle()["state"], "deleted");
    EXPECT_TRUE(hypervisor_.domains.empty());
    EXPECT_FALSE(store_.info(kDisk).ok());
    EXPECT_FALSE(std::filesystem::exists(settings_.state_dir + "/instances/" + kGuestId));
  }
}

TEST_F(InstanceReconcilerTest, WhatIsNotWantedHereGoesButItsDiskStays) {
  settle();
  object_ = nullptr;
  ASSERT_TRUE(apply_once().ok());
  EXPECT_TRUE(hypervisor_.domains.empty());
  EXPECT_TRUE(store_.info(kDisk).ok());
}

TEST_F(InstanceReconcilerTest, AVolumeByVhostUserIsReleasedWhenItsGuestIsNotWantedHere) {
  attach_volume(true, "vhost-user");
  settle();
  ASSERT_EQ(target_.served.size(), 1U);
  object_ = nullptr;
  target_.answers = false;
  EXPECT_FALSE(apply_once().ok());
  target_.answers = true;
  restart();
  ASSERT_TRUE(apply_once().ok());
  EXPECT_TRUE(target_.served.empty());
  EXPECT_TRUE(hypervisor_.domains.empty());
}

TEST_F(InstanceReconcilerTest, AFaultIsReportedOnlyWhenTryingDidNotHelp) {
  store_.fail_after(0);
  EXPECT_FALSE(apply_once(0).ok());
  for (const auto& report : outbox_.all) EXPECT_NE(report["state"], "error");
  EXPECT_FALSE(apply_once(5).ok());
  EXPECT_EQ(outbox_.all.back()["state"], "error");
  EXPECT_FALSE(outbox_.all.back()["fault"]["message"].get<std::string>().empty());
  store_.heal();
  EXPECT_EQ(settle()["state"], "running");
}

TEST_F(InstanceReconcilerTest, AnObjectThatMakesNoSenseIsAFaultAndChangesNothing) {
  object_["root"] = "disk";
  const auto outcome = apply_once();
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->observed["state"], "error");
  EXPECT_TRUE(hypervisor_.calls.empty());
}

// Killed before or after any call that changes something, the next agent finishes what this one began.
class KilledTest : public InstanceReconcilerTest {
 protected:
  // Runs settle() with a death at each possible place in turn; gives how often the agent died.
  int settle_through_deaths() {
    for (int deaths = 0; deaths < 100; ++deaths) {
      int calls_left = deaths / 2;
      const auto maybe_die = [&] {
        if (calls_left-- == 0) throw Died{};
      };
      (deaths % 2 == 0 ? hypervisor_.before : hypervisor_.after) = maybe_die;
      bool died = false;
      try {
        last_ = settle();
      } catch (const Died&) {
        died = true;
      }
      hypervisor_.before = hypervisor_.after = nullptr;
      restart();
      if (!died) return deaths;
    }
    return -1;
  }
  Json last_;
};

TEST_F(KilledTest, DuringCreate) {
  EXPECT_GT(settle_through_deaths(), 2);
  EXPECT_EQ(last_["state"], "running");
  EXPECT_EQ(domain().starts, 1);
}

TEST_F(KilledTest, DuringReboot) {
  settle();
  object_["reboot"] = {{"serial", 1}, {"type", "HARD"}};
  EXPECT_GT(settle_through_deaths(), 2);
  EXPECT_EQ(last_["state"], "running");
  EXPECT_EQ(last_["reboot_serial"], 1);
}

TEST_F(KilledTest, DuringRebuild) {
  settle();
  object_["rebuild_serial"] = 1;
  EXPECT_GT(settle_through_deaths(), 2);
  EXPECT_EQ(last_["state"], "running");
  EXPECT_EQ(last_["rebuild_serial"], 1);
}

TEST_F(KilledTest, DuringAttach) {
  settle();
  attach_volume(true);
  EXPECT_GT(settle_through_deaths(), 0);
  EXPECT_EQ(last_["volumes"], Json::array({"vol"}));
  EXPECT_EQ(domain().live_disks.size(), 2U);
}

TEST_F(KilledTest, DuringDelete) {
  settle();
  object_["deleted"] = true;
  EXPECT_GT(settle_through_deaths(), 0);
  EXPECT_EQ(last_["state"], "deleted");
  EXPECT_TRUE(hypervisor_.domains.empty());
  EXPECT_FALSE(store_.info(kDisk).ok());
}

// The cluster goes away after any number of calls.
TEST_F(InstanceReconcilerTest, AClusterThatDiesInBetweenDelaysAndDoesNotSpoil) {
  image_is(qcow2_header());
  int failures = 0;
  for (int good = 0; good < 50; ++good) {
    store_.fail_after(good);
    const auto report = settle();
    store_.heal();
    restart();
    if (!report.contains("failed")) {
      EXPECT_EQ(report["state"], "running");
      break;
    }
    ++failures;
  }
  EXPECT_GT(failures, 2);
  EXPECT_EQ(domain().starts, 1);
  EXPECT_FALSE(store_.info({"vms", kGuestId + "_disk.part"}).ok());
}

}  // namespace
}  // namespace hanok::agent
