#include "storage/target/vhost/session.h"

#include <rte_vhost.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <future>

#include "common/log.h"
#include "storage/target/bus_error.h"

namespace hanok::storage::target {
namespace {

constexpr std::chrono::seconds kDrainPatience{5};  // the library's thread serves all volumes
constexpr std::chrono::milliseconds kClosePause{1};

int copy_of(int fd) {
  return fd >= 0 ? dup(fd) : -1;
}
// `inflight` without a record: empty. `base` as SET_VRING_BASE gave it.
std::unique_ptr<Ring> ring_of(const rte_vhost_vring& vring, const rte_vhost_ring_inflight& inflight,
                              std::uint64_t features, std::uint16_t base) {
  const auto fill = [&](auto layout) {
    layout.descriptors = vring.desc;
    layout.size = vring.size;
    layout.next_available = base;
    layout.event_index = (features & kFeatureEventIndex) != 0;
    layout.indirect = (features & kFeatureIndirect) != 0;
    return layout;
  };
  if ((features & kFeaturePacked) != 0) {
    auto layout = fill(PackedLayout{});
    layout.driver_event = vring.driver_event;
    layout.device_event = vring.device_event;
    layout.inflight = reinterpret_cast<PackedInflightHeader*>(inflight.inflight_packed);
    return std::make_unique<PackedRing>(layout);
  }
  auto layout = fill(SplitLayout{});
  layout.available = vring.avail;
  layout.used = vring.used;
  layout.inflight = reinterpret_cast<SplitInflightHeader*>(inflight.inflight_split);
  return std::make_unique<SplitRing>(layout);
}

// Empty when there is no table.
GuestMemory memory_of(int vid) {
  rte_vhost_memory* table = nullptr;
  if (rte_vhost_get_mem_table(vid, &table) != 0 || table == nullptr) return {};
  std::vector<MemoryRegion> regions;
  for (std::uint32_t i = 0; i < table->nregions; ++i) {
    const rte_vhost_mem_region& region = table->regions[i];
    regions.push_back(
        // NOLINTNEXTLINE(performance-no-int-to-ptr): the library gives addresses as numbers
        {region.guest_phys_addr, region.size, reinterpret_cast<std::byte*>(region.host_user_addr)});
  }
  std::free(table);
  return GuestMemory(std::move(regions));
}

void close_fd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

}  // namespace

Session::Session(VolumeSpec spec, std::unique_ptr<BlockDevice> device, Poller& poller)
    : spec_(std::move(spec)),
      device_(std::move(device)),
      poller_(poller),
      core_{spec_.serial.empty() ? spec_.image : spec_.serial, *device_, poller.completions()},
      set_(core_) {
  core_.throttle.set(spec_.limits);
  core_.stats.osd = device_->osd_times();
  core_.name = spec_.name();
  set_.on_fault = [this](const char* why) {
    fault_ = why;
    spdlog::warn("{}: a ring of the guest is broken ({}); it is not served any more", spec_.name(), why);
  };
  poller_.add(set_);
  device_->on_resize([this] { announce_size(); });
}

Session::~Session() {
  close();
}

void Session::close() {
  if (std::exchange(closed_, true)) return;
  device_->on_resize({});
  stop_all();
  poller_.run([&] { set_.leave_device(); });
  device_.reset();  // every request has come back now, though not all have been looked at
  while (true) {
    std::size_t left = 0;
    poller_.run([&] {
      set_.poll(monotonic_ns());
      left = set_.left_behind();
    });
    if (left == 0) break;
    std::this_thread::sleep_for(kClosePause);
  }
  poller_.remove(set_);
}

bool Session::connect(int vid) {
  const std::lock_guard lock(connection_);
  if (vid_.load() >= 0) {
    protocol_errors_.add();
    spdlog::warn("{}: a second front end is refused", spec_.name());
    return false;
  }
  vid_ = vid;
  fault_ = nullptr;
  writeback_ = false;
  record_entries_ = 0;
  connections_.add();
  spdlog::info("{}: a front end connected", spec_.name());
  return true;
}

void Session::disconnect(int vid) {
  {
    const std::lock_guard lock(connection_);
    if (vid_.load() != vid) return;
    vid_ = -1;
  }
  if (std::exchange(at_library_, false)) static_cast<void>(refuse("the vhost library refuses its message"));
  stop_all();
  memory_ = GuestMemory();
  spdlog::info("{}: the front end is gone", spec_.name());
}

void Session::announce_size() {
  const std::lock_guard lock(connection_);
  if (vid_.load() >= 0) static_cast<void>(rte_vhost_slave_config_change(vid_, false));
}

// The addresses are known from the kick on; other rings need not be there (firmware uses one).
bool Session::start(int vid, std::uint16_t index) {
  stop(index);
  rte_vhost_vring vring{};
  std::uint64_t features = 0;
  if (rte_vhost_get_vhost_vring(vid, index, &vring) != 0 || vring.desc == nullptr || vring.avail == nullptr ||
      vring.used == nullptr || rte_vhost_get_negotiated_features(vid, &features) != 0) {
    static_cast<void>(refuse("a kick before the ring's addresses"));
    return false;
  }
  rte_vhost_ring_inflight inflight{};
  if (record_entries_ != 0 && rte_vhost_get_vhost_ring_inflight(vid, index, &inflight) == 0) {
    if (vring.size > record_entries_) {
      static_cast<void>(refuse("a ring larger than its inflight record"));
      return false;
    }
  }
  std::uint16_t available = 0;
  std::uint16_t used = 0;
  if (rte_vhost_get_vring_base(vid, index, &available, &used) != 0) return false;
  GuestMemory memory = memory_of(vid);
  RingEnds& ends = rings_[index];
  ends.kick_fd = copy_of(vring.kickfd);
  ends.call_fd = copy_of(vring.callfd);
  auto queue = std::make_unique<BlkQueue>(core_, ring_of(vring, inflight, features, available), &memory_,
                                          ends.call_fd);
  queue->set_kicked(ends.kick_fd >= 0);
  poller_.run([&] {
    memory_ = std::move(memory);  // here: the rings that run already read it on this thread
    if (ends.kick_fd >= 0) poller_.watch(ends.kick_fd);
    const std::uint64_t before = core_.stats.replayed.get();
    if (!set_.start(index, std::move(queue))) return;
    const std::uint64_t again = core_.stats.replayed.get() - before;
    if (again != 0) spdlog::info("{}: ring {}: {} requests are done again", spec_.name(), index, again);
  });
  ends.running = true;
  ++running_;
  return true;
}

void Session::stop(std::uint16_t index) {
  RingEnds& ends = rings_[index];
  if (!ends.running) return;
  poller_.run([&] {
    if (ends.kick_fd >= 0) poller_.unwatch(ends.kick_fd);
    set_.stop(index);
  });
  close_fd(ends.kick_fd);
  close_fd(ends.call_fd);
  ends.running = false;
  --running_;
}

void Session::stop_all() {
  for (std::uint16_t index = 0; index < kMaxQueues; ++index) stop(index);
}

// The guest shall have its answers before the ring stops. When the cluster does not give them in time, the
// record (or the guest's own deadline) takes over.
void Session::drain(int vid, std::uint16_t index) {
  if (!rings_[index].running) return;
  const auto drained = std::make_shared<std::promise<void>>();
  poller_.run([&] {
    BlkQueue* queue = set_.find(index);
    HANOK_ASSERT(queue != nullptr);
    queue->drain([drained] { drained->set_value(); });
  });
  if (drained->get_future().wait_for(kDrainPatience) != std::future_status::ready) {
    undrained_.add();
    spdlog::warn("{}: ring {} stops with requests in flight", spec_.name(), index);
  }
  std::uint16_t available = 0;
  std::uint16_t used = 0;
  poller_.run([&] {
    available = set_.find(index)->ring().next_available();
    used = set_.find(index)->ring().next_used();
  });
  stop(index);
  rte_vhost_set_vring_base(vid, index, available, used);
}

void Session::update_call(int vid, std::uint16_t index) {
  RingEnds& ends = rings_[index];
  rte_vhost_vring vring{};
  if (!ends.running || rte_vhost_get_vhost_vring(vid, index, &vring) != 0) return;
  int fd = copy_of(vring.callfd);
  poller_.run([&] {
    set_.find(index)->set_call_fd(fd);
    std::swap(fd, ends.call_fd);
  });
  close_fd(fd);
}

void Session::set_limits(const Limits& limits) {
  poller_.run([&] { core_.throttle.set(limits); });
}

Json Session::status() const {
  Json out = {{"connected", connected()},          {"rings_running", running_.load()},
              {"connections", connections_.get()}, {"protocol_errors", protocol_errors_.get()},
              {"undrained", undrained_.get()},     {"size_bytes", device_->size_bytes()}};
  if (const char* why = fault_.load(); why != nullptr) out["fault"] = why;
  return out;
}

}  // namespace hanok::storage::target
