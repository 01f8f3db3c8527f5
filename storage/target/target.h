#pragma once
// All volumes of the process: attached on request, remembered in files so that a successor serves them again.

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "common/json.h"
#include "common/result.h"
#include "storage/target/block_device.h"
#include "storage/target/throttle.h"
#include "storage/target/volume_stats.h"

namespace hanok::storage::target {

struct VolumeSpec {
  std::string pool, image;
  std::string socket;   // where the guest's front end connects
  std::string serial;   // what the guest reads by GET_ID; the image's name when empty
  std::string cluster;  // the fsid that it must be of; empty: whichever this process is connected to
  std::uint16_t queues = 1;
  bool read_only = false;
  Limits limits;
  std::string encryption;  // luks1, luks2: of librbd's; empty: none
  std::string passphrase;  // with it; shown to nobody, and kept in a file of mode 0600

  [[nodiscard]] std::string name() const { return pool + "/" + image; }
};
[[nodiscard]] Result<VolumeSpec> volume_spec(const Json& json);  // kBadRequest names the field
[[nodiscard]] Json to_json(const VolumeSpec& spec);              // without the passphrase

// The guest's side of a volume: a listening socket with its rings (vhost/vhost_volume.h; a twin in tests).
class Export {
 public:
  virtual ~Export() = default;
  [[nodiscard]] virtual Json status() const = 0;  // for `volume.list`
  [[nodiscard]] virtual const VolumeStats& stats() const = 0;
  virtual void set_limits(const Limits& limits) = 0;
  [[nodiscard]] virtual bool connected() const = 0;
};

struct TargetParts {
  std::function<Result<std::unique_ptr<BlockDevice>>(const VolumeSpec& spec)>
      open_device;  // may block for long
  std::function<Result<std::unique_ptr<Export>>(const VolumeSpec& spec, std::unique_ptr<BlockDevice> device)>
      export_device;
  std::string state_dir;
};

// Thread-safe. Each volume is opened and closed on a thread of its own, so that one whose cluster does not
// answer holds up nobody.
class Target {
 public:
  explicit Target(TargetParts parts) : parts_(std::move(parts)) {}
  ~Target();  // closes all; their files stay
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;

  // Serves again what a predecessor served; returns at once, and tries until it works.
  void restore();
  // Returns when the socket listens (or already did, with the same values: idempotent), or with the reason,
  // in which case nothing changed. kTimeout after `wait_ms`: it goes on being tried; ask `list`, or detach.
  [[nodiscard]] Status attach(const VolumeSpec& spec, std::int64_t wait_ms);
  // kConflict while a client is connected, unless `force`. kTimeout: it is still being closed.
  [[nodiscard]] Status detach(const std::string& name, bool force, std::int64_t wait_ms);
  [[nodiscard]] Status set_limits(const std::string& name, const Limits& limits);
  [[nodiscard]] Json list() const;
  // Calls for every volume that is served.
  void for_each(const std::function<void(const std::string& name, const VolumeStats& stats)>& visit) const;

 private:
  enum class State : std::uint8_t { kOpening, kServed, kClosing, kGone };  // kGone: its thread is done
  struct Volume {
    VolumeSpec spec;
    State state = State::kOpening;
    bool lasting = false;  // is tried again after a failure
    bool close = false;
    Status last_error;
    std::unique_ptr<Export> served;
    std::thread thread;
  };

  void serve(Volume& volume);
  bool open_once(Volume& volume);
  void reap();
  [[nodiscard]] std::string file_of(const VolumeSpec& spec) const;
  [[nodiscard]] Status remember(const VolumeSpec& spec) const;
  void start(const VolumeSpec& spec, bool lasting);
  [[nodiscard]] static const char* to_text(State state);

  TargetParts parts_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::unique_ptr<Volume>> volumes_;
};

}  // namespace hanok::storage::target
