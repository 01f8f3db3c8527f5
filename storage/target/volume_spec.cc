#include <algorithm>

#include "storage/target/config_space.h"
#include "storage/target/target.h"

namespace hanok::storage::target {
namespace {

constexpr std::size_t kFsid_chars = 36;

// Names go into file names of ours, and pool and image are joined by '/'.
Status check_name(const std::string& field, const std::string& name) {
  const bool good = !name.empty() && name[0] != '.' && std::all_of(name.begin(), name.end(), [](char letter) {
    return letter > ' ' && letter != '/' && letter != '@' && letter != 0x7f;
  });
  return good ? Status{} : bad_request(field + ": not a name of a pool or image");
}

Result<std::uint64_t> limit(const Json& json, const std::string& key) {
  HANOK_TRY(value, get_int(json, key));
  constexpr std::int64_t kMost = 1'000'000'000'000;
  if (value && (*value < 0 || *value > kMost)) return bad_request(key + ": 0 (none) to 10^12");
  return static_cast<std::uint64_t>(value.value_or(0));
}

}  // namespace

Result<VolumeSpec> volume_spec(const Json& json) {
  VolumeSpec out;
  HANOK_TRY(pool, need_string(json, "pool"));
  HANOK_TRY(image, need_string(json, "image", 200));
  HANOK_TRY(socket, need_string(json, "socket", 107));
  HANOK_CHECK(check_name("pool", pool));
  HANOK_CHECK(check_name("image", image));
  if (socket.empty() || socket[0] != '/') return bad_request("socket: an absolute path is needed");
  HANOK_TRY(serial, get_string(json, "serial"));
  HANOK_TRY(cluster, get_string(json, "cluster", kFsid_chars));
  HANOK_TRY(queues, get_int(json, "queues"));
  if (queues && (*queues < 1 || *queues > kMaxQueues)) return bad_request("queues: 1 to 16");
  HANOK_TRY(read_only, get_bool(json, "read_only"));
  HANOK_TRY(requests_per_s, limit(json, "requests_per_s"));
  HANOK_TRY(bytes_per_s, limit(json, "bytes_per_s"));
  HANOK_TRY(encryption, get_object(json, "encryption"));
  if (encryption != nullptr) {
    HANOK_TRY(format, need_string(*encryption, "format"));
    HANOK_TRY(passphrase, need_string(*encryption, "passphrase"));
    if (format != "luks1" && format != "luks2") return bad_request("encryption.format: luks1 or luks2");
    if (passphrase.empty()) return bad_request("encryption.passphrase: must not be empty");
    out.encryption = format;
    out.passphrase = passphrase;
  }
  out.pool = pool;
  out.image = image;
  out.socket = socket;
  out.serial = serial.value_or("");
  out.cluster = cluster.value_or("");
  out.queues = static_cast<std::uint16_t>(queues.value_or(1));
  out.read_only = read_only.value_or(false);
  out.limits = {requests_per_s, bytes_per_s};
  return out;
}

Json to_json(const VolumeSpec& spec) {
  return {{"pool", spec.pool},
          {"image", spec.image},
          {"socket", spec.socket},
          {"serial", spec.serial},
          {"cluster", spec.cluster},
          {"queues", spec.queues},
          {"read_only", spec.read_only},
          {"encrypted", !spec.encryption.empty()},
          {"requests_per_s", spec.limits.requests_per_s},
          {"bytes_per_s", spec.limits.bytes_per_s}};
}

}  // namespace hanok::storage::target
