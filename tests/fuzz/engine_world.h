#pragma once
// What the fuzz targets of the packet path share: an engine with two guests, a router and a VXLAN neighbour.
// Frames lie in allocations of their exact size, so that a read beyond an end is seen.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>

#include "dataplane/flow/engine.h"

namespace hanok::dataplane::fuzz {

class Pool final : public BufferPool {
 public:
  Packet* allocate(std::uint16_t length) override {
    auto* raw = static_cast<std::uint8_t*>(std::malloc(kHeadroom + length));
    auto* packet = new Packet;
    packet->data = raw + kHeadroom;
    packet->length = length;
    packet->headroom = kHeadroom;
    packet->buffer = raw;
    ++live;
    return packet;
  }
  void release(Packet* const* packets, unsigned count) override {
    for (unsigned i = 0; i < count; ++i) {
      std::free(packets[i]->buffer);
      delete packets[i];
      --live;
    }
  }
  int live = 0;

 private:
  static constexpr std::uint16_t kHeadroom = 128;
};

class Sink final : public Output {
 public:
  explicit Sink(Pool& pool) : pool_(pool) {}
  [[nodiscard]] std::uint8_t accepts(DeviceIndex) const override { return accepted; }
  void transmit(DeviceIndex, Packet* const* packets, unsigned count) override {
    pool_.release(packets, count);
  }
  std::uint8_t accepted = 0;

 private:
  Pool& pool_;
};

StateDocument world_state();

// Makes its own clock: each frame comes 20 ms after the one before.
class World {
 public:
  World();
  // A device of the world by any number.
  [[nodiscard]] DeviceIndex device(unsigned number) const;
  [[nodiscard]] DeviceIndex guest() const;
  [[nodiscard]] DeviceIndex uplink() const;
  // One frame through the engine. Aborts when a buffer was lost.
  void run(std::span<const std::uint8_t> frame, DeviceIndex from, std::uint8_t offload = 0,
           std::uint16_t segment_bytes = 0);
  // What all outputs take of Packet::offload.
  void accept(std::uint8_t offload) { sink_.accepted = offload; }

 private:
  Pool pool_;
  Sink sink_{pool_};
  Engine engine_{pool_, {4096, 1024, 7}};
  std::shared_ptr<const Tables> tables_;
  std::uint64_t now_us_ = 1'000'000'000;
};

}  // namespace hanok::dataplane::fuzz
