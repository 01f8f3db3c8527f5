#include "dataplane/flow/encapsulation.h"

#include "dataplane/packet/build.h"
#include "dataplane/packet/bytes.h"

namespace hanok::dataplane {

std::uint32_t EncapsulationTable::get(std::uint32_t vni, const Ip& own_vtep, const Ip& vtep,
                                      const Mac& own_mac, DeviceIndex device, std::uint32_t mtu) {
  const std::uint64_t target = std::uint64_t{vni} << 32U | vtep.to_v4();
  if (const auto known = by_target_.find(target); known != by_target_.end()) return known->second;
  Encapsulation made;
  made.vni = vni;
  made.vtep = vtep;
  made.device = device;
  made.mtu = mtu;
  std::uint8_t* at = made.header.data();
  at += write_ethernet(at, Mac{}, own_mac, ethertype::kIpv4);
  std::uint8_t* ip = at;
  at += write_ipv4(at, own_vtep, vtep, protocol::kUdp, 0);
  store16(ip + 2, 0);
  store16(ip + 10, 0);
  made.partial_sum = static_cast<std::uint32_t>(sum_bytes(ip, kIpv4Bytes));
  store16(at + 2, kVxlanPort);
  at += kUdpBytes;
  at[0] = 0x08;
  store32(at + 4, vni << 8U);
  entries_.push_back(made);
  by_target_[target] = static_cast<std::uint32_t>(entries_.size() - 1);
  return static_cast<std::uint32_t>(entries_.size() - 1);
}

void EncapsulationTable::set_next_hop(const Ip& vtep, const Mac& mac) {
  for (Encapsulation& entry : entries_) {
    if (!(entry.vtep == vtep)) continue;
    mac.write(entry.header.data());
    entry.ready = true;
  }
}

}  // namespace hanok::dataplane
