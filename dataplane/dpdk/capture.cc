#include "dataplane/dpdk/capture.h"

#include <rte_mbuf.h>

#include <algorithm>
#include <mutex>
#include <utility>

namespace hanok::dataplane::dpdk {

Capture::Capture(DeviceIndex device, std::uint64_t frames, std::uint32_t snapshot)
    : device_(device), wanted_(frames), snapshot_(snapshot) {}

Capture::Frames Capture::room() {
  Frames out;
  out.entries.reserve(kMostFrames);
  out.bytes.reserve(kMostBytes);
  return out;
}

Capture::Frames Capture::take(Frames empty) {
  return std::exchange(frames_, std::move(empty));
}

void Capture::add(rte_mbuf* const* frames, unsigned count, bool outward, std::uint64_t now_us) {
  const std::lock_guard<SpinLock> guard(lock_);
  for (unsigned i = 0; i < count && wanted_ > 0; ++i) {
    const std::uint32_t captured = std::min<std::uint32_t>(rte_pktmbuf_data_len(frames[i]), snapshot_);
    if (frames_.entries.size() >= kMostFrames || frames_.bytes.size() + captured > kMostBytes) {
      ++frames_.missed;
      continue;
    }
    const auto* data = rte_pktmbuf_mtod(frames[i], const std::uint8_t*);
    frames_.entries.push_back({now_us, static_cast<std::uint32_t>(frames_.bytes.size()), captured,
                               rte_pktmbuf_pkt_len(frames[i]), outward});
    frames_.bytes.insert(frames_.bytes.end(), data, data + captured);
    --wanted_;
  }
}

}  // namespace hanok::dataplane::dpdk
