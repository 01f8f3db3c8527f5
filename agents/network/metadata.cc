#include "agents/network/metadata.h"

#include "common/secret.h"

namespace hanok::agent {
namespace {

std::string text_of(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string();
}

template <typename Put>
void add_keys(const Json& meta, const Put& put) {
  const auto keys = meta.find("public_keys");
  if (keys == meta.end() || !keys->is_object()) return;
  std::string names;
  std::size_t number = 0;
  for (auto it = keys->begin(); it != keys->end(); ++it) {
    if (!it->is_string()) continue;
    const std::string path = "latest/meta-data/public-keys/" + std::to_string(number);
    names += (number == 0 ? "" : "\n") + std::to_string(number) + "=" + it.key();
    put(path + "/openssh-key", it.value().get_ref<const std::string&>());
    ++number;
  }
  if (number != 0) put("latest/meta-data/public-keys", names);
}

}  // namespace

Json metadata_files(const Json& instance, const Json& port) {
  Json out = Json::object();
  const auto config = instance.is_object() ? instance.find("config_drive") : instance.end();
  if (!instance.is_object() || config == instance.end() || !config->is_object()) return out;
  const auto put = [&](const std::string& path, const std::string& content) {
    if (!content.empty()) out[path] = base64_encode(content);
  };
  const Json meta = config->value("meta_data", Json::object());
  put("openstack/latest/meta_data.json", dump_json(meta.is_object() ? meta : Json::object()));
  if (const Json network = config->value("network_data", Json()); network.is_object())
    put("openstack/latest/network_data.json", dump_json(network));
  if (const std::string user_data = text_of(*config, "user_data"); !user_data.empty()) {
    out["openstack/latest/user_data"] = user_data;
    out["latest/user-data"] = user_data;
  }
  if (!meta.is_object()) return out;
  put("latest/meta-data/instance-id", text_of(meta, "uuid"));
  put("latest/meta-data/hostname", text_of(meta, "hostname"));
  put("latest/meta-data/local-hostname", text_of(meta, "hostname"));
  put("latest/meta-data/placement/availability-zone", text_of(meta, "availability_zone"));
  put("latest/meta-data/mac", text_of(port, "mac"));
  for (const Json& address : port.value("addresses", Json::array())) {
    const std::string ip = text_of(address, "ip");
    if (ip.find(':') != std::string::npos) continue;
    put("latest/meta-data/local-ipv4", ip);
    break;
  }
  add_keys(meta, put);
  return out;
}

}  // namespace hanok::agent
