#include "agents/compute/instance.h"

#include <gtest/gtest.h>

namespace hanok::agent {
namespace {

const std::string kId = "22222222-0000-4000-8000-000000000001";

Json object() {
  return Json::parse(R"({"vcpus": 1, "ram_mib": 128, "power": "running",
    "root": {"type": "image", "image": {"pool": "images", "name": "i", "snapshot": "snap", "format": "raw"},
             "disk": {"pool": "vms", "name": "d"}, "size_gib": 1}})");
}

TEST(Instance, WhatIsWrongIsNamed) {
  auto wrong = object();
  wrong["power"] = "flying";
  EXPECT_FALSE(read_instance(kId, wrong, "/run").ok());
  wrong = object();
  wrong["root"]["disk"] = 7;
  EXPECT_FALSE(read_instance(kId, wrong, "/run").ok());
  wrong = object();
  wrong["nics"] = Json::array({{{"port_id", "../../etc/passwd"}, {"mac", "fa:16:3e:00:00:01"}}});
  EXPECT_FALSE(read_instance(kId, wrong, "/run").ok());
  wrong = object();
  wrong["root"]["transport"] = "pigeon";
  EXPECT_FALSE(read_instance(kId, wrong, "/run").ok());
  EXPECT_FALSE(read_instance("../x", object(), "/run").ok());
  EXPECT_TRUE(read_instance(kId, object(), "/run").ok());
}

TEST(Instance, VolumesGetDeviceNamesOfTheirOwn) {
  auto wanted = object();
  wanted["volumes"] = Json::parse(R"([
    {"volume_id": "a", "pool": "volumes", "image": "a", "device": "/dev/vdc"},
    {"volume_id": "b", "pool": "volumes", "image": "b", "device": null},
    {"volume_id": "c", "pool": "volumes", "image": "c", "device": "/dev/vda"},
    {"volume_id": "leaving", "pool": "volumes", "image": "l", "device": "/dev/vdd", "attached": false}])");
  const auto instance = read_instance(kId, wanted, "/run");
  ASSERT_TRUE(instance.ok()) << instance.error().message;
  const auto disks = disks_of(*instance);
  ASSERT_EQ(disks.size(), 4U);
  EXPECT_EQ(disks[0].device, "vda");
  EXPECT_EQ(disks[0].boot_order, 1);
  EXPECT_EQ(disks[1].device, "vdc");
  EXPECT_EQ(disks[2].device, "vdb");
  EXPECT_EQ(disks[3].device, "vdd");
}

TEST(Instance, AVolumeBootsWhereThereIsNoRootDisk) {
  auto wanted = object();
  wanted["root"] = {{"type", "volume"}};
  wanted["volumes"] = Json::parse(R"([
    {"volume_id": "data", "pool": "volumes", "image": "d", "device": "/dev/vdb", "boot_index": null},
    {"volume_id": "boot", "pool": "volumes", "image": "b", "device": "/dev/vda", "boot_index": 0}])");
  const auto instance = read_instance(kId, wanted, "/run");
  ASSERT_TRUE(instance.ok());
  const auto disks = disks_of(*instance);
  ASSERT_EQ(disks.size(), 2U);
  EXPECT_EQ(disks[0].serial, "boot");
  EXPECT_EQ(disks[0].device, "vda");
  EXPECT_EQ(disks[0].boot_order, 1);
  EXPECT_EQ(disks[1].boot_order, 0);
}

}  // namespace
}  // namespace hanok::agent
