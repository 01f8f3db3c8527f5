#pragma once
// What a guest is made of, as the compute role and the hypervisor speak of it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hanok::agent {

// A disk of hanok-storage has its serial in the name of its socket.
inline constexpr const char* kDiskSocketPrefix = "/volume-";
inline constexpr const char* kSocketSuffix = ".sock";
inline constexpr int kMaxDiskQueues = 16;  // hanok-storage's

struct DiskSpec {
  std::string serial;       // the guest sees it (virtio-blk, at most 20 characters of it); unique in a guest
  std::string pool, image;  // RBD
  std::string device;       // "vda"; the guest may name it otherwise
  int boot_order = 0;       // 1 boots first; 0: never booted from
  std::uint64_t size_bytes = 0;  // that the guest shall see at least; 0: not known
  std::string socket{};          // vhost-user, of hanok-storage; empty: QEMU's own RBD driver
  int queues = 1;                // with a socket: rings, one for a processor of the guest
  std::string encryption{};      // luks1, luks2 by librbd; empty: none
  std::string passphrase{};      // goes to libvirt's secrets and to hanok-storage, into no definition
};

struct NicSpec {
  std::string port_id, mac;
  std::string socket;  // vhost-user; QEMU is the server
  // No MTU: libvirt 9 cannot set one on a vhost-user NIC. The guest learns it by DHCP.
};

// What was last brought about on request. Kept in the domain's metadata, so that it is true exactly as long
// as the domain is there.
struct Marks {
  std::string power;  // running, stopped, paused, suspended; empty: nothing yet since the definition
  std::int64_t reboot_serial = 0;
  std::int64_t rebuild_serial = 0;
};

struct DomainSpec {
  std::string id;  // of the instance; the domain's UUID
  int vcpus = 1;
  std::int64_t ram_mib = 64;
  std::vector<DiskSpec> disks;
  std::vector<NicSpec> nics;
  std::string config_drive;  // ISO file; empty: none
  std::string console_file;
  Marks marks;
};

enum class DomainState { kStopped, kRunning, kPaused, kSaved };

// Devices of a domain by the names we gave them.
struct Devices {
  std::vector<std::string> disks;  // serials
  std::vector<std::string> nics;   // MAC addresses, lower case
};

struct DomainView {
  DomainState state = DomainState::kStopped;
  Marks marks;
  Devices defined;              // what it has when it is started next
  std::optional<Devices> live;  // what it has now; only while it runs or is paused
};

}  // namespace hanok::agent
