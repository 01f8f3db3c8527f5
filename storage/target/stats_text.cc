#include <fmt/format.h>

#include "storage/target/methods.h"

namespace hanok::storage::target {
namespace {

constexpr std::array<BlkType, kBlkTypes> kTypes = {BlkType::kRead,  BlkType::kWrite,   BlkType::kFlush,
                                                   BlkType::kGetId, BlkType::kDiscard, BlkType::kWriteZeroes};

Json to_json(const Histogram& histogram) {
  Json buckets = Json::array();  // [upper bound in us, count], empty ones left out
  for (unsigned bucket = 0; bucket < Histogram::kBuckets; ++bucket) {
    const std::uint64_t count = histogram.in_bucket(bucket);
    if (count != 0) buckets.push_back({Histogram::upper_us(bucket), count});
  }
  return {{"count", histogram.count()},
          {"sum_us", histogram.sum_us()},
          {"p50_us", histogram.quantile_us(0.5)},
          {"p99_us", histogram.quantile_us(0.99)},
          {"p999_us", histogram.quantile_us(0.999)},
          {"buckets", buckets}};
}

// One bound per power of two is enough for a monitoring system.
std::string histogram_lines(const std::string& name, const std::string& labels, const Histogram& histogram) {
  std::string out;
  std::uint64_t sum = 0;
  for (unsigned bucket = 0; bucket < Histogram::kBuckets; ++bucket) {
    sum += histogram.in_bucket(bucket);
    const std::uint64_t bound_us = Histogram::upper_us(bucket) + 1;
    if (bucket % Histogram::kSteps != Histogram::kSteps - 1 || bound_us > (1U << 26U)) continue;
    out +=
        fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name, labels, static_cast<double>(bound_us) / 1e6, sum);
  }
  out += fmt::format("{}_bucket{{{},le=\"+Inf\"}} {}\n", name, labels, histogram.count());
  out += fmt::format("{}_sum{{{}}} {}\n", name, labels, static_cast<double>(histogram.sum_us()) / 1e6);
  out += fmt::format("{}_count{{{}}} {}\n", name, labels, histogram.count());
  return out;
}

std::string osd_lines(const std::string& volume, const OsdTimes& osd) {
  return fmt::format(
      "hanok_storage_osd_operations_total{{volume=\"{0}\"}} {1}\n"
      "hanok_storage_osd_seconds_total{{volume=\"{0}\"}} {2}\n"
      "hanok_storage_osd_in_flight{{volume=\"{0}\"}} {3}\n"
      "hanok_storage_osd_not_read_total{{volume=\"{0}\"}} {4}\n",
      volume, osd.operations(), static_cast<double>(osd.busy_us()) / 1e6, osd.in_flight(),
      osd.not_read.load());
}

Json to_json(const OsdTimes& osd) {
  return {{"operations", osd.operations()},
          {"busy_us", osd.busy_us()},
          {"in_flight", osd.in_flight()},
          {"not_read", osd.not_read.load()}};
}

std::string volume_lines(const std::string& volume, const VolumeStats& stats) {
  std::string out;
  const auto line = [&](const char* name, const char* label, std::string_view value, const Counter& counter) {
    out += fmt::format("hanok_storage_{}_total{{volume=\"{}\",{}=\"{}\"}} {}\n", name, volume, label, value,
                       counter.get());
  };
  for (std::size_t i = 0; i < kBlkTypes; ++i) {
    const std::string_view type = to_string(kTypes[i]);
    line("requests", "type", type, stats.requests[i]);
    line("bytes", "type", type, stats.bytes[i]);
    line("errors", "type", type, stats.errors[i]);
    const std::pair<const char*, const Histogram*> stages[] = {
        {"ring_wait", &stats.ring_wait[i]}, {"throttle", &stats.throttle[i]}, {"librbd", &stats.device[i]}};
    for (const auto& [stage, histogram] : stages) {
      const std::string labels = fmt::format("volume=\"{}\",type=\"{}\",stage=\"{}\"", volume, type, stage);
      if (histogram->count() != 0)
        out += histogram_lines("hanok_storage_latency_seconds", labels, *histogram);
    }
  }
  for (std::size_t i = 1; i < kBlkRefusals; ++i) {
    line("refusals", "reason", to_string(static_cast<BlkRefusal>(i)), stats.refusals[i]);
  }
  for (std::size_t i = 1; i < kRingFaults; ++i) {
    line("ring_faults", "reason", to_string(static_cast<RingFault>(i)), stats.ring_faults[i]);
  }
  line("ring_faults", "reason", "no_status", stats.no_status);
  line("ring_faults", "reason", "memory_vanished", stats.vanished);
  line("replayed", "state", "in_flight", stats.replayed);
  line("orphaned", "state", "in_flight", stats.orphaned);
  line("calls", "to", "guest", stats.calls);
  if (stats.osd != nullptr) out += osd_lines(volume, *stats.osd);
  const std::string labels = fmt::format("volume=\"{}\",type=\"read\",stage=\"osd\"", volume);
  if (stats.osd_reads.count() != 0)
    out += histogram_lines("hanok_storage_latency_seconds", labels, stats.osd_reads);
  return out;
}

}  // namespace

Json to_json(const VolumeStats& stats) {
  Json types = Json::object();
  for (std::size_t i = 0; i < kBlkTypes; ++i) {
    types[std::string(to_string(kTypes[i]))] = {
        {"requests", stats.requests[i].get()},    {"bytes", stats.bytes[i].get()},
        {"errors", stats.errors[i].get()},        {"ring_wait", to_json(stats.ring_wait[i])},
        {"throttle", to_json(stats.throttle[i])}, {"librbd", to_json(stats.device[i])}};
  }
  Json refusals = Json::object();
  for (std::size_t i = 1; i < kBlkRefusals; ++i) {
    refusals[std::string(to_string(static_cast<BlkRefusal>(i)))] = stats.refusals[i].get();
  }
  Json faults = {{"no_status", stats.no_status.get()}, {"memory_vanished", stats.vanished.get()}};
  for (std::size_t i = 1; i < kRingFaults; ++i) {
    faults[std::string(to_string(static_cast<RingFault>(i)))] = stats.ring_faults[i].get();
  }
  return {{"types", types},
          {"refusals", refusals},
          {"ring_faults", faults},
          {"replayed", stats.replayed.get()},
          {"orphaned", stats.orphaned.get()},
          {"osd", stats.osd == nullptr ? Json() : to_json(*stats.osd)},
          {"osd_reads", to_json(stats.osd_reads)},
          {"calls", stats.calls.get()}};
}

std::string prometheus_text(const Target& target) {
  std::string out;
  target.for_each(
      [&out](const std::string& name, const VolumeStats& stats) { out += volume_lines(name, stats); });
  return out;
}

}  // namespace hanok::storage::target
