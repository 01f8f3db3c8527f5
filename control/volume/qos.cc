#include "control/volume/qos.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace hanok::volume {
namespace {

struct LimitKey {
  const char *cinder, *ours;
};
constexpr LimitKey kLimitKeys[] = {
    {"total_iops_sec", "iops"}, {"read_iops_sec", "read_iops"}, {"write_iops_sec", "write_iops"},
    {"total_bytes_sec", "bps"}, {"read_bytes_sec", "read_bps"}, {"write_bytes_sec", "write_bps"},
};
constexpr std::int64_t kMaxRate = std::int64_t{1} << 50;

std::optional<std::int64_t> rate_of(const Json& specs, const std::string& key) {
  const auto it = specs.find(key);
  if (it == specs.end() || !it->is_string()) return std::nullopt;
  const auto& text = it->get_ref<const std::string&>();
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size() || out < 0 || out > kMaxRate)
    return std::nullopt;
  return out;
}

}  // namespace

Status check_qos_specs(const Json& specs) {
  for (const auto& [cinder, ours] : kLimitKeys) {
    static_cast<void>(ours);
    const std::string plain = cinder;
    for (const std::string& key : {plain, plain + "_max", plain + "_per_gb", plain + "_per_gb_min"}) {
      if (specs.contains(key) && !rate_of(specs, key)) {
        return bad_request(
            fmt::format("Invalid input for field/attribute {}. It must be a whole number.", key));
      }
    }
    const std::int64_t burst = rate_of(specs, plain + "_max").value_or(0);
    if (burst > 0 && burst < rate_of(specs, plain).value_or(0)) {
      return bad_request(
          fmt::format("Invalid input for field/attribute {}_max. It is less than {}.", plain, plain));
    }
  }
  return {};
}

Json limits_from(const Json& specs, std::int64_t size_gib) {
  Json out = Json::object();
  for (const auto& [cinder, ours] : kLimitKeys) {
    const std::string plain = cinder;
    std::int64_t rate = rate_of(specs, plain).value_or(0);
    if (const auto per_gib = rate_of(specs, plain + "_per_gb")) {
      rate = std::max(rate_of(specs, plain + "_per_gb_min").value_or(0),
                      std::min(kMaxRate / std::max<std::int64_t>(size_gib, 1), *per_gib) * size_gib);
    }
    const std::int64_t burst = rate_of(specs, plain + "_max").value_or(0);
    // A volume may have grown beyond the burst.
    if (rate > 0) out[ours] = {{"rate", rate}, {"burst", burst >= rate ? burst : 0}};
  }
  return out;
}

Result<Json> limits_of(store::Tx& tx, const std::optional<std::string>& type_id, std::int64_t size_gib) {
  if (!type_id) return Json::object();
  HANOK_TRY(row, tx.query_one("SELECT q.specs AS specs FROM volume_types t JOIN qos_specs q"
                              " ON q.id = t.qos_specs_id WHERE t.id = ?",
                              {*type_id}));
  if (!row) return Json::object();
  return limits_from(row->json("specs"), size_gib);
}

Status touch_limited(store::Tx& tx, const std::string& qos_id) {
  HANOK_TRY(rows, tx.query("SELECT v.id AS id FROM volumes v JOIN volume_types t ON t.id = v.type_id"
                           " WHERE t.qos_specs_id = ?",
                           {qos_id}));
  for (const auto& row : rows) HANOK_CHECK(tx.touch("volume", row.text("id")));
  return {};
}

}  // namespace hanok::volume
