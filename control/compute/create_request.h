#pragma once
// POST /servers, parsed and checked as far as the request alone tells; no database.

#include <optional>
#include <string>
#include <vector>

#include "control/compute/context.h"
#include "control/compute/validate.h"

namespace hanok::compute {

struct NicRequest {
  std::string network_id, port_id;  // one of them
  std::optional<std::string> fixed_ip, tag;
};
enum class NicMode { kDefault, kAuto, kNone, kList };

struct BlockDevice {
  std::string source, destination, uuid;  // image, volume, snapshot, blank; local, volume
  std::int64_t boot_index = -1, size_gib = 0;
  bool delete_on_termination = false;
  std::string device;
  std::optional<std::string> tag;
};

struct CreateRequest {
  std::string name, flavor_id, image_id;
  std::optional<std::string> description, key_name, user_data, hostname;
  std::string admin_pass, disk_config = "MANUAL", access_ipv4, access_ipv6;
  std::string only_host, group_id;
  Metadata metadata;
  std::vector<std::string> tags, security_groups;
  NicMode nic_mode = NicMode::kDefault;
  std::vector<NicRequest> nics;
  std::vector<BlockDevice> devices;
  bool config_drive = false, return_reservation_id = false;
  std::int64_t min_count = 1, max_count = 1;
};
[[nodiscard]] Result<CreateRequest> parse_create(const http::Request& request);

// Shared with rebuild.
[[nodiscard]] Result<std::string> parse_image_ref(const Json& server);
[[nodiscard]] Result<std::optional<std::string>> parse_user_data(const Json& server);
[[nodiscard]] Status parse_access(const Json& server, std::string& ipv4, std::string& ipv6);
[[nodiscard]] Result<std::string> parse_disk_config(const Json& server, const std::string& fallback);

// create_networks.cc, create_devices.cc
[[nodiscard]] Status parse_networks(const http::Request& request, const Json& server, CreateRequest& out);
[[nodiscard]] Status parse_devices(const http::Request& request, const Json& server, CreateRequest& out);

}  // namespace hanok::compute
