// Limits are librbd's own (rbd_qos_*), kept with the image as configuration. A change is told to all that
// have the image open, and whoever holds its lock makes it: a guest's QEMU follows without being asked.
#include <map>

#include "storage/rbd/rbd_image.h"

namespace hanok::storage {
namespace {

constexpr const char* kLimitPrefix = "conf_rbd_qos_";
constexpr std::uint64_t kMaxLimitKeys = 1024;

// What the image's configuration shall say; "" is for keys that shall not be there.
std::map<std::string, std::string> wanted_keys(const Limits& limits) {
  std::map<std::string, std::string> out;
  const auto text = [](std::uint64_t number) { return number == 0 ? std::string() : std::to_string(number); };
  for (const auto name : kLimitNames) {
    const auto it = limits.find(std::string(name));
    const Limit limit = it == limits.end() ? Limit{} : it->second;
    const std::string key = kLimitPrefix + std::string(name);
    out[key + "_limit"] = text(limit.rate);
    out[key + "_burst"] = text(limit.burst);
  }
  return out;
}

}  // namespace

Status set_image_limits(Cluster& cluster, const ImageRef& image, const Limits& limits) {
  HANOK_TRY(open, open_image(cluster, image, OpenMode::kReadWrite));
  std::map<std::string, ceph::bufferlist> there;
  if (const int code = open->image.metadata_list(kLimitPrefix, kMaxLimitKeys, &there); code < 0) {
    return rbd_error(code, "Configuration of " + display(image));
  }
  for (const auto& [key, value] : wanted_keys(limits)) {
    const auto it = there.find(key);
    const std::string now = it == there.end() ? std::string() : it->second.to_str();
    if (now == value) continue;
    const int code = value.empty() ? open->image.metadata_remove(key) : open->image.metadata_set(key, value);
    if (code < 0) return rbd_error(code, "Limit " + key + " of " + display(image));
  }
  return {};
}

}  // namespace hanok::storage
