// A guest that writes anything anywhere into its memory, rings and inflight record included, around a queue
// that serves them and dies and comes back in between. Nothing outside of that memory is touched (ASan sees
// it), and every request that went to the device is accounted for.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "storage/target/blk_queue.h"
#include "storage/target/memory_device.h"
#include "storage/target/packed_ring.h"
#include "storage/target/split_ring.h"

namespace {

using namespace hanok::storage::target;

constexpr std::size_t kMemory_bytes = 8192;
constexpr std::size_t kRecordAt = kMemory_bytes;  // patches from here on go to the record
constexpr std::uint64_t kGuestBase = 0x10000;
constexpr std::uint64_t kFarBase = 0x20000;  // a second region, small, with nothing around it
constexpr std::size_t kFar_bytes = 64;

class Host {
 public:
  explicit Host(std::uint8_t shape)
      : memory_(kMemory_bytes),
        far_(kFar_bytes),
        table_({{kGuestBase, kMemory_bytes, memory_.data()}, {kFarBase, kFar_bytes, far_.data()}}) {
    static constexpr std::uint32_t kSizes[] = {8, 1, 2, 3};
    const std::uint32_t size = kSizes[shape & 3U];
    packed_ = (shape & 32U) != 0;
    record_.resize(packed_ ? 32 + 32ULL * size : 16 + 16ULL * size);
    void* behind = memory_.data() + 16ULL * size;
    if (packed_) {
      packed_layout_.driver_event = behind;
      packed_layout_.device_event = memory_.data() + 1024;
      lay_out(packed_layout_, size, shape);
    } else {
      split_layout_.available = behind;
      split_layout_.used = memory_.data() + 1024;
      lay_out(split_layout_, size, shape);
    }
    start();
  }

  void patch(std::size_t at, std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) {
      at %= kMemory_bytes + record_.size();
      (at < kRecordAt ? memory_[at] : record_[at - kRecordAt]) = std::byte{byte};
      ++at;
    }
  }
  void turn() {
    if (!queue_) return;
    queue_->poll(++now_ns_);
    complete();
    queue_->poll(++now_ns_);
    complete();
    queue_->enable_kicks();
    queue_->disable_kicks();
  }
  // What is taken now stays in the record: its answers come after the queue's end.
  void die() {
    if (!queue_) return;
    queue_->poll(++now_ns_);
    queue_->abandon();
    complete();
    split_layout_.next_available = packed_layout_.next_available = queue_->ring().next_available();
    start();
  }
  void fail_next() { device_.fail_next(-5); }

 private:
  template <typename Layout>
  void lay_out(Layout& layout, std::uint32_t size, std::uint8_t shape) {
    layout.size = size;
    layout.descriptors = memory_.data();
    layout.event_index = (shape & 4U) != 0;
    layout.indirect = (shape & 8U) == 0;
    if ((shape & 16U) == 0) layout.inflight = reinterpret_cast<decltype(layout.inflight)>(record_.data());
  }
  [[nodiscard]] std::unique_ptr<Ring> ring() const {
    if (packed_) return std::make_unique<PackedRing>(packed_layout_);
    return std::make_unique<SplitRing>(split_layout_);
  }
  void start() {
    queue_ = std::make_unique<BlkQueue>(core_, ring(), &table_, -1);
    if (!queue_->start()) queue_.reset();
  }
  void complete() {
    for (IoRequest* io = list_.take(); io != nullptr;) {
      IoRequest* next = io->next;
      if (io->result == 0 && (io->offset_bytes > device_.size_bytes() ||
                              io->length_bytes > device_.size_bytes() - io->offset_bytes)) {
        std::abort();
      }
      BlkQueue::complete(*io, ++now_ns_);
      io = next;
    }
    if (queue_->at_device() != 0 || core_.in_flight_bytes != 0) std::abort();
  }

  std::vector<std::byte> memory_, far_, record_;
  GuestMemory table_;
  SplitLayout split_layout_;
  PackedLayout packed_layout_;
  bool packed_ = false;
  MemoryDevice device_{1U << 16U};
  CompletionList list_{[] {}};
  VolumeCore core_{"fuzz", device_, list_};
  std::unique_ptr<BlkQueue> queue_;
  std::uint64_t now_ns_ = 0;
};

}  // namespace

// The first byte is the ring's shape; then steps: N below 0x80 with a place and N bytes, or what happens.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::span<const std::uint8_t> in(data, size);
  if (in.empty()) return 0;
  Host host(in[0]);
  in = in.subspan(1);
  while (!in.empty()) {
    const std::uint8_t step = in[0];
    in = in.subspan(1);
    if (step == 0x80) {
      host.die();
    } else if (step == 0x81) {
      host.fail_next();
    } else if (step > 0x81) {
      host.turn();
    } else {
      if (in.size() < 2U + step) break;
      host.patch(in[0] | in[1] << 8U, in.subspan(2, step));
      in = in.subspan(2U + step);
    }
  }
  host.turn();
  return 0;
}
