#include "agents/compute/domain_xml.h"

#include <gtest/gtest.h>

#include "storage/block/block_store.h"

namespace hanok::agent {
namespace {

const DomainSettings kTcg{false, "/state/agent", "/etc/ceph.conf", "hanok",
                          "11111111-0000-4000-8000-000000000001"};

DomainSpec guest() {
  DomainSpec out;
  out.id = "22222222-0000-4000-8000-000000000001";
  out.vcpus = 2;
  out.ram_mib = 128;
  out.disks = {{"disk-serial", "vms", "root", "vda", 1}};
  out.nics = {{.port_id = "p", .mac = "fa:16:3e:00:00:01", .socket = "/run/vhost/p.sock"}};
  out.console_file = "/state/console.log";
  out.marks = {"running", 3, 1};
  return out;
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(DomainXml, GuestMemoryIsSharedAndTheNicIsAServerSocket) {
  const auto xml = domain_xml(guest(), kTcg);
  EXPECT_TRUE(holds(xml, "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"));
  EXPECT_TRUE(holds(xml, "<source type='unix' path='/run/vhost/p.sock' mode='server'/>"));
  EXPECT_TRUE(holds(xml, "<memory unit='MiB'>128</memory>"));
  EXPECT_TRUE(holds(xml, "<vcpu>2</vcpu>"));
}

TEST(DomainXml, MsixIsOffOnlyWithoutKvm) {
  auto kvm = kTcg;
  kvm.kvm = true;
  EXPECT_TRUE(holds(domain_xml(guest(), kTcg), "virtio-net-pci.vectors=0"));
  EXPECT_FALSE(holds(domain_xml(guest(), kvm), "vectors"));
  EXPECT_TRUE(holds(domain_xml(guest(), kvm), "<cpu mode='host-passthrough'/>"));
  EXPECT_FALSE(holds(domain_xml(guest(), kTcg), "host-passthrough"));
}

TEST(DomainXml, DiskNamesTheSecretAndNeverHoldsAKey) {
  const auto xml = disk_xml({"vol", "volumes", "volume-1", "vdb", 0}, kTcg);
  EXPECT_TRUE(holds(xml, "<source protocol='rbd' name='volumes/volume-1'>"));
  EXPECT_TRUE(holds(xml, "<secret type='ceph' uuid='11111111-0000-4000-8000-000000000001'/>"));
  EXPECT_TRUE(holds(xml, "cache='writeback' discard='unmap'"));
  EXPECT_FALSE(holds(xml, "<boot"));
}

TEST(DomainXml, AnEncryptedDiskNamesItsSecretAndHoldsNoPassphrase) {
  DiskSpec disk{.serial = "vol", .pool = "volumes", .image = "v", .device = "vdb"};
  EXPECT_EQ(disk_header_bytes(disk_xml(disk, kTcg)), 0U);
  disk.passphrase = "secret words";
  for (const auto& [format, name] : {std::pair{"luks1", "luks"}, std::pair{"luks2", "luks2"}}) {
    disk.encryption = format;
    const auto xml = disk_xml(disk, kTcg);
    EXPECT_TRUE(holds(xml, std::string("<encryption format='") + name +
                               "' engine='librbd'><secret type='passphrase' uuid='vol'/>"));
    EXPECT_FALSE(holds(xml + secret_xml(disk), "secret words"));
    EXPECT_EQ(disk_header_bytes(xml), storage::header_bytes(format));
    EXPECT_EQ(find_disk("<domain>" + xml + "</domain>", "vol"), xml);
  }
  EXPECT_TRUE(holds(secret_xml(disk), "ephemeral='yes' private='yes'"));
}

TEST(DomainXml, NamesCannotBreakOutOfTheirPlace) {
  const auto xml = disk_xml({"a'/><evil>", "p", "i&j", "vdb", 0}, kTcg);
  EXPECT_FALSE(holds(xml, "<evil>"));
  EXPECT_TRUE(holds(xml, "p/i&amp;j"));
}

TEST(DomainXml, MarksAreReadBackByTheirOwnerOnly) {
  for (const auto& xml : {domain_xml(guest(), kTcg), marks_xml(guest().marks, kTcg.owner)}) {
    const auto marks = read_marks(xml, "/state/agent");
    ASSERT_TRUE(marks);
    EXPECT_EQ(marks->power, "running");
    EXPECT_EQ(marks->reboot_serial, 3);
    EXPECT_EQ(marks->rebuild_serial, 1);
    EXPECT_FALSE(read_marks(xml, "/state/other"));
  }
  EXPECT_FALSE(read_marks("<domain><name>somebody's</name></domain>", "/state/agent"));
}

TEST(DomainXml, MarksAreReadInTheFormThatLibvirtGives) {
  const auto marks =
      read_marks("<instance owner=\"/o\" power=\"stopped\" reboot_serial=\"7\" rebuild_serial=\"0\"/>", "/o");
  ASSERT_TRUE(marks);
  EXPECT_EQ(marks->power, "stopped");
  EXPECT_EQ(marks->reboot_serial, 7);
}

TEST(DomainXml, ADiskOfHanokStorageIsKnownByItsSocket) {
  DiskSpec disk{.serial = "vol", .pool = "volumes", .image = "v", .device = "vdb"};
  EXPECT_FALSE(is_vhost_user(disk_xml(disk, kTcg)));
  disk.socket = "/run/x/volume-vol.sock";
  disk.queues = 3;
  const auto xml = disk_xml(disk, kTcg);
  EXPECT_TRUE(is_vhost_user(xml));
  EXPECT_FALSE(holds(xml, "serial"));  // libvirt would refuse it
  EXPECT_TRUE(holds(xml, "queues='3'"));
  EXPECT_EQ(disk_target(xml), "vdb");
  EXPECT_EQ(read_devices("<domain>" + xml + "</domain>").disks, std::vector<std::string>{"vol"});
  EXPECT_EQ(find_disk(xml, "vol"), xml);
  disk.socket = "/run/x/other.sock";
  EXPECT_TRUE(read_devices(disk_xml(disk, kTcg)).disks.empty());
}

TEST(DomainXml, DevicesAreFoundByOurNames) {
  const auto xml = domain_xml(guest(), kTcg);
  const auto devices = read_devices(xml);
  EXPECT_EQ(devices.disks, std::vector<std::string>{"disk-serial"});
  EXPECT_EQ(devices.nics, std::vector<std::string>{"fa:16:3e:00:00:01"});
  EXPECT_TRUE(holds(find_disk(xml, "disk-serial"), "vms/root"));
  EXPECT_EQ(find_disk(xml, "other"), "");
  EXPECT_TRUE(holds(find_nic(xml, "fa:16:3e:00:00:01"), "<interface"));
}

}  // namespace
}  // namespace hanok::agent
