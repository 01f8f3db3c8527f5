// POST /servers: one transaction makes the rows, the ports and the volume attachments, and picks the host.

#include <fmt/format.h>

#include "common/uuid.h"
#include "control/compute/actions.h"
#include "control/compute/attach.h"
#include "control/compute/create_request.h"
#include "control/compute/quota.h"
#include "control/compute/scheduler.h"
#include "control/compute/servers.h"
#include "control/compute/tasks.h"
#include "control/image/image.h"

namespace hanok::compute {
namespace {

constexpr std::int64_t kGib = std::int64_t{1} << 30;

// What is looked up once for all servers of a request.
struct Parts {
  Flavor flavor;
  std::optional<image::ImageView> image;
  std::optional<std::string> key_public, key_type;
  std::vector<std::string> networks;  // of NicMode::kDefault and kAuto
};

Result<std::optional<image::ImageView>> find_boot_image(store::Tx& tx, const http::Request& request,
                                                        const std::string& id, const Flavor& flavor) {
  if (id.empty()) return std::optional<image::ImageView>{};
  auto found = image::find_image(tx, id, request.caller.project_id, request.caller.is_admin);
  if (!found.ok()) return bad_request(fmt::format("Image {} could not be found.", id));
  HANOK_CHECK(check_image_fits(*found, flavor));
  return std::optional<image::ImageView>{std::move(*found)};
}

Result<std::vector<std::string>> networks_for(store::Tx& tx, const http::Request& request,
                                              const CreateRequest& spec) {
  if (spec.nic_mode != NicMode::kDefault && spec.nic_mode != NicMode::kAuto)
    return std::vector<std::string>{};
  HANOK_TRY(networks, network::default_networks(tx, request.caller.project_id));
  if (networks.size() > 1) {
    return conflict("Multiple possible networks found, use a Network ID to be more specific.");
  }
  if (networks.empty() && spec.nic_mode == NicMode::kAuto) {
    return bad_request("Unable to automatically allocate a network: the project has none.");
  }
  return networks;
}

Status check_nics(store::Tx& tx, const http::Request& request, const CreateRequest& spec) {
  for (const auto& nic : spec.nics) {
    if (!nic.network_id.empty()) {
      if (!network::check_network(tx, nic.network_id, request.caller.project_id).ok()) {
        return bad_request(fmt::format("Network {} could not be found.", nic.network_id));
      }
      continue;
    }
    HANOK_CHECK(check_free_port(tx, request, nic.port_id));
  }
  for (const auto& group : spec.security_groups) {
    auto found = network::find_security_group(tx, group, request.caller.project_id);
    if (found.ok()) continue;
    if (found.error().code == ErrorCode::kConflict) return found.take_error();
    return bad_request(
        fmt::format("Security group {} not found for project {}.", group, request.caller.project_id));
  }
  return {};
}

Result<Parts> find_parts(store::Tx& tx, const http::Request& request, const CreateRequest& spec) {
  Parts out;
  auto flavor = find_flavor(tx, spec.flavor_id, request.caller);
  if (!flavor.ok()) return bad_request(flavor.error().message);
  out.flavor = std::move(*flavor);
  HANOK_TRY(image, find_boot_image(tx, request, spec.image_id, out.flavor));
  out.image = std::move(image);
  if (spec.key_name) {
    HANOK_TRY(key, tx.query_one("SELECT public_key, type FROM keypairs WHERE user_id = ? AND name = ?",
                                {request.caller.user_id, *spec.key_name}));
    if (!key) return bad_request("Invalid key_name provided.");
    out.key_public = key->text("public_key");
    out.key_type = key->text("type");
  }
  HANOK_TRY(most, quota_limit(tx, request.caller.project_id, "metadata_items"));
  if (most >= 0 && static_cast<std::int64_t>(spec.metadata.size()) > most) {
    return over_quota(fmt::format("Maximum number of metadata items exceeds {}", most));
  }
  HANOK_TRY(networks, networks_for(tx, request, spec));
  out.networks = std::move(networks);
  HANOK_CHECK(check_nics(tx, request, spec));
  return out;
}

// As many as the quota lets be between min_count and max_count.
Result<std::int64_t> count_within_quota(store::Tx& tx, const http::Request& request,
                                        const CreateRequest& spec, const Flavor& flavor) {
  for (std::int64_t count = spec.max_count;; --count) {
    auto fits =
        check_quota(tx, request.caller.project_id,
                    {.instances = count, .cores = count * flavor.vcpus, .ram_mib = count * flavor.ram_mib});
    if (fits.ok()) return count;
    if (count == spec.min_count) return fits.take_error();
  }
}

// Policies of server groups: hosts that the new member must avoid, or the one host it must go to.
Status apply_group(store::Tx& tx, const http::Request& request, const CreateRequest& spec,
                   PlacementRequest& out) {
  if (spec.group_id.empty()) return {};
  HANOK_TRY(group, tx.query_one("SELECT policy FROM server_groups WHERE id = ? AND project_id = ?",
                                {spec.group_id, request.caller.project_id}));
  if (!group) return bad_request(fmt::format("Instance group {} could not be found.", spec.group_id));
  HANOK_TRY(members, tx.query("SELECT DISTINCT host FROM servers JOIN server_group_members ON server_id = id"
                              " WHERE group_id = ? AND deleted = 0 AND host <> ''",
                              {spec.group_id}));
  if (group->text("policy") == "anti-affinity") {
    for (const auto& row : members) out.avoid.insert(row.text("host"));
    out.why_avoid = fmt::format("another member of anti-affinity group {} is there", spec.group_id);
  }
  if (group->text("policy") == "affinity" && !members.empty() && out.only_host.empty()) {
    out.only_host = members.front().text("host");
  }
  return {};
}

Server new_server(const http::Request& request, const CreateRequest& spec, const Parts& parts,
                  std::int64_t now_us) {
  Server out;
  out.id = new_uuid();
  out.name = spec.name;
  out.description = spec.description;
  out.project_id = request.caller.project_id;
  out.user_id = request.caller.user_id;
  out.flavor = parts.flavor;
  if (parts.image) {
    out.image_id = parts.image->id;
    out.image = {{"format", parts.image->disk_format},
                 {"min_ram_mib", parts.image->min_ram_mib},
                 {"min_disk_gib", parts.image->min_disk_gib},
                 {"container_format", parts.image->container_format}};
  }
  out.zone = "nova";
  out.request_id = request.request_id;
  out.key_name = spec.key_name;
  out.key_public = parts.key_public;
  out.key_type = parts.key_type;
  out.user_data = spec.user_data;
  out.config_drive = spec.config_drive;
  out.disk_config = spec.disk_config;
  out.access_ipv4 = spec.access_ipv4;
  out.access_ipv6 = spec.access_ipv6;
  out.created_us = now_us;
  return out;
}

Status save_extras(store::Tx& tx, const Server& server, const CreateRequest& spec) {
  for (const auto& [name, value] : spec.metadata) {
    HANOK_CHECK(tx.execute("INSERT INTO server_metadata (server_id, name, value) VALUES (?, ?, ?)",
                           {server.id, name, value}));
  }
  for (const auto& tag : spec.tags) {
    HANOK_CHECK(
        tx.execute("INSERT OR IGNORE INTO server_tags (server_id, tag) VALUES (?, ?)", {server.id, tag}));
  }
  if (!spec.group_id.empty()) {
    HANOK_CHECK(tx.execute("INSERT INTO server_group_members (group_id, server_id) VALUES (?, ?)",
                           {spec.group_id, server.id}));
  }
  return {};
}

Status make_nics(store::Tx& tx, const http::Request& request, const Server& server, const CreateRequest& spec,
                 const Parts& parts, std::int64_t now_us) {
  std::vector<NicRequest> nics = spec.nics;
  for (const auto& network : parts.networks)
    nics.push_back({.network_id = network, .port_id = "", .fixed_ip = {}, .tag = {}});
  for (const auto& nic : nics) {
    HANOK_CHECK(attach_nic(tx, request, server, nic, spec.security_groups, now_us));
  }
  return {};
}

Status make_volumes(store::Tx& tx, const http::Request& request, Server& server, const CreateRequest& spec,
                    std::int64_t now_us) {
  // The root disk's device is /dev/vda whatever its place in the list.
  for (const bool root : {true, false}) {
    for (const auto& device : spec.devices) {
      if ((device.boot_index == 0) != root) continue;
      HANOK_CHECK(attach_device(tx, request, server, device, now_us));
    }
  }
  return {};
}

Result<Server> create_one(store::Tx& tx, const http::Request& request, const CreateRequest& spec,
                          const Parts& parts, std::int64_t index, std::int64_t count, std::int64_t now_us) {
  Server server = new_server(request, spec, parts, now_us);
  if (count > 1) server.name = fmt::format("{}-{}", spec.name, index + 1);
  server.hostname = spec.hostname && count == 1 ? *spec.hostname : hostname_from(server.name, server.id);
  server.launch_index = index;
  PlacementRequest want{.flavor = parts.flavor,
                        .root_on_image = parts.image.has_value(),
                        .only_host = spec.only_host,
                        .avoid = {},
                        .why_avoid = {}};
  HANOK_CHECK(apply_group(tx, request, spec, want));
  HANOK_TRY(placement, place(tx, want, now_us));
  server.host = placement.host;
  begin_task(server, "spawning", kBuildSeconds, now_us);
  HANOK_CHECK(insert_server(tx, server));
  HANOK_CHECK(save_extras(tx, server, spec));
  HANOK_CHECK(begin_action(tx, server, request, "create", now_us));
  if (server.host.empty()) {
    const std::string why = "No valid host was found. " + placement.reason;
    set_error(server, 500, why, why, false, now_us);
    HANOK_CHECK(save_server(tx, server, now_us));
    HANOK_CHECK(finish_action(tx, server.id, why, now_us));
    return server;
  }
  HANOK_CHECK(make_nics(tx, request, server, spec, parts, now_us));
  HANOK_CHECK(make_volumes(tx, request, server, spec, now_us));
  HANOK_CHECK(change_server(tx, server, now_us));
  return server;
}

http::Response answer(const http::Request& request, const CreateRequest& spec, const Server& first,
                      const std::string& reservation_id) {
  if (spec.return_reservation_id) return http::accepted({{"reservation_id", reservation_id}});
  Json groups = Json::array();
  for (const auto& name : spec.security_groups) groups.push_back({{"name", name}});
  if (groups.empty()) groups.push_back({{"name", "default"}});
  Json out = {{"id", first.id},
              {"links", links_of(request, "servers/" + first.id)},
              {"OS-DCF:diskConfig", first.disk_config},
              {"security_groups", std::move(groups)},
              {"adminPass", spec.admin_pass}};
  auto response = http::accepted({{"server", std::move(out)}});
  response.headers["Location"] = fmt::format("{}/v2.1/servers/{}", request.base_url, first.id);
  return response;
}

}  // namespace

Status check_image_fits(const image::ImageView& image, const Flavor& flavor) {
  if (image.status != "active") return bad_request(fmt::format("Image {} is not active.", image.id));
  if (image.min_ram_mib > flavor.ram_mib)
    return bad_request("Flavor's memory is too small for requested image.");
  if (flavor.disk_gib == 0) return {};  // the disk takes the image's size
  if (image.min_disk_gib > flavor.disk_gib) {
    return bad_request(
        fmt::format("Flavor's disk is too small for requested image. Flavor disk is {} GiB, "
                    "minimum size is {} GiB.",
                    flavor.disk_gib, image.min_disk_gib));
  }
  const std::int64_t size = std::max(image.size_bytes, image.virtual_size_bytes);
  if (size > flavor.disk_gib * kGib) {
    return bad_request(
        fmt::format("Flavor's disk is too small for requested image. Flavor disk is {} bytes, "
                    "image is {} bytes.",
                    flavor.disk_gib * kGib, size));
  }
  return {};
}

Answer create_server(Context& context, http::Request& request) {
  HANOK_TRY(spec, parse_create(request));
  return context.database.write([&](store::Tx& tx) -> Answer {
    const std::int64_t now_us = context.clock.now_us();
    HANOK_TRY(parts, find_parts(tx, request, spec));
    HANOK_TRY(count, count_within_quota(tx, request, spec, parts.flavor));
    const std::string reservation_id = "r-" + new_uuid_hex().substr(0, 8);
    std::optional<Server> first;
    for (std::int64_t index = 0; index < count; ++index) {
      HANOK_TRY(server, create_one(tx, request, spec, parts, index, count, now_us));
      HANOK_CHECK(
          tx.execute("UPDATE servers SET reservation_id = ? WHERE id = ?", {reservation_id, server.id}));
      if (!first) first = std::move(server);
    }
    return answer(request, spec, *first, reservation_id);
  });
}

}  // namespace hanok::compute
