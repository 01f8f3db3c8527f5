#pragma once
// Domain XML of libvirt (https://libvirt.org/formatdomain.html), built and read by pure functions.

#include <optional>
#include <string>
#include <string_view>

#include "agents/compute/domain.h"

namespace hanok::agent {

// What is the same for all guests of this host.
struct DomainSettings {
  bool kvm = false;
  std::string owner;  // this agent's state folder: domains of other agents are not ours
  std::string ceph_conf, ceph_client;
  std::string secret_uuid;  // libvirt secret with the cephx key; empty: cluster without cephx
};

[[nodiscard]] std::string domain_name(const std::string& id);
[[nodiscard]] std::string domain_xml(const DomainSpec& spec, const DomainSettings& settings);
[[nodiscard]] std::string disk_xml(const DiskSpec& disk, const DomainSettings& settings);
[[nodiscard]] std::string nic_xml(const NicSpec& nic);
// The element of kMarksNamespace under <metadata>, without prefix, as virDomainSetMetadata takes it.
[[nodiscard]] std::string marks_xml(const Marks& marks, const std::string& owner);
inline constexpr const char* kMarksNamespace = "urn:hanok:instance:1";

// Marks from the metadata element or a whole domain; nullopt: not a domain of `owner`.
[[nodiscard]] std::optional<Marks> read_marks(std::string_view xml, const std::string& owner);
[[nodiscard]] Devices read_devices(std::string_view xml);
// "vda" of a <disk> element; empty when it has none.
[[nodiscard]] std::string disk_target(std::string_view disk_xml);
// The <disk> element of that serial; empty when there is none.
[[nodiscard]] std::string find_disk(std::string_view xml, const std::string& serial);
// The <interface> element with that MAC address, in lower case; empty when there is none.
[[nodiscard]] std::string find_nic(std::string_view xml, const std::string& mac);
// What librbd's encryption takes of the image of such a disk; 0: it is not encrypted.
[[nodiscard]] std::uint64_t disk_header_bytes(std::string_view disk_xml);
// A secret that libvirt keeps in memory alone and shows to nobody, for virSecretDefineXML.
[[nodiscard]] std::string secret_xml(const DiskSpec& disk);
[[nodiscard]] bool is_vhost_user(std::string_view disk_xml);

[[nodiscard]] std::string xml_escape(std::string_view text);

}  // namespace hanok::agent
