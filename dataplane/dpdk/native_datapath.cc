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

DeviceOpener real_devices(rte_mempool* pool, unsigned workers) {
  return [pool, workers](const DeviceState& device) {
    return device.type == "vhost-user" ? open_vhost_user(device.value, pool, workers)
                                       : open_ethdev(device.value, pool, workers);
  };
}

NativeDatapath::NativeDatapath(WorkerGroup& workers, DeviceOpener opener, rte_mempool* pool)
    : workers_(workers), opener_(std::move(opener)), pool_(pool), tables_(Tables::empty()) {
  workers_.call([&] {
    for (const auto& worker : workers_.all()) worker->engine().set_tables(tables_);
  });
}

NativeDatapath::~NativeDatapath() {
  workers_.call([&] {
    set_capture(nullptr);
    for (const auto& [index, opened] : devices_) detach(index);
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
  workers_.call([&] {
    for (const auto& [index, gone] : old) detach(index);
    std::vector<Engine*> engines;
    for (const auto& worker : workers_.all()) {
      worker->engine().set_tables(result.tables);
      engines.push_back(&worker->engine());
    }
    Engine::settle(engines);
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
    workers_.call([&] { detach(info.index); });
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
        *devices_.emplace(info.index, Opened{info, std::make_unique<SharedDevice>(std::move(device).value())})
             .first;
    workers_.call([this, index = index, &opened = opened] { attach(index, opened); });
  }
}

std::variant<NativeDatapath::OpenedDevices, StateError> NativeDatapath::open_all(
    const std::vector<DeviceInfo>& devices) const {
  OpenedDevices out;
  for (const DeviceInfo& info : devices) {
    auto device = opener_(info.device);
    if (!device.ok()) return StateError{path_of(info), device.error().message};
    out.emplace(info.index, Opened{info, std::make_unique<SharedDevice>(std::move(device).value())});
  }
  return out;
}

void NativeDatapath::attach(DeviceIndex index, const Opened& opened) {
  for (const auto& worker : workers_.all()) {
    if (opened.info.kind == DeviceKind::kUplink)
      worker->engine().set_device_mac(index, bytes_of(opened.shared->device->mac()));
    worker->engine().begin_counting(index);
    worker->attach(index, opened.shared.get(), opened.info.kind == DeviceKind::kPort);
  }
}

void NativeDatapath::detach(DeviceIndex index) {
  for (const auto& worker : workers_.all()) worker->detach(index);
}

Json NativeDatapath::status() const {
  Json ports = Json::object();
  Json uplinks = Json::object();
  for (const auto& [index, opened] : devices_) {
    const DeviceInfo& info = opened.info;
    (info.kind == DeviceKind::kPort ? ports : uplinks)[info.id] = {
        {"up", opened.shared->device->link_up()}, {"device", info.device.value}, {"index", index}};
  }
  Json workers = Json::array();
  for (const auto& worker : workers_.all()) {
    const WorkerCounters& counters = worker->worker_counters();
    const Counters& engine = worker->counters();
    workers.push_back({{"loops", counters.loops.read()},
                       {"empty_loops", counters.empty_loops.read()},
                       {"sleeps", counters.sleeps.read()},
                       {"processed", counters.processed.read()},
                       {"handed_over", counters.handed_over.read()},
                       {"hand_over_drops", counters.hand_over_drops.read()},
                       {"flow_records", engine.flow_records.read()},
                       {"connections", engine.connections.read()}});
  }
  return {{"generation", tables_->generation()},
          {"ports", std::move(ports)},
          {"uplinks", std::move(uplinks)},
          {"workers", std::move(workers)},
          {"memory",
           {{"packet_buffers", pool_->size},
            {"packet_buffers_free", rte_mempool_avail_count(pool_)},
            {"packet_buffers_used", rte_mempool_in_use_count(pool_)}}}};
}

Json NativeDatapath::counters_of(const DeviceInfo& info) const {
  std::uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0, sent = 0, refused = 0;
  std::array<std::uint64_t, kDropReasons> drops{};
  for (const auto& worker : workers_.all()) {
    if (const DeviceCounters* counters = worker->counters().device(info.index)) {
      rx_packets += counters->rx_packets.read();
      rx_bytes += counters->rx_bytes.read();
      tx_packets += counters->tx_packets.read();
      tx_bytes += counters->tx_bytes.read();
      for (std::size_t i = 0; i < kDropReasons; ++i) drops[i] += counters->drops[i].read();
    }
    if (const auto* transmit = worker->transmit_counters(info.index)) {
      sent += transmit->sent.read();
      refused += transmit->refused.read();
    }
  }
  Json out = {{"rx_packets", rx_packets},    {"rx_bytes", rx_bytes},    {"tx_packets", tx_packets},
              {"tx_bytes", tx_bytes},        {"drops", Json::object()}, {"device_tx_sent", sent},
              {"device_tx_refused", refused}};
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    if (drops[i] > 0) out["drops"][std::string(to_string(static_cast<DropReason>(i)))] = drops[i];
  }
  if (const auto opened = devices_.find(info.index); opened != devices_.end()) {
    const DeviceStatistics statistics = opened->second.shared->device->statistics();
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
  const auto engines = [&](Counter Counters::*counter) {
    std::uint64_t sum = 0;
    for (const auto& worker : workers_.all()) sum += (worker->counters().*counter).read();
    return sum;
  };
  const auto workers = [&](Counter WorkerCounters::*counter) {
    std::uint64_t sum = 0;
    for (const auto& worker : workers_.all()) sum += (worker->worker_counters().*counter).read();
    return sum;
  };
  out["engine"] = {{"flow_hits", engines(&Counters::flow_hits)},
                   {"flow_misses", engines(&Counters::flow_misses)},
                   {"flows_created", engines(&Counters::flows_created)},
                   {"slow_frames", engines(&Counters::slow_frames)},
                   {"held_back", workers(&WorkerCounters::held_back)},
                   {"handed_over", workers(&WorkerCounters::handed_over)},
                   {"flows_by_template", engines(&Counters::flows_by_template)},
                   {"flows_expired", engines(&Counters::flows_expired)},
                   {"flows_recompiled", engines(&Counters::flows_recompiled)},
                   {"flow_records", engines(&Counters::flow_records)},
                   {"connections", engines(&Counters::connections)},
                   {"connections_torn", engines(&Counters::connections_torn)},
                   {"large_frames_cut", engines(&Counters::large_frames_cut)},
                   {"segments_made", engines(&Counters::segments_made)},
                   {"checksums_made", engines(&Counters::checksums_made)},
                   {"segmented_frames", workers(&WorkerCounters::segmented_frames)}};
  return out;
}

std::vector<FlowInfo> NativeDatapath::flows(DeviceIndex device, std::size_t limit) {
  std::vector<FlowInfo> out;
  for (const auto& worker : workers_.all()) {
    worker->call([&, one = worker.get()] {
      const auto some = one->engine().flows(device, limit - out.size(), Worker::now_us());
      out.insert(out.end(), some.begin(), some.end());
    });
  }
  return out;
}

// By the worker whose the frame would be.
std::vector<TraceStep> NativeDatapath::trace(std::span<const std::uint8_t> frame, DeviceIndex in_device) {
  const auto opened = devices_.find(in_device);
  const bool from_uplink = opened != devices_.end() && opened->second.info.kind == DeviceKind::kUplink;
  std::optional<unsigned> owner;
  if (workers_.size() > 1) {
    workers_.at(0).call([&] {
      owner = workers_.at(0).engine().owner_of(frame.data(), static_cast<std::uint16_t>(frame.size()),
                                               in_device, from_uplink, Worker::now_us());
    });
  }
  std::vector<TraceStep> out;
  Worker& worker = workers_.at(owner.value_or(0));
  worker.call([&] { out = worker.engine().trace(frame, in_device, Worker::now_us()); });
  return out;
}

void NativeDatapath::set_capture(Capture* capture) {
  for (const auto& worker : workers_.all()) worker->set_capture(capture);
}

Result<std::uint64_t> NativeDatapath::capture_start(DeviceIndex device, std::uint64_t frames,
                                                    std::uint32_t snapshot) {
  constexpr std::uint64_t kForgottenUs = 5'000'000;
  if (capture_ != nullptr && Worker::now_us() - capture_read_us_ < kForgottenUs)
    return conflict("another capture is under way");
  if (!devices_.contains(device)) return not_found("there is no such device here");
  auto fresh = std::make_unique<Capture>(device, frames, snapshot);
  workers_.call([&] { set_capture(fresh.get()); });
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
  workers_.call([&] {
    there = workers_.at(0).capture() == capture_.get();
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
  workers_.call([&] { set_capture(nullptr); });
  capture_.reset();
}

}  // namespace hanok::dataplane::dpdk
