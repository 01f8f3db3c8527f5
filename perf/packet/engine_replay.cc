// Replays a capture through the engine alone, without devices, for perf/packet/guard: instructions per
// packet, counted by callgrind in measured_pass() only.
//   engine_replay STATE CAPTURE IN OUT PASSES known|new [ANSWERS]
// IN and OUT are ids of ports or uplinks; ANSWERS is a capture that OUT hears first (ARP). `known`: flows
// have records already; `new`: each frame makes one. Fails unless every frame leaves by OUT.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>
#include <vector>

#include "common/secret.h"
#include "dataplane/flow/engine.h"
#include "dataplane/rpc/convert.h"

namespace {

using namespace hanok;
using namespace hanok::dataplane;

constexpr std::size_t kMaxBytes = 256U << 20U;
constexpr unsigned kHeadroom = 128, kRoom = 2048;

using Frames = std::vector<std::vector<std::uint8_t>>;

class NoPool final : public BufferPool {
 public:
  Packet* allocate(std::uint16_t) override { return nullptr; }
  void release(Packet* const*, unsigned count) override { released += count; }
  std::uint64_t released = 0;
};
class CountingOutput final : public Output {
 public:
  void transmit(DeviceIndex device, Packet* const*, unsigned count) override {
    (device == wanted ? right : wrong) += count;
  }
  DeviceIndex wanted = kNoDevice;
  std::uint64_t right = 0, wrong = 0;
};

[[noreturn]] void fail(const std::string& why) {
  std::cerr << "engine_replay: " << why << '\n';
  std::exit(1);
}

std::string contents(const char* path) {
  auto text = read_file(path, kMaxBytes);
  if (!text.ok()) fail(text.error().message);
  return std::move(text).value();
}

// pcap, little endian; written by captures.py, which also refuses bad ones.
Frames frames_of(const char* path) {
  const std::string file = contents(path);
  Frames out;
  for (std::size_t at = 24; at + 16 <= file.size();) {
    std::uint32_t length = 0;
    std::memcpy(&length, &file[at + 8], 4);
    at += 16;
    if (length > kRoom - kHeadroom || at + length > file.size())
      fail(std::string(path) + ": a frame is too long");
    out.emplace_back(file.begin() + static_cast<std::ptrdiff_t>(at),
                     file.begin() + static_cast<std::ptrdiff_t>(at + length));
    at += length;
  }
  if (out.empty()) fail(std::string(path) + ": holds no frames");
  return out;
}

struct Replay {
  Engine& engine;
  CountingOutput& output;
  std::vector<std::array<std::uint8_t, kRoom>> rooms{kBurst};
  std::array<Packet, kBurst> packets{};
  std::uint64_t now_us = 1'000'000'000;

  void pass(const Frames& frames, DeviceIndex in) {
    for (std::size_t done = 0; done < frames.size(); done += kBurst) {
      const auto count = static_cast<unsigned>(std::min<std::size_t>(kBurst, frames.size() - done));
      std::array<Packet*, kBurst> burst;
      for (unsigned i = 0; i < count; ++i) {
        const auto& frame = frames[done + i];
        std::memcpy(rooms[i].data() + kHeadroom, frame.data(), frame.size());
        packets[i] = Packet{};
        packets[i].data = rooms[i].data() + kHeadroom;
        packets[i].length = static_cast<std::uint16_t>(frame.size());
        packets[i].headroom = kHeadroom;
        packets[i].tailroom = static_cast<std::uint16_t>(kRoom - kHeadroom - frame.size());
        burst[i] = &packets[i];
      }
      engine.process(burst.data(), count, in, ++now_us, output);
      engine.poll(now_us, output);
    }
  }
};

DeviceIndex device_of(const Tables& tables, const std::string& id) {
  for (const DeviceInfo& info : tables.devices()) {
    if (info.id == id) return info.index;
  }
  fail("no device of " + id);
}

}  // namespace

// The name that callgrind collects by.
extern "C" __attribute__((noinline)) void measured_pass(void* replay, const void* frames, DeviceIndex in,
                                                        unsigned passes) {
  for (unsigned i = 0; i < passes; ++i)
    static_cast<Replay*>(replay)->pass(*static_cast<const Frames*>(frames), in);
}

int main(int argc, char** argv) {
  if (argc < 7) fail("STATE CAPTURE IN OUT PASSES known|new [ANSWERS]");
  auto json = parse_json(contents(argv[1]));
  if (!json.ok()) fail(json.error().message);
  auto document = rpc::to_state_document(rpc::StateSchema(), *json, true);
  if (const auto* problem = std::get_if<rpc::Problem>(&document))
    fail(problem->path + ": " + problem->message);
  const ApplyResult applied = Tables::empty()->apply(std::get<StateDocument>(document));
  if (applied.tables == nullptr) fail(applied.error.path + ": " + applied.error.message);

  NoPool pool;
  CountingOutput output;
  EngineOptions options;
  const Frames frames = frames_of(argv[2]);
  const auto flows = static_cast<std::uint32_t>(frames.size());  // at most
  options.flow_capacity = std::max(16384U, flows * 4);
  options.sessions_per_port = std::max(65536U, flows * 2);
  options.hash_seed = 1;
  Engine engine(pool, options);
  engine.set_tables(applied.tables);
  const DeviceIndex in = device_of(*applied.tables, argv[3]), out = device_of(*applied.tables, argv[4]);
  Replay replay{engine, output};
  if (argc > 7) replay.pass(frames_of(argv[7]), out);
  const std::uint64_t heard = pool.released;
  output.wanted = out;
  const auto passes = static_cast<unsigned>(std::strtoul(argv[5], nullptr, 10));
  const bool fresh = std::string(argv[6]) == "new";
  if (!fresh) replay.pass(frames, in);
  measured_pass(&replay, &frames, in, passes);
  const std::uint64_t offered = frames.size() * (passes + (fresh ? 0 : 1));
  if (output.right != offered || output.wrong != 0 || pool.released != heard)
    fail("of " + std::to_string(offered) + " frames " + std::to_string(output.right) + " came out");
  std::printf("packets %zu\n", frames.size() * passes);
  return 0;
}
