#include "agents/compute/instance_reconciler.h"

#include "tests/agents/compute/instance_fixture.h"

namespace hanok::agent {
namespace {

struct Died {};  // the agent was killed here

std::string qcow2_header() {
  std::string out(104, '\0');
  out.replace(0, 4, "QFI\xfb");
  out[7] = 3;
  return out;
}

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
