// Disks that hanok-storage serves to guests: when they are served, and when no longer.
#include "tests/agents/compute/instance_fixture.h"

namespace hanok::agent {
namespace {

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
  EXPECT_EQ(target_.served["v"]["cluster"], "memory");
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

TEST_F(InstanceReconcilerTest, APassphraseIsKnownBeforeTheDiskIsPluggedAndForgottenAfterwards) {
  const Json encryption = {{"format", "luks2"}, {"passphrase", "secret words"}};
  settle();
  attach_volume(true);
  object_["volumes"][0]["encryption"] = encryption;
  settle();
  EXPECT_EQ(hypervisor_.secrets["vol"], "secret words");
  EXPECT_EQ(domain().live_disks.back().encryption, "luks2");
  hypervisor_.secrets.clear();  // libvirtd was started again
  object_["power"] = "stopped";
  settle();
  object_["power"] = "running";
  settle();
  EXPECT_EQ(hypervisor_.secrets["vol"], "secret words");
  attach_volume(false);
  object_["volumes"][0]["encryption"] = encryption;
  settle();
  EXPECT_TRUE(hypervisor_.secrets.empty());
  object_["volumes"][0]["encryption"]["format"] = "rot13";
  EXPECT_EQ(settle()["state"], "error");
}

TEST_F(InstanceReconcilerTest, HanokStorageIsGivenThePassphrase) {
  attach_volume(true, "vhost-user");
  object_["volumes"][0]["encryption"] = {{"format", "luks1"}, {"passphrase", "secret words"}};
  settle();
  EXPECT_EQ(target_.served["v"]["encryption"]["passphrase"], "secret words");
  EXPECT_EQ(target_.served["v"]["encryption"]["format"], "luks1");
  EXPECT_TRUE(hypervisor_.secrets.empty());
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

TEST_F(InstanceReconcilerTest, ARootDiskByVhostUserIsServedFromTheFirstStartToTheDeletion) {
  object_["root"]["transport"] = "vhost-user";
  settle();
  const std::string socket = settings_.socket_dir + "/volume-" + kGuestId + ".sock";
  EXPECT_EQ(target_.served[kDisk.name]["socket"], socket);
  EXPECT_EQ(target_.served[kDisk.name]["serial"], kGuestId);
  EXPECT_EQ(domain().spec.disks.front().socket, socket);
  object_["deleted"] = true;
  restart();
  EXPECT_EQ(settle()["state"], "deleted");
  EXPECT_TRUE(target_.served.empty());
  EXPECT_FALSE(store_.info(kDisk).ok());
}

TEST_F(InstanceReconcilerTest, ARootDiskIsLetGoBeforeARebuildMakesItAnew) {
  object_["root"]["transport"] = "vhost-user";
  settle();
  target_.calls.clear();
  object_["rebuild_serial"] = 1;
  settle();
  EXPECT_EQ(target_.calls, (std::vector<std::string>{"volume.detach", "volume.attach"}));
  target_.answers = false;  // the disk must not go under the feet of who may hold it
  object_["rebuild_serial"] = 2;
  EXPECT_EQ(settle(), (Json{{"failed", "hanok-storage does not answer"}}));
  EXPECT_TRUE(store_.info(kDisk).ok());
}

TEST_F(InstanceReconcilerTest, ANewFlavorChangesHowTheRootDiskIsReachedAtTheReboot) {
  object_["root"]["transport"] = "vhost-user";
  settle();
  object_["root"]["transport"] = "rbd";
  settle();
  EXPECT_EQ(target_.served.size(), 1U);  // the guest runs with it
  object_["reboot"] = {{"serial", 1}, {"type", "HARD"}};
  settle();
  EXPECT_TRUE(target_.served.empty());
  EXPECT_EQ(domain().spec.disks.front().socket, "");
}

TEST_F(InstanceReconcilerTest, WhereVhostUserCannotBeBootedFromOnlyOtherDisksAreServed) {
  settings_.boots_from_vhost_user = false;
  restart();
  object_["root"]["transport"] = "vhost-user";
  attach_volume(true, "vhost-user");
  settle();
  ASSERT_EQ(target_.served.size(), 1U);
  EXPECT_TRUE(target_.served.contains("v"));
  EXPECT_EQ(domain().spec.disks.front().socket, "");
  object_["root"] = {{"type", "volume"}};
  object_["volumes"][0]["boot_index"] = 0;
  object_["reboot"] = {{"serial", 1}, {"type", "HARD"}};
  settle();
  EXPECT_EQ(domain().spec.disks.front().serial, "vol");
  EXPECT_EQ(domain().spec.disks.front().socket, "");
}

TEST_F(InstanceReconcilerTest, ADiskHasAQueueForEachProcessorAlsoAfterAResize) {
  object_["vcpus"] = 2;
  attach_volume(true, "vhost-user");
  settle();
  EXPECT_EQ(target_.served["v"]["queues"], 2);
  EXPECT_EQ(domain().spec.disks.back().queues, 2);
  object_["vcpus"] = 40;
  object_["reboot"] = {{"serial", 1}, {"type", "HARD"}};
  target_.calls.clear();
  settle();
  EXPECT_EQ(target_.calls, (std::vector<std::string>{"volume.detach", "volume.attach"}));
  EXPECT_EQ(target_.served["v"]["queues"], 16);
  EXPECT_EQ(domain().spec.disks.back().queues, 16);
}

TEST_F(InstanceReconcilerTest, ARootDiskByQemusDriverNeedsNoHanokStorage) {
  target_.answers = false;
  settle();
  for (const char* serial : {"reboot", "rebuild_serial"}) {
    object_[serial] = serial == std::string("reboot") ? Json{{"serial", 1}, {"type", "HARD"}} : Json(1);
    EXPECT_EQ(settle()["state"], "running");
  }
  object_["deleted"] = true;
  EXPECT_EQ(settle()["state"], "deleted");
}

}  // namespace
}  // namespace hanok::agent
