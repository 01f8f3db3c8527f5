// A guest of one vhost-user-blk volume without a virtual machine: `verify` writes with a model of what must
// be there and checks it over deaths of the back end; `bench` measures. Answers with one JSON object.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <iostream>
#include <random>
#include <thread>

#include "common/json.h"
#include "tests/storage/target/front_end.h"

namespace {

using namespace hanok;
using namespace hanok::storage::target::testing;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kBlock_bytes = 4096;
constexpr std::chrono::milliseconds kRetryPause{20};
constexpr std::chrono::seconds kReconnectPatience{120};
constexpr std::uint64_t kSeed = 42;
constexpr unsigned kRestartsAtOnce = 4;

std::atomic<bool> stop_asked{false};

struct Options {
  FrontEnd::Options front;
  std::string rw = "randread";
  std::uint32_t block_bytes = kBlock_bytes;
  std::uint32_t read_percent = 100;
  bool sequential = false;
  bool check = false;
  std::uint64_t blocks = 4096;  // that verify uses
  std::uint64_t seed = kSeed;
  double seconds = 5;
  // verify: the last ring has no requests and is started again all the time; the others have some that need
  // no device, so that the rings are busy.
  bool restart = false;
};

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

Status connect_again(FrontEnd& front) {
  const auto begin = Clock::now();
  while (true) {
    Status outcome = front.connect();
    if (outcome.ok() || Clock::now() - begin > kReconnectPatience) return outcome;
    std::this_thread::sleep_for(kRetryPause);
  }
}

// What every block must hold: 0 is zeroes, otherwise a number that fills it together with the block's own.
class Model {
 public:
  explicit Model(const Options& options)
      : options_(options), front_(options.front), random_(options.seed), wanted_(options.blocks) {
    slots_.resize(options.front.depth);
    busy_.resize(options.blocks);
  }

  Status run();
  [[nodiscard]] Json report() const {
    return {{"writes", writes_},
            {"zeroed", zeroed_},
            {"reads", reads_},
            {"lost_or_corrupt", wrong_},
            {"reconnects", reconnects_},
            {"errors", errors_},
            {"ids", ids_},
            {"seed", options_.seed},
            {"stalls_ms", stalls_ms_},
            {"blocks_checked", checked_}};
  }

 private:
  struct Slot {
    bool busy = false;
    RequestType type = RequestType::kRead;
    std::uint64_t block = 0, number = 0;
  };

  Status until(const std::function<bool()>& end);
  void start(std::uint16_t slot, RequestType type, std::uint64_t block);
  void done(FrontEnd::Done answer);
  void fill();
  [[nodiscard]] bool is_free(std::uint16_t slot) const {
    return !slots_[slot].busy && !(options_.restart && front_.ring_of(slot) + 1 == options_.front.queues);
  }
  [[nodiscard]] bool idle() const {
    return std::none_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.busy; });
  }

  Options options_;
  FrontEnd front_;
  std::mt19937_64 random_;
  std::vector<std::uint64_t> wanted_;
  std::vector<bool> busy_;
  std::vector<Slot> slots_;
  std::uint64_t ids_ = 0, number_ = 0, writes_ = 0, zeroed_ = 0, reads_ = 0, wrong_ = 0, errors_ = 0,
                reconnects_ = 0, checked_ = 0;
  std::vector<double> stalls_ms_;
  std::optional<Clock::time_point> gone_since_;
};

void Model::start(std::uint16_t number, RequestType type, std::uint64_t block) {
  Slot& slot = slots_[number];
  slot = {true, type, block, ++number_};
  busy_[block] = true;
  if (type == RequestType::kWrite) {
    auto* words = reinterpret_cast<std::uint64_t*>(front_.data(number));
    for (std::size_t i = 0; i < kBlock_bytes / 8; i += 2) {
      words[i] = block;
      words[i + 1] = slot.number;
    }
  } else if (type == RequestType::kRead) {
    std::memset(front_.data(number), 0xee, kBlock_bytes);
  }
  front_.submit(number, type, block * kBlock_bytes, kBlock_bytes);
}

void Model::done(FrontEnd::Done answer) {
  Slot& slot = slots_.at(answer.slot);
  HANOK_ASSERT(slot.busy);
  slot.busy = false;
  busy_[slot.block] = false;
  if (gone_since_) {
    stalls_ms_.push_back(ms_since(*gone_since_));
    gone_since_.reset();
  }
  if (answer.status != 0) {
    ++errors_;
    std::cerr << "block " << slot.block << ", request type " << static_cast<unsigned>(slot.type)
              << ", number " << slot.number << ": status " << static_cast<unsigned>(answer.status) << '\n';
    return;
  }
  const std::uint64_t wanted = wanted_[slot.block];
  const auto* words = reinterpret_cast<const std::uint64_t*>(front_.data(answer.slot));
  switch (slot.type) {
    case RequestType::kWrite:
      wanted_[slot.block] = slot.number;
      ++writes_;
      return;
    case RequestType::kWriteZeroes:
      wanted_[slot.block] = 0;
      ++zeroed_;
      return;
    case RequestType::kGetId:
      ++ids_;
      return;
    default:
      break;
  }
  ++reads_;
  for (std::size_t i = 0; i < kBlock_bytes / 8; i += 2) {
    if (words[i] == (wanted == 0 ? 0 : slot.block) && words[i + 1] == wanted) continue;
    ++wrong_;
    std::cerr << "block " << slot.block << ": number " << words[i + 1] << " instead of " << wanted << '\n';
    return;
  }
}

void Model::fill() {
  for (std::uint16_t number = 0; number < options_.front.depth; ++number) {
    if (!is_free(number)) continue;
    const std::uint64_t block = random_() % wanted_.size();
    if (busy_[block]) continue;
    const std::uint64_t choice = random_() % (options_.restart ? 1000 : 10);
    start(number,
          choice >= 10  ? RequestType::kGetId
          : choice == 0 ? RequestType::kWriteZeroes
          : choice == 1 ? RequestType::kRead
                        : RequestType::kWrite,
          block);
  }
}

Status Model::until(const std::function<bool()>& end) {
  while (!end()) {
    front_.kick();
    if (front_.collect(std::chrono::milliseconds{100}, [this](FrontEnd::Done answer) { done(answer); })) {
      for (unsigned i = 0; options_.restart && i < kRestartsAtOnce; ++i) {
        HANOK_CHECK(front_.restart_ring(options_.front.queues - 1));
      }
      continue;
    }
    if (!gone_since_) gone_since_ = Clock::now();
    HANOK_CHECK(connect_again(front_));
    ++reconnects_;
  }
  return {};
}

Status Model::run() {
  HANOK_CHECK(connect_again(front_));
  if (front_.capacity_bytes() < options_.blocks * kBlock_bytes) return bad_request("the volume is too small");
  // What was there before is not known: zeroes first.
  std::uint64_t next = 0;
  HANOK_CHECK(until([&] {
    for (std::uint16_t number = 0; number < slots_.size() && next < wanted_.size(); ++number) {
      if (is_free(number)) start(number, RequestType::kWriteZeroes, next++);
    }
    return next == wanted_.size() && idle();
  }));
  std::cerr << "ready\n";
  const auto begin = Clock::now();
  HANOK_CHECK(until([&] {
    if (stop_asked || ms_since(begin) > options_.seconds * 1000) return true;
    fill();
    return false;
  }));
  HANOK_CHECK(until([&] { return idle(); }));
  next = 0;
  HANOK_CHECK(until([&] {
    for (std::uint16_t number = 0; number < slots_.size() && next < wanted_.size(); ++number) {
      if (is_free(number)) start(number, RequestType::kRead, next++);
    }
    return next == wanted_.size() && idle();
  }));
  checked_ = next;
  return {};
}

// Every 4 KiB that `bench` writes carry their own place in the volume and a generation, both at each end.
void stamp(std::byte* data, std::uint64_t offset, std::uint32_t bytes, std::uint64_t generation) {
  for (std::uint32_t at = 0; at < bytes; at += kBlock_bytes) {
    const std::array<std::uint64_t, 2> words{(offset + at) / kBlock_bytes, generation};
    std::memcpy(data + at, words.data(), sizeof(words));
    std::memcpy(data + at + kBlock_bytes - sizeof(words), words.data(), sizeof(words));
  }
}

bool stamped(const std::byte* data, std::uint64_t offset, std::uint32_t bytes) {
  for (std::uint32_t at = 0; at < bytes; at += kBlock_bytes) {
    std::array<std::uint64_t, 2> first{}, last{};
    std::memcpy(first.data(), data + at, sizeof(first));
    std::memcpy(last.data(), data + at + kBlock_bytes - sizeof(last), sizeof(last));
    if (first != last || first[0] != (offset + at) / kBlock_bytes || first[1] == 0) return false;
  }
  return true;
}

Result<Json> bench(const Options& options) {
  FrontEnd front(options.front);
  HANOK_CHECK(connect_again(front));
  std::mt19937_64 random(options.seed);
  const std::uint64_t blocks = front.capacity_bytes() / options.block_bytes;
  std::vector<Clock::time_point> since(options.front.depth);
  std::vector<double> us;
  struct Request {
    std::uint64_t offset = 0;
    bool read = false;
  };
  std::vector<Request> requests(options.front.depth);
  std::uint64_t next = 0, errors = 0, running = 0, wrong = 0, checked = 0, generation = 1;
  const auto start = [&](std::uint16_t slot) {
    const std::uint64_t block = options.sequential ? next++ % blocks : random() % blocks;
    const bool read = random() % 100 < options.read_percent;
    requests[slot] = {block * options.block_bytes, read};
    auto* data = reinterpret_cast<std::byte*>(front.data(slot));
    if (read) {
      std::memset(data, 0, options.block_bytes);
    } else {
      stamp(data, requests[slot].offset, options.block_bytes, ++generation);
    }
    since[slot] = Clock::now();
    front.submit(slot, read ? RequestType::kRead : RequestType::kWrite, block * options.block_bytes,
                 options.block_bytes);
    ++running;
  };
  const auto begin = Clock::now();
  const auto over = [&] { return stop_asked || ms_since(begin) > options.seconds * 1000; };
  for (std::uint16_t slot = 0; slot < options.front.depth; ++slot) start(slot);
  while (running != 0) {
    front.kick();
    const bool alive = front.collect(std::chrono::milliseconds{100}, [&](FrontEnd::Done answer) {
      us.push_back(ms_since(since[answer.slot]) * 1000);
      if (answer.status != 0) ++errors;
      if (const Request& request = requests[answer.slot]; options.check && request.read) {
        ++checked;
        const auto* data = reinterpret_cast<const std::byte*>(front.data(answer.slot));
        if (!stamped(data, request.offset, options.block_bytes)) ++wrong;
      }
      --running;
      if (!over()) start(answer.slot);
    });
    if (!alive) return unavailable("the back end is gone");
  }
  const double seconds = ms_since(begin) / 1000;
  std::sort(us.begin(), us.end());
  const auto quantile = [&](double q) {
    return us.at(static_cast<std::size_t>(q * static_cast<double>(us.size() - 1)));
  };
  const double iops = static_cast<double>(us.size()) / seconds;
  return Json{{"iops", iops},
              {"mib_per_s", iops * options.block_bytes / (1 << 20)},
              {"p50_us", quantile(0.5)},
              {"p99_us", quantile(0.99)},
              {"p999_us", quantile(0.999)},
              {"requests", us.size()},
              {"checked", checked},
              {"wrong", wrong},
              {"errors", errors}};
}

Result<Json> run(const Options& options, bool verify) {
  if (!verify) return bench(options);
  Model model(options);
  HANOK_CHECK(model.run());
  return model.report();
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A vhost-user-blk front end that verifies or measures a volume");
  Options options;
  bool no_inflight = false;
  app.require_subcommand(1);
  auto* verify =
      app.add_subcommand("verify", "Random writes, zeroes and reads against a model; SIGTERM ends it");
  auto* measure = app.add_subcommand("bench", "IOPS and latencies");
  for (CLI::App* command : {verify, measure}) {
    command->add_option("--socket", options.front.socket)->required();
    command->add_option("--depth", options.front.depth)->check(CLI::Range(1, 1024));
    command->add_option("--seconds", options.seconds);
    command->add_option("--seed", options.seed);
    command->add_flag("--no-inflight", no_inflight);
    command->add_option("--queues", options.front.queues)->check(CLI::Range(1, 16));
    command->add_flag("!--no-event-index", options.front.event_index, "Interrupts and kicks by flags");
    command->add_flag("--packed", options.front.packed, "Packed rings");
  }
  verify->add_option("--blocks", options.blocks, "of 4 KiB, from the volume's begin");
  verify->add_flag("--restart", options.restart,
                   "Starts the last of several rings, which is idle, over and over");
  measure->add_option("--block-bytes", options.block_bytes)->check(CLI::Range(512, 1 << 20));
  measure->add_option("--read-percent", options.read_percent)->check(CLI::Range(0, 100));
  measure->add_flag("--sequential", options.sequential);
  measure->add_flag("--check", options.check, "Every read must carry what bench or the suite's fill wrote");
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGTERM, [](int) { stop_asked = true; });
  options.front.inflight = !no_inflight;
  options.front.slot_bytes = measure->parsed() ? options.block_bytes : kBlock_bytes;
  const auto outcome = run(options, verify->parsed());
  if (!outcome.ok()) {
    std::cerr << outcome.error().message << '\n';
    return 1;
  }
  std::cout << dump_json(*outcome) << std::endl;
  return 0;
}
