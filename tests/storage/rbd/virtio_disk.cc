#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <thread>

#include "common/json_rpc.h"
#include "tests/storage/rbd/model_disk.h"
#include "tests/storage/target/front_end.h"

namespace hanok::storage::testing {
namespace {

using target::testing::FrontEnd;
using target::testing::RequestType;
using Clock = std::chrono::steady_clock;

constexpr std::uint16_t kSlots = 8;
constexpr auto kPatience = std::chrono::seconds{60};  // of one request

class VirtioDisk final : public ModelDisk {
 public:
  VirtioDisk(std::string conf, std::string client) : conf_(std::move(conf)), client_(std::move(client)) {
    std::string name = "/tmp/hanok-model-XXXXXX";
    HANOK_ASSERT(mkdtemp(name.data()) != nullptr);
    folder_ = name;
  }
  ~VirtioDisk() override {
    front_.reset();
    stop(SIGTERM);
    std::filesystem::remove_all(folder_);
  }

  std::uint64_t unit_bytes() const override { return 512; }
  Status open(const ImageRef& image) override {
    if (server_ < 0) HANOK_CHECK(start());
    open_ = image;
    HANOK_CHECK(
        call("volume.attach", {{"pool", image.pool}, {"image", image.name}, {"socket", volume_socket()}}));
    // Split and packed rings in turn.
    front_.emplace(FrontEnd::Options{.socket = volume_socket(),
                                     .depth = kSlots,
                                     .queues = 1,
                                     .slot_bytes = kMaxIo_bytes,
                                     .packed = ++opened_ % 2 == 0});
    return eventually([this] { return front_->connect(); });
  }
  Status close() override {
    front_.reset();
    // That the guest is gone is seen a little later.
    return eventually([this] {
      return call("volume.detach", {{"pool", open_.pool}, {"image", open_.name}});
    });
  }
  Result<std::string> read(std::uint64_t offset, std::size_t length) override {
    std::string out;
    while (out.size() < length) {
      const std::size_t part = std::min(length - out.size(), kMaxIo_bytes);
      HANOK_CHECK(request(RequestType::kRead, offset + out.size(), part));
      out.append(reinterpret_cast<const char*>(front_->data(0)), part);
    }
    return out;
  }
  Status write(std::uint64_t offset, const std::string& data) override {
    std::memcpy(front_->data(0), data.data(), data.size());
    return request(RequestType::kWrite, offset, data.size());
  }
  Status discard(std::uint64_t offset, std::size_t length) override {
    return request(RequestType::kDiscard, offset, length);
  }
  Status write_zeroes(std::uint64_t offset, std::size_t length) override {
    return request(RequestType::kWriteZeroes, offset, length);
  }
  Status resized(std::uint64_t size_bytes) override {
    return eventually([&]() -> Status {
      HANOK_TRY(volumes, client().call("volume.list", Json::object()));
      for (const Json& one : volumes) {
        if (one.value("image", "") == open_.name && one.value("size_bytes", 0ULL) == size_bytes) return {};
      }
      return unavailable("hanok-storage does not have the new size: " + volumes.dump());
    });
  }
  Status die_during(const Writes& writes, std::uint64_t after_us) override {
    HANOK_ASSERT(writes.size() <= kSlots);
    for (std::uint16_t slot = 0; slot < writes.size(); ++slot) {
      const auto& [offset, data] = writes[slot];
      std::memcpy(front_->data(slot), data.data(), data.size());
      front_->submit(slot, RequestType::kWrite, offset, static_cast<std::uint32_t>(data.size()));
    }
    front_->kick();
    std::this_thread::sleep_for(std::chrono::microseconds{after_us});  // when it dies is what varies
    stop(SIGKILL);
    HANOK_CHECK(start());
    HANOK_CHECK(eventually([this] { return front_->connect(); }));
    return collect(writes.size());
  }

 private:
  [[nodiscard]] std::string volume_socket() const { return folder_ + "/volume.sock"; }
  [[nodiscard]] JsonRpcClient client() const { return JsonRpcClient(folder_ + "/control.sock"); }
  [[nodiscard]] Status call(const std::string& method, const Json& params) const {
    HANOK_CHECK(client().call(method, params, 30'000));
    return {};
  }

  Status start() {
    const char* bin = std::getenv("HANOK_BIN");
    const std::string program = std::string(bin == nullptr ? "build/release/bin" : bin) + "/hanok-storage";
    std::vector<std::string> words = {
        program,       "--socket", folder_ + "/control.sock", "--state-dir", folder_ + "/state",
        "--ceph-conf", conf_,      "--ceph-client",           client_,       "--log-level",
        "error"};
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    if (const int code = posix_spawn(&server_, program.c_str(), nullptr, nullptr, arguments.data(), environ);
        code != 0) {
      server_ = -1;
      return unavailable(program + ": " + std::strerror(code));
    }
    return eventually([this] { return call("version", Json::object()); });
  }
  void stop(int signal) {
    if (server_ < 0) return;
    kill(server_, signal);
    waitpid(server_, nullptr, 0);
    server_ = -1;
  }

  Status request(RequestType type, std::uint64_t offset, std::size_t length) {
    front_->submit(0, type, offset, static_cast<std::uint32_t>(length));
    front_->kick();
    return collect(1);
  }
  Status collect(std::size_t wanted) {
    const auto deadline = Clock::now() + kPatience;
    Status outcome;
    std::size_t done = 0;
    while (done < wanted) {
      const bool alive = front_->collect(std::chrono::milliseconds{100}, [&](FrontEnd::Done answer) {
        ++done;
        if (answer.status != 0) outcome = internal_error("status " + std::to_string(answer.status));
      });
      if (!alive) return unavailable("hanok-storage is gone");
      if (Clock::now() > deadline) return Error{ErrorCode::kTimeout, "no answer from the ring", {}};
    }
    return outcome;
  }

  const std::string conf_, client_;
  std::string folder_;
  pid_t server_ = -1;
  unsigned opened_ = 0;
  ImageRef open_;
  std::optional<FrontEnd> front_;
};

}  // namespace

std::unique_ptr<ModelDisk> virtio_disk(const std::string& ceph_conf, const std::string& client) {
  return std::make_unique<VirtioDisk>(ceph_conf, client);
}

}  // namespace hanok::storage::testing
