// The other side of the measured data plane's vhost-user ports: plays one guest or two by virtio-user, on a
// CPU of its own. For ./hanok perf packet; not a generator for anything else.
//   traffic EAL-ARGUMENTS -- replay CAPTURE
//   traffic EAL-ARGUMENTS -- latency COUNT MAC IP MAC IP
//   traffic EAL-ARGUMENTS -- connections COUNT MAC IP MAC IP
// `replay` sends the capture round and round by port 0, at once and until stdin ends. `latency` has one frame
// under way at a time, from guest 0 to guest 1 and back. `connections` opens and closes COUNT TCP
// connections, 256 at a time, of six segments each: SYN, SYN-ACK, ACK, FIN, FIN, ACK. These two say "ready"
// when the rings are there, wait for a line on stdin, and prints one line of JSON at the end. Every frame
// that comes is compared with the one that was sent.
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "perf/packet/segments.h"

namespace {

using namespace hanok::perf;

constexpr std::uint16_t kRing = 1024;
constexpr unsigned kBurst = 32;
constexpr unsigned kBuffers = 16383;

[[noreturn]] void fail(const std::string& why) {
  std::cerr << "traffic: " << why << '\n';
  std::exit(1);
}

rte_mempool* pool = nullptr;

void open_port(std::uint16_t port) {
  const rte_eth_conf conf{};
  if (rte_eth_dev_configure(port, 1, 1, &conf) != 0 ||
      rte_eth_rx_queue_setup(port, 0, kRing, SOCKET_ID_ANY, nullptr, pool) != 0 ||
      rte_eth_tx_queue_setup(port, 0, kRing, SOCKET_ID_ANY, nullptr) != 0 || rte_eth_dev_start(port) != 0) {
    fail("port " + std::to_string(port) + " does not start");
  }
}

// Says that we are ready, and waits to be told to begin.
void wait_for_word() {
  std::cout << "ready" << std::endl;
  std::string line;
  if (!std::getline(std::cin, line)) std::exit(0);
}

bool stdin_ended() {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(0, &set);
  timeval none{};
  char c = 0;
  return select(1, &set, nullptr, nullptr, &none) > 0 && read(0, &c, 1) <= 0;
}

rte_mbuf* buffer_with(const void* data, std::size_t size) {
  rte_mbuf* out = rte_pktmbuf_alloc(pool);
  if (out == nullptr) return nullptr;
  std::memcpy(rte_pktmbuf_append(out, static_cast<std::uint16_t>(size)), data, size);
  return out;
}

// Sends all; frees what finds no place within `spins` tries, and says how many those were.
unsigned send(std::uint16_t port, rte_mbuf** frames, unsigned count, unsigned spins = 1000000) {
  unsigned sent = 0;
  while (sent < count && spins-- > 0)
    sent += rte_eth_tx_burst(port, 0, frames + sent, static_cast<std::uint16_t>(count - sent));
  if (sent < count) rte_pktmbuf_free_bulk(frames + sent, count - sent);
  return count - sent;
}

// ---- replay
// ---------------------------------------------------------------------------------------------------------

struct Capture {
  std::vector<std::uint8_t> bytes;
  std::vector<std::pair<std::size_t, std::uint16_t>> frames;  // where, and how long
};

// pcap, little endian, written by captures.py, which refuses bad ones.
Capture capture_of(const char* path) {
  std::ifstream file(path, std::ios::binary);
  Capture out;
  out.bytes.assign(std::istreambuf_iterator<char>(file), {});
  for (std::size_t at = 24; at + 16 <= out.bytes.size();) {
    std::uint32_t length = 0;
    std::memcpy(&length, &out.bytes[at + 8], 4);
    at += 16;
    if (length > 2000 || at + length > out.bytes.size()) fail("a frame of the capture is too long or cut");
    out.frames.emplace_back(at, static_cast<std::uint16_t>(length));
    at += length;
  }
  if (out.frames.empty()) fail("the capture holds no frames");
  return out;
}

void replay(const Capture& capture) {
  std::vector<rte_mbuf*> frames(kBurst), heard(kBurst);
  std::size_t next = 0;
  for (std::uint64_t round = 0; round % 1024 != 0 || !stdin_ended(); ++round) {
    unsigned count = 0;
    while (count < kBurst) {
      const auto [at, length] = capture.frames[next];
      if ((frames[count] = buffer_with(&capture.bytes[at], length)) == nullptr) break;
      ++count;
      if (++next == capture.frames.size()) next = 0;
    }
    unsigned sent = 0;
    // What the data plane has no room for waits: it, not we, sets the pace.
    for (unsigned tries = 0; sent < count; ++tries) {
      sent += rte_eth_tx_burst(0, 0, frames.data() + sent, static_cast<std::uint16_t>(count - sent));
      if (tries % 4096 == 4095 && stdin_ended()) return;
    }
    const unsigned back = rte_eth_rx_burst(0, 0, heard.data(), kBurst);
    rte_pktmbuf_free_bulk(heard.data(), back);
  }
}

// ---- latency
// --------------------------------------------------------------------------------------------------------

// Waits for the frame at the port; false after a tenth of a second. What is another frame counts as wrong.
bool await(std::uint16_t port, const Segment& expected, std::uint64_t& wrong) {
  const std::uint64_t end = rte_rdtsc() + rte_get_tsc_hz() / 10;
  while (rte_rdtsc() < end) {
    rte_mbuf* frame = nullptr;
    if (rte_eth_rx_burst(port, 0, &frame, 1) == 0) continue;
    const bool right =
        expected.same(rte_pktmbuf_mtod(frame, const std::uint8_t*), rte_pktmbuf_data_len(frame));
    rte_pktmbuf_free(frame);
    if (right) return true;
    ++wrong;
  }
  return false;
}

void latency(unsigned count, const Guests& guests) {
  std::vector<double> times;
  std::uint64_t wrong = 0, lost = 0;
  const auto hz = static_cast<double>(rte_get_tsc_hz());
  for (unsigned i = 0; i < count + 100; ++i) {
    const std::uint16_t flow = static_cast<std::uint16_t>(i % 64);
    const Segment there = datagram(guests, 0, flow, i), back = datagram(guests, 1, flow, i);
    rte_mbuf* frame = buffer_with(there.data(), there.size());
    const std::uint64_t begin = rte_rdtsc();
    if (send(0, &frame, 1) != 0 || !await(1, there, wrong)) {
      ++lost;
      continue;
    }
    frame = buffer_with(back.data(), back.size());
    if (send(1, &frame, 1) != 0 || !await(0, back, wrong)) {
      ++lost;
      continue;
    }
    // The first ones make the flows known.
    if (i >= 100) times.push_back(static_cast<double>(rte_rdtsc() - begin) * 1e6 / hz);
  }
  std::sort(times.begin(), times.end());
  const auto at = [&](double share) {
    return times.empty() ? 0.0
                         : times[static_cast<std::size_t>(share * static_cast<double>(times.size() - 1))];
  };
  std::printf(
      "{\"count\": %zu, \"lost\": %llu, \"wrong\": %llu, \"us_least\": %.2f, \"us_p50\": %.2f, \"us_p99\": "
      "%.2f, "
      "\"us_p999\": %.2f}\n",
      times.size(), static_cast<unsigned long long>(lost), static_cast<unsigned long long>(wrong), at(0),
      at(0.5), at(0.99), at(0.999));
}

// ---- connections
// ----------------------------------------------------------------------------------------------------

struct Life {
  explicit Life(const Guests& both) : guests(both) {}
  const Guests& guests;
  unsigned started = 0, done = 0;
  std::uint64_t wrong = 0, lost = 0;
  std::vector<rte_mbuf*> out[2];

  void say(unsigned from, std::uint32_t connection, Step step) {
    const Segment segment = tcp_segment(guests, connection, step);
    rte_mbuf* frame = buffer_with(segment.data(), segment.size());
    if (frame == nullptr) fail("no buffers");
    out[from].push_back(frame);
  }

  // The answer of the guest that heard this.
  void hear(unsigned at, const std::uint8_t* data, std::size_t size) {
    const auto heard = read_tcp(data, size);
    if (!heard || sender_of(heard->step) == at ||
        !tcp_segment(guests, heard->connection, heard->step).same(data, size)) {
      ++wrong;
      return;
    }
    const std::uint32_t connection = heard->connection;
    switch (heard->step) {
      case Step::kSyn:
        return say(1, connection, Step::kSynAck);
      case Step::kSynAck:
        say(0, connection, Step::kAck);
        return say(0, connection, Step::kFin);
      case Step::kAck:
        return;
      case Step::kFin:
        return say(1, connection, Step::kFinBack);
      case Step::kFinBack:
        return say(0, connection, Step::kLastAck);
      case Step::kLastAck:
        ++done;
    }
  }
};

void connections(unsigned count, const Guests& guests) {
  constexpr unsigned kAtOnce = 256;
  Life life(guests);
  std::uint64_t moved = rte_rdtsc();
  const std::uint64_t begin = moved, patience = rte_get_tsc_hz() / 5;
  while (life.done + life.lost < count) {
    const unsigned before = life.done;
    while (life.started < count && life.started < life.done + life.lost + kAtOnce)
      life.say(0, life.started++, Step::kSyn);
    for (std::uint16_t port = 0; port < 2; ++port) {
      auto& out = life.out[port];
      send(port, out.data(), static_cast<unsigned>(out.size()));
      out.clear();
    }
    for (std::uint16_t port = 0; port < 2; ++port) {
      rte_mbuf* frames[kBurst];
      const unsigned heard = rte_eth_rx_burst(port, 0, frames, kBurst);
      for (unsigned i = 0; i < heard; ++i)
        life.hear(port, rte_pktmbuf_mtod(frames[i], const std::uint8_t*), rte_pktmbuf_data_len(frames[i]));
      if (heard > 0) rte_pktmbuf_free_bulk(frames, heard);
    }
    if (life.done != before) moved = rte_rdtsc();
    // Nothing is sent again: what stands still has lost a segment.
    if (rte_rdtsc() - moved > patience) {
      life.lost = life.started - life.done;
      moved = rte_rdtsc();
    }
  }
  const double seconds = static_cast<double>(rte_rdtsc() - begin) / static_cast<double>(rte_get_tsc_hz());
  std::printf("{\"connections\": %u, \"lost\": %llu, \"wrong\": %llu, \"seconds\": %.6f}\n", life.done,
              static_cast<unsigned long long>(life.lost), static_cast<unsigned long long>(life.wrong),
              seconds);
}

}  // namespace

int main(int argc, char** argv) {
  const int used = rte_eal_init(argc, argv);
  if (used < 0) fail("EAL does not start");
  argc -= used;
  argv += used;
  const std::string mode = argc > 2 ? argv[1] : "";
  const std::uint16_t ports = mode == "replay" ? 1 : 2;
  if ((mode == "replay" ? argc != 3 : argc != 7) || rte_eth_dev_count_avail() != ports)
    fail("EAL-ARGUMENTS -- replay CAPTURE | latency or connections COUNT MAC IP MAC IP; one port, or two");
  pool = rte_pktmbuf_pool_create("traffic", kBuffers, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (pool == nullptr) fail("too little memory");
  for (std::uint16_t port = 0; port < ports; ++port) open_port(port);
  if (mode == "replay") {
    replay(capture_of(argv[2]));
    return 0;
  }
  const auto guests = guests_of(argv + 3);
  if (!guests) fail("a MAC or IPv4 address is none");
  const auto count = static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10));
  if (count == 0 || count > 4000000) fail("COUNT: from 1 to 4,000,000");
  wait_for_word();
  if (mode == "latency") {
    latency(count, *guests);
  } else if (mode == "connections") {
    connections(count, *guests);
  } else {
    fail(mode + " is no mode");
  }
  return 0;
}
