#include "dataplane/dpdk/native_datapath.h"

#include <fmt/format.h>
#include <rte_mempool.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <set>

#include "common/log.h"

namespace hanok::dataplane::dpdk {
namespace {

// What two devices cannot have at once: the socket, or the DPDK device's name.
std::string resource_of(const DeviceState& device) {
  if (device.type == "vhost-user") return device.value;
  return device.value.substr(0, device.value.find(','));
}

std::string path_of(const DeviceInfo& info) {
  std::string id;
  for (const char letter : info.id)
    id += letter == '~' ? "~0" : letter == '/' ? "~1" : std::string(1, letter);
  if (info.kind == DeviceKind::kUplink) return "/uplink/" + id + "/device";
  return "/port/" + id + "/device/" + (info.device.type == "vhost-user" ? "socket" : "device");
}

std::array<std::uint8_t, 6> bytes_of(std::uint64_t mac) {
  std::array<std::uint8_t, 6> out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(mac >> (40U - 8U * i));
  return out;
}

}  // namespace

DeviceOpener real_devices(rte_mempool* pool) {
  return [pool](const DeviceState& device) {
    return device.type == "vhost-user" ? open_vhost_user(device.value, pool)
                                       : open_ethdev(device.value, pool);
  };
}

NativeDatapath::NativeDatapath(Worker& worker, DeviceOpener opener, rte_mempool* pool)
    : worker_(worker), opener_(std::move(opener)), pool_(pool), tables_(Tables::empty()) {
  worker_.call([&] { worker_.engine().set_tables(tables_); });
}

NativeDatapath::~NativeDatapath() {
  worker_.call([&] {
    worker_.set_capture(nullptr);
    for (const auto& [index, opened] : devices_) worker_.detach(index);
  });
}

std::variant<AppliedChange, StateError> NativeDatapath::apply(const StateDocument& change) {
  ApplyResult result = tables_->apply(change);
  if (result.tables == nullptr) return result.error;
  const std::vector<DeviceInfo> closed = close_in_the_way(result);
  auto outcome = open_all(result.added);
  if (auto* error = std::get_if<StateError>(&outcome)) {
    reopen(closed);
    return *error;
  }
  auto& opened = std::get<OpenedDevices>(outcome);
  OpenedDevices old;
  for (const DeviceInfo& info : result.removed) {
    if (auto node = devices_.extract(info.index); !node.empty()) old.insert(std::move(node));
  }
  // One quiescent point for all: no frame meets the new tables with the old devices.
  worker_.call([&] {
    for (const auto& [index, gone] : old) worker_.detach(index);
    worker_.engine().set_tables(result.tables);
    for (const auto& [index, one] : opened) attach(index, one);
  });
  devices_.merge(opened);
  tables_ = result.tables;
  return AppliedChange{tables_->generation(), result.objects_rebuilt, result.added.size(),
                       result.removed.size()};
}

std::vector<DeviceInfo> NativeDatapath::close_in_the_way(const ApplyResult& result) {
  std::set<std::string> wanted;
  for (const DeviceInfo& info : result.added) wanted.insert(resource_of(info.device));
  std::vector<DeviceInfo> out;
  for (const DeviceInfo& info : result.removed) {
    const auto found = devices_.find(info.index);
    if (found == devices_.end() || !wanted.contains(resource_of(found->second.info.device))) continue;
    out.push_back(found->second.info);
    worker_.call([&] { worker_.detach(info.index); });
    devices_.erase(found);
  }
  return out;
}

// After a refusal: what was closed for it comes back.
void NativeDatapath::reopen(const std::vector<DeviceInfo>& devices) {
  for (const DeviceInfo& info : devices) {
    auto device = opener_(info.device);
    if (!device.ok()) {
      spdlog::error("device of {}: not reopened: {}", info.id, device.error().message);
      continue;
    }
    const auto& [index, opened] =
        *devices_.emplace(info.index, Opened{info, std::move(device).value()}).first;
    worker_.call([this, index = index, &opened = opened] { attach(index, opened); });
  }
}

std::variant<NativeDatapath::OpenedDevices, StateError> NativeDatapath::open_all(
    const std::vector<DeviceInfo>& devices) const {
  OpenedDevices out;
  for (const DeviceInfo& info : devices) {
    auto device = opener_(info.device);
    if (!device.ok()) return StateError{path_of(info), device.error().message};
    out.emplace(info.index, Opened{info, std::move(device).value()});
  }
  return out;
}

void NativeDatapath::attach(DeviceIndex index, const Opened& opened) {
  if (opened.info.kind == DeviceKind::kUplink) {
    worker_.engine().set_device_mac(index, bytes_of(opened.device->mac()));
  }
  worker_.attach(index, opened.device.get(), opened.info.kind == DeviceKind::kPort);
}

Json NativeDatapath::status() const {
  Json ports = Json::object();
  Json uplinks = Json::object();
  for (const auto& [index, opened] : devices_) {
    const DeviceInfo& info = opened.info;
    (info.kind == DeviceKind::kPort ? ports : uplinks)[info.id] = {
        {"up", opened.device->link_up()}, {"device", info.device.value}, {"index", index}};
  }
  const WorkerCounters& worker = worker_.worker_counters();
  const Counters& engine = worker_.counters();
  return {{"generation", tables_->generation()},
          {"ports", std::move(ports)},
          {"uplinks", std::move(uplinks)},
          {"workers", Json::array({{{"loops", worker.loops.read()},
                                    {"empty_loops", worker.empty_loops.read()},
                                    {"sleeps", worker.sleeps.read()},
                                    {"flow_records", engine.flow_records.read()},
                                    {"connections", engine.connections.read()}}})},
          {"memory",
           {{"packet_buffers", pool_->size},
            {"packet_buffers_free", rte_mempool_avail_count(pool_)},
            {"packet_buffers_used", rte_mempool_in_use_count(pool_)}}}};
}

Json NativeDatapath::counters_of(const DeviceInfo& info) const {
  Json out = {
      {"rx_packets", 0}, {"rx_bytes", 0}, {"tx_packets", 0}, {"tx_bytes", 0}, {"drops", Json::object()}};
  if (const DeviceCounters* counters = worker_.counters().device(info.index)) {
    out["rx_packets"] = counters->rx_packets.read();
    out["rx_bytes"] = counters->rx_bytes.read();
    out["tx_packets"] = counters->tx_packets.read();
    out["tx_bytes"] = counters->tx_bytes.read();
    for (std::size_t i = 0; i < kDropReasons; ++i) {
      const std::uint64_t count = counters->drops[i].read();
      if (count > 0) out["drops"][std::string(to_string(static_cast<DropReason>(i)))] = count;
    }
  }
  if (const auto* transmit = worker_.transmit_counters(info.index)) {
    out["device_tx_sent"] = transmit->sent.read();
    out["device_tx_refused"] = transmit->refused.read();
  }
  if (const auto opened = devices_.find(info.index); opened != devices_.end()) {
    const DeviceStatistics statistics = opened->second.device->statistics();
    out["device_rx_missed"] = statistics.rx_missed;
    out["device_rx_errors"] = statistics.rx_errors;
    out["device_rx_no_buffer"] = statistics.rx_no_buffer;
    out["device_rx_refused"] = statistics.rx_refused;
    out["device_tx_coalesced"] = statistics.tx_coalesced;
  }
  return out;
}

Result<Json> NativeDatapath::counters(const std::optional<std::string>& id) const {
  Json ports = Json::object();
  Json uplinks = Json::object();
  bool found = false;
  for (const auto& [index, opened] : devices_) {
    if (id && opened.info.id != *id) continue;
    found = true;
    (opened.info.kind == DeviceKind::kPort ? ports : uplinks)[opened.info.id] = counters_of(opened.info);
  }
  if (id && !found) return not_found(*id + ": there is no such device here");
  Json out = {{"ports", std::move(ports)}, {"uplinks", std::move(uplinks)}};
  if (id) return out;
  const Counters& engine = worker_.counters();
  out["engine"] = {{"flow_hits", engine.flow_hits.read()},
                   {"flow_misses", engine.flow_misses.read()},
                   {"flows_created", engine.flows_created.read()},
                   {"slow_frames", engine.slow_frames.read()},
                   {"held_back", worker_.worker_counters().held_back.read()},
                   {"flows_by_template", engine.flows_by_template.read()},
                   {"flows_expired", engine.flows_expired.read()},
                   {"flows_recompiled", engine.flows_recompiled.read()},
                   {"flow_records", engine.flow_records.read()},
                   {"connections", engine.connections.read()},
                   {"large_frames_cut", engine.large_frames_cut.read()},
                   {"segments_made", engine.segments_made.read()},
                   {"checksums_made", engine.checksums_made.read()},
                   {"segmented_frames", worker_.worker_counters().segmented_frames.read()}};
  return out;
}

std::vector<FlowInfo> NativeDatapath::flows(DeviceIndex device, std::size_t limit) {
  std::vector<FlowInfo> out;
  worker_.call([&] { out = worker_.engine().flows(device, limit, Worker::now_us()); });
  return out;
}

std::vector<TraceStep> NativeDatapath::trace(std::span<const std::uint8_t> frame, DeviceIndex in_device) {
  std::vector<TraceStep> out;
  worker_.call([&] { out = worker_.engine().trace(frame, in_device, Worker::now_us()); });
  return out;
}

Result<std::uint64_t> NativeDatapath::capture_start(DeviceIndex device, std::uint64_t frames,
                                                    std::uint32_t snapshot) {
  constexpr std::uint64_t kForgottenUs = 5'000'000;
  if (capture_ != nullptr && Worker::now_us() - capture_read_us_ < kForgottenUs)
    return conflict("another capture is under way");
  if (!devices_.contains(device)) return not_found("there is no such device here");
  auto fresh = std::make_unique<Capture>(device, frames, snapshot);
  worker_.call([&] { worker_.set_capture(fresh.get()); });
  capture_ = std::move(fresh);
  capture_read_us_ = Worker::now_us();
  return ++capture_number_;
}

Result<CapturedFrames> NativeDatapath::capture_read(std::uint64_t capture) {
  if (capture_ == nullptr || capture != capture_number_) return not_found("there is no such capture");
  bool there = false;
  Capture::Frames taken;
  Capture::Frames empty = Capture::room();
  CapturedFrames out;
  worker_.call([&] {
    there = worker_.capture() == capture_.get();
    taken = capture_->take(std::move(empty));
    out.complete = capture_->complete();
  });
  capture_read_us_ = Worker::now_us();
  if (!there && taken.entries.empty()) {
    capture_.reset();
    return not_found("the capture ended with its device");
  }
  const auto wall = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch());
  const auto offset = static_cast<std::uint64_t>(wall.count()) - capture_read_us_;
  out.missed = taken.missed;
  for (const Capture::Entry& entry : taken.entries) {
    const auto* bytes = taken.bytes.data() + entry.offset;
    out.frames.push_back(
        {entry.time_us + offset, entry.outward, entry.length, {bytes, bytes + entry.captured}});
  }
  return out;
}

void NativeDatapath::capture_stop(std::uint64_t capture) {
  if (capture_ == nullptr || capture != capture_number_) return;
  worker_.call([&] { worker_.set_capture(nullptr); });
  capture_.reset();
}

}  // namespace hanok::dataplane::dpdk
