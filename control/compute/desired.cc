// The instance kind: what agents see of a server. The form is in docs/architecture.md.

#include <fmt/format.h>

#include "common/secret.h"
#include "control/compute/compute.h"
#include "control/compute/observed.h"
#include "control/compute/server.h"
#include "control/volume/volume.h"

namespace hanok::compute {
namespace {

constexpr const char* kImagePool = "images";

Json root_of(const Server& server) {
  if (server.image_id.empty()) return {{"type", "volume"}};
  const storage::ImageRef disk = root_image(server);
  return {{"type", "image"},
          {"image",
           {{"pool", kImagePool},
            {"name", server.image_id},
            {"snapshot", "snap"},
            {"format", server.image.is_object() ? server.image.value("format", "raw") : "raw"}}},
          {"disk", {{"pool", disk.pool}, {"name", disk.name}}},
          {"transport", server.flavor.extra_specs.value(volume::kTransportSpec, volume::kTransportRbd)},
          {"size_gib", server.flavor.disk_gib}};
}

Json nics_of(const std::vector<network::PortView>& ports) {
  Json out = Json::array();
  for (const auto& port : ports) out.push_back({{"port_id", port.id}, {"mac", port.mac}, {"mtu", port.mtu}});
  return out;
}

// Volumes that must be there or go; nullopt while one to start with is still being made.
Result<std::optional<Json>> volumes_json(store::Tx& tx, const Server& server) {
  HANOK_TRY(volumes, volumes_of(tx, server.id));
  Json out = Json::array();
  for (const auto& volume : volumes) {
    if (volume.state == "creating") return std::optional<Json>{};
    auto found = volume::find_volume(tx, volume.volume_id, server.project_id, true);
    if (!found.ok()) continue;  // gone: nothing to attach
    HANOK_TRY(transport, volume::transport_of(tx, volume.volume_id, server.id));
    HANOK_TRY(encryption, volume::encryption_of(tx, volume.volume_id));
    out.push_back({{"volume_id", volume.volume_id},
                   {"pool", found->pool},
                   {"image", found->rbd_image},
                   {"size_gib", found->size_gib},
                   {"device", volume.device},
                   {"encryption", std::move(encryption)},
                   {"transport", std::move(transport)},
                   {"boot_index", volume.boot_index},
                   {"attached", volume.state != "detaching"}});
  }
  return std::optional<Json>{std::move(out)};
}

Result<Json> meta_data_of(store::Tx& tx, const Server& server) {
  Json meta = Json::object();
  HANOK_TRY(rows, tx.query("SELECT name, value FROM server_metadata WHERE server_id = ?", {server.id}));
  for (const auto& row : rows) meta[row.text("name")] = row.text("value");
  Json out = {{"uuid", server.id},
              {"name", server.name},
              {"hostname", server.hostname},
              {"availability_zone", server.zone},
              {"project_id", server.project_id},
              {"launch_index", server.launch_index},
              {"meta", std::move(meta)}};
  if (server.key_name && server.key_public) {
    out["public_keys"] = {{*server.key_name, *server.key_public}};
    out["keys"] = Json::array({{{"name", *server.key_name},
                                {"type", server.key_type.value_or("ssh")},
                                {"data", *server.key_public}}});
  }
  return out;
}

// The network_data.json of a config drive; addresses come by DHCP.
Json network_data_of(const std::vector<network::PortView>& ports) {
  Json links = Json::array();
  Json networks = Json::array();
  for (const auto& port : ports) {
    const std::string link = "tap" + port.id.substr(0, 11);
    links.push_back({{"id", link},
                     {"type", "phy"},
                     {"vif_id", port.id},
                     {"mtu", port.mtu},
                     {"ethernet_mac_address", port.mac}});
    for (const auto& address : port.addresses) {
      networks.push_back({{"id", fmt::format("network{}", networks.size())},
                          {"type", address.ip_version == 4 ? "ipv4_dhcp" : "ipv6_dhcp"},
                          {"link", link},
                          {"network_id", port.network_id}});
    }
  }
  return {{"links", std::move(links)}, {"networks", std::move(networks)}, {"services", Json::array()}};
}

Json upload_of(const Server& server) {
  if (server.upload_image_id.empty()) return nullptr;
  return {{"image_id", server.upload_image_id}, {"pool", kImagePool}, {"name", server.upload_image_id}};
}

Result<Json> render_instance(store::Tx& tx, const std::string& id, const std::string& host) {
  HANOK_TRY(found, load_server(tx, id));
  if (!found || found->deleted || found->host != host) return Json();
  const Server& server = *found;
  // A server with a host that failed before it was asked for again stays as its agent last saw it.
  HANOK_TRY(volumes, volumes_json(tx, server));
  if (!volumes && !server.delete_wanted) return Json();
  HANOK_TRY(ports, network::ports_of_device(tx, server.id));
  HANOK_TRY(meta_data, meta_data_of(tx, server));
  return Json{{"name", server.name},
              {"host", server.host},
              {"project_id", server.project_id},
              {"vcpus", server.flavor.vcpus},
              {"ram_mib", server.flavor.ram_mib},
              {"root", root_of(server)},
              {"nics", nics_of(ports)},
              {"volumes", volumes ? *volumes : Json::array()},
              {"power", server.power_wanted},
              {"reboot", {{"serial", server.reboot_serial}, {"type", server.reboot_type}}},
              {"rebuild_serial", server.rebuild_serial},
              {"config_drive",
               {{"meta_data", std::move(meta_data)},
                {"user_data", server.user_data ? Json(*server.user_data) : Json()},
                {"network_data", network_data_of(ports)}}},
              {"upload", upload_of(server)},
              {"deleted", server.delete_wanted},
              {"deadline_us", server.deadline_us},
              {"request_id", server.request_id}};
}

}  // namespace

std::vector<bus::Kind> compute_kinds(const Clock& clock) {
  const auto observe = [&clock](store::Tx& tx, const std::string& host, const std::string& id,
                                const Json& observed) {
    return observe_instance(tx, host, id, observed, clock.now_us());
  };
  return {{.name = "instance", .render = render_instance, .observe = observe}};
}

}  // namespace hanok::compute
