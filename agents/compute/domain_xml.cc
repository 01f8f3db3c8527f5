#include "agents/compute/domain_xml.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "storage/block/block_store.h"

namespace hanok::agent {
namespace {

// Calls `each` with every <name ...>...</name> of the text. libvirt writes its XML itself, in one fixed
// manner, so that looking for the tags is enough.
template <typename Each>
void for_elements(std::string_view xml, const std::string& name, Each each) {
  const std::string open = "<" + name;
  const std::string close = "</" + name + ">";
  std::size_t at = 0;
  while ((at = xml.find(open, at)) != std::string_view::npos) {
    const std::size_t after = at + open.size();
    const bool whole_name = after < xml.size() && (xml[after] == ' ' || xml[after] == '>');
    const std::size_t end = xml.find(close, after);
    if (end == std::string_view::npos) return;
    if (whole_name) {
      each(xml.substr(at, end + close.size() - at));
      at = end + close.size();
    } else {
      at = after;
    }
  }
}

std::string_view between(std::string_view text, std::string_view before, std::string_view after) {
  const std::size_t start = text.find(before);
  if (start == std::string_view::npos) return {};
  const std::size_t from = start + before.size();
  const std::size_t end = text.find(after, from);
  return end == std::string_view::npos ? std::string_view{} : text.substr(from, end - from);
}

std::string_view attribute(std::string_view element, const std::string& name) {
  const auto value = between(element, " " + name + "='", "'");
  return value.empty() ? between(element, " " + name + "=\"", "\"") : value;
}

std::int64_t number(std::string_view text) {
  std::int64_t out = 0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
  return out;
}

std::string config_drive_xml(const std::string& file) {
  if (file.empty()) return {};
  return fmt::format(
      "<disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='{}'/>"
      "<target dev='hda' bus='ide'/><readonly/></disk>",
      xml_escape(file));
}

std::string metadata_xml(const Marks& marks, const std::string& owner) {
  std::string out = marks_xml(marks, owner);
  out.replace(0, std::string_view("<instance").size(),
              fmt::format("<hanok:instance xmlns:hanok='{}'", kMarksNamespace));
  return out;
}

std::string nic_mac(std::string_view nic) {
  return lower(attribute(between(nic, "<mac", "/>"), "address"));
}

// What disk_xml was given: in the element of that name, or in the name of the socket.
std::string disk_serial(std::string_view disk) {
  const auto serial = between(disk, "<serial>", "</serial>");
  if (!serial.empty()) return std::string(serial);
  const auto source = between(disk, "<source type='unix'", ">");
  const auto path = attribute(source, "path");
  const std::size_t name = path.rfind(kDiskSocketPrefix);
  if (name == std::string_view::npos || !path.ends_with(kSocketSuffix)) return {};
  const std::size_t from = name + std::string_view(kDiskSocketPrefix).size();
  return std::string(path.substr(from, path.size() - from - std::string_view(kSocketSuffix).size()));
}

std::string encryption_xml(const DiskSpec& disk) {
  if (disk.encryption.empty()) return {};
  return fmt::format(
      "<encryption format='{}' engine='librbd'><secret type='passphrase' uuid='{}'/></encryption>",
      disk.encryption == "luks1" ? "luks" : "luks2", xml_escape(disk.serial));
}

std::string boot_xml(int order) {
  return order > 0 ? fmt::format("<boot order='{}'/>", order) : std::string{};
}

}  // namespace

std::string xml_escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&apos;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string domain_name(const std::string& id) {
  return "instance-" + id;
}

std::string marks_xml(const Marks& marks, const std::string& owner) {
  return fmt::format("<instance owner='{}' power='{}' reboot_serial='{}' rebuild_serial='{}'/>",
                     xml_escape(owner), xml_escape(marks.power), marks.reboot_serial, marks.rebuild_serial);
}

std::uint64_t disk_header_bytes(std::string_view disk_xml) {
  const auto format = attribute(between(disk_xml, "<encryption", ">"), "format");
  return storage::header_bytes(format == "luks" ? "luks1" : format);
}

std::string secret_xml(const DiskSpec& disk) {
  return fmt::format(
      "<secret ephemeral='yes' private='yes'><uuid>{}</uuid><usage "
      "type='volume'><volume>{}/{}</volume></usage>"
      "</secret>",
      xml_escape(disk.serial), xml_escape(disk.pool), xml_escape(disk.image));
}

std::string disk_xml(const DiskSpec& disk, const DomainSettings& settings) {
  if (!disk.socket.empty()) {
    // libvirt gives such a disk no serial: hanok-storage does. Connected again after hanok-storage's restart.
    return fmt::format(
        "<disk type='vhostuser' device='disk'><driver name='qemu' type='raw' queues='{}'/>"
        "<source type='unix' path='{}'><reconnect enabled='yes' timeout='1'/></source>"
        "<target dev='{}' bus='virtio'/>{}</disk>",
        disk.queues, xml_escape(disk.socket), xml_escape(disk.device), boot_xml(disk.boot_order));
  }
  const std::string auth =
      settings.secret_uuid.empty()
          ? std::string{}
          : fmt::format("<auth username='{}'><secret type='ceph' uuid='{}'/></auth>",
                        xml_escape(settings.ceph_client), xml_escape(settings.secret_uuid));
  return fmt::format(
      "<disk type='network' device='disk'><driver name='qemu' type='raw' cache='writeback' discard='unmap'/>"
      "<source protocol='rbd' name='{}/{}'><config file='{}'/>{}</source>{}"
      "<target dev='{}' bus='virtio'/><serial>{}</serial>{}</disk>",
      xml_escape(disk.pool), xml_escape(disk.image), xml_escape(settings.ceph_conf), encryption_xml(disk),
      auth, xml_escape(disk.device), xml_escape(disk.serial), boot_xml(disk.boot_order));
}

std::string nic_xml(const NicSpec& nic) {
  return fmt::format(
      "<interface type='vhostuser'><mac address='{}'/><source type='unix' path='{}' mode='server'/>"
      "<model type='virtio'/></interface>",
      xml_escape(nic.mac), xml_escape(nic.socket));
}

// i440fx: disks and NICs are plugged into a running guest without root ports put there beforehand, and
// firmware is through with it sooner than with q35. Guest memory is a shared memfd: vhost-user needs it.
std::string domain_xml(const DomainSpec& spec, const DomainSettings& settings) {
  std::string devices;
  for (const auto& disk : spec.disks) devices += disk_xml(disk, settings);
  devices += config_drive_xml(spec.config_drive);
  for (const auto& nic : spec.nics) devices += nic_xml(nic);
  // Without KVM, QEMU 7.2 crashes with vhost-user devices unless their MSI-X is off.
  const std::string quirks = settings.kvm
                                 ? std::string{}
                                 : "<qemu:commandline><qemu:arg value='-global'/>"
                                   "<qemu:arg value='virtio-net-pci.vectors=0'/>"
                                   "<qemu:arg value='-global'/>"
                                   "<qemu:arg value='vhost-user-blk-pci.vectors=0'/></qemu:commandline>";
  return fmt::format(
      "<domain type='{}' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>"
      "<name>{}</name><uuid>{}</uuid><metadata>{}</metadata>"
      "<memory unit='MiB'>{}</memory><memoryBacking><source type='memfd'/><access "
      "mode='shared'/></memoryBacking>"
      "<vcpu>{}</vcpu><os><type arch='x86_64' "
      "machine='pc'>hvm</type></os><features><acpi/><apic/></features>{}"
      "<clock offset='utc'/><on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot>"
      "<on_crash>destroy</on_crash><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>{}"
      "<serial type='file'><source path='{}' append='on'/><target port='0'/></serial>"
      "<controller type='usb' model='none'/><memballoon model='none'/>"
      "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng></devices>{}</domain>",
      settings.kvm ? "kvm" : "qemu", domain_name(spec.id), xml_escape(spec.id),
      metadata_xml(spec.marks, settings.owner), spec.ram_mib, spec.vcpus,
      settings.kvm ? "<cpu mode='host-passthrough'/>" : "", devices, xml_escape(spec.console_file), quirks);
}

std::optional<Marks> read_marks(std::string_view xml, const std::string& owner) {
  auto element = between(xml, "<hanok:instance ", ">");
  if (element.empty()) element = between(xml, "<instance ", ">");  // libvirt gives it without the prefix
  if (element.empty()) return std::nullopt;
  const std::string padded = " " + std::string(element);
  if (attribute(padded, "owner") != xml_escape(owner)) return std::nullopt;
  return Marks{std::string(attribute(padded, "power")), number(attribute(padded, "reboot_serial")),
               number(attribute(padded, "rebuild_serial"))};
}

Devices read_devices(std::string_view xml) {
  Devices out;
  for_elements(xml, "disk", [&](std::string_view disk) {
    std::string serial = disk_serial(disk);
    if (!serial.empty()) out.disks.push_back(std::move(serial));
  });
  for_elements(xml, "interface", [&](std::string_view nic) {
    std::string mac = nic_mac(nic);
    if (!mac.empty()) out.nics.push_back(std::move(mac));
  });
  return out;
}

std::string find_disk(std::string_view xml, const std::string& serial) {
  std::string out;
  for_elements(xml, "disk", [&](std::string_view disk) {
    if (out.empty() && disk_serial(disk) == serial) out = std::string(disk);
  });
  return out;
}

std::string disk_target(std::string_view disk_xml) {
  return std::string(attribute(between(disk_xml, "<target", "/>"), "dev"));
}

std::string find_nic(std::string_view xml, const std::string& mac) {
  std::string out;
  for_elements(xml, "interface", [&](std::string_view nic) {
    if (out.empty() && nic_mac(nic) == mac) out = std::string(nic);
  });
  return out;
}

bool is_vhost_user(std::string_view disk_xml) {
  return attribute(between(disk_xml, "<disk", ">"), "type") == "vhostuser";
}

}  // namespace hanok::agent
