// The init of a guest that is killed (qemu_kill.py). Says on its console what each slot of /dev/vda holds,
// then writes slots, several at a time, and says of each when the disk has taken it. A slot's blocks carry
// their place and a generation, which grows with each write.

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace {

constexpr unsigned kSlots = 32, kWriters = 4;
constexpr std::size_t kBlock_bytes = 4096, kBlocks = 16, kWords = kBlock_bytes / 8;
constexpr unsigned kPatience_ms = 20000;

struct alignas(kBlock_bytes) Slot {
  std::array<std::array<std::uint64_t, kWords>, kBlocks> blocks;
};

std::uint64_t word(unsigned slot, std::uint64_t generation, std::size_t block, std::size_t at) {
  return (generation * kSlots + slot) * 0x9e3779b97f4a7c15ULL + block * kWords + at;
}

void say(const char* what, unsigned slot, std::uint64_t low, std::uint64_t high) {
  std::array<char, 80> line{};
  const int length =
      std::snprintf(line.data(), line.size(), "\nslot %u %s %llu %llu .\n", slot, what,
                    static_cast<unsigned long long>(low), static_cast<unsigned long long>(high));
  static_cast<void>(
      !write(STDOUT_FILENO, line.data(), static_cast<std::size_t>(length)));  // one line, one call
}

// The generation of a block, 0 when nobody ever wrote it; false when its content is no write's.
bool generation_of(const Slot& data, unsigned slot, std::size_t block, std::uint64_t& generation) {
  const auto& words = data.blocks[block];
  generation = words[0];
  for (std::size_t at = 1; at < kWords; ++at) {
    if (words[at] != (generation == 0 ? 0 : word(slot, generation, block, at))) return false;
  }
  return true;
}

void fill(Slot& data, unsigned slot, std::uint64_t generation) {
  for (std::size_t block = 0; block < kBlocks; ++block) {
    for (std::size_t at = 0; at < kWords; ++at) data.blocks[block][at] = word(slot, generation, block, at);
    data.blocks[block][0] = generation;
  }
}

Slot data;
std::array<std::uint64_t, kSlots> newest{};

bool find(int disk, unsigned slot) {
  if (pread(disk, &data, sizeof(data), static_cast<off_t>(slot * sizeof(data))) != sizeof(data)) return false;
  std::uint64_t low = UINT64_MAX;
  for (std::size_t block = 0; block < kBlocks; ++block) {
    std::uint64_t generation = 0;
    if (!generation_of(data, slot, block, generation)) return false;
    low = std::min(low, generation);
    newest[slot] = std::max(newest[slot], generation);
  }
  say("holds", slot, low, newest[slot]);
  return true;
}

[[noreturn]] void write_slots(int disk, unsigned writer) {
  for (unsigned slot = writer;; slot = (slot + kWriters) % kSlots) {
    fill(data, slot, ++newest[slot]);
    const bool done =
        pwrite(disk, &data, sizeof(data), static_cast<off_t>(slot * sizeof(data))) == sizeof(data);
    say(done ? "has" : "failed", slot, newest[slot], newest[slot]);
  }
}

}  // namespace

int main() {
  int disk = -1;
  for (unsigned waited_ms = 0; disk < 0 && waited_ms < kPatience_ms; ++waited_ms) {
    disk = open("/dev/vda", O_RDWR | O_DIRECT | O_DSYNC);
    if (disk < 0) usleep(1000);
  }
  for (unsigned slot = 0; slot < kSlots; ++slot) {
    if (!find(disk, slot)) say("corrupt", slot, 0, 0);
  }
  for (unsigned writer = 0; writer < kWriters; ++writer) {
    if (fork() == 0) write_slots(disk, writer);
  }
  while (wait(nullptr) > 0) {
  }
  pause();  // the init must not end
}
