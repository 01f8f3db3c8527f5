#include "control/network/port_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/uuid.h"
#include "control/network/body.h"
#include "control/network/errors.h"

namespace hanok::network {
namespace {

constexpr std::size_t kMaxAddressPairs = 10;
constexpr std::size_t kMaxGroups = 100;

Result<FixedIp> read_fixed_ip(const Json& item) {
  FixedIp out;
  if (!item.is_object()) return invalid_value("fixed_ips", "it is not a list of subnet_id and ip_address");
  for (const auto& [key, value] : item.items()) {
    if (value.is_null()) continue;
    if (!value.is_string() || (key != "subnet_id" && key != "ip_address")) {
      return invalid_value("fixed_ips", "'" + key.substr(0, 50) + "' is not a valid subnet_id or ip_address");
    }
    (key == "subnet_id" ? out.subnet_id : out.ip) = value.get<std::string>();
  }
  if (out.subnet_id && !is_uuid(*out.subnet_id)) {
    return invalid_value("fixed_ips", "'" + out.subnet_id->substr(0, 50) + "' is not a valid UUID");
  }
  if (out.ip) {
    const auto ip = parse_ip(*out.ip);
    if (!ip) return invalid_value("fixed_ips", "'" + out.ip->substr(0, 50) + "' is not a valid IP address");
    out.ip = to_text(*ip);
  }
  return out;
}

}  // namespace

Result<FixedIps> read_fixed_ips(const Json& value) {
  FixedIps out;
  for (const Json& item : value) {
    HANOK_TRY(fixed, read_fixed_ip(item));
    if (fixed.ip) {
      const bool twice =
          std::any_of(out.begin(), out.end(), [&](const FixedIp& f) { return f.ip == fixed.ip; });
      if (twice) return invalid_value("fixed_ips", "Duplicate IP address '" + *fixed.ip + "'");
    }
    out.push_back(std::move(fixed));
  }
  return out;
}

Result<std::string> read_mac(const std::string& text) {
  const auto mac = normalize_mac(text);
  // The lowest bit of the first octet marks a group address (IEEE 802).
  const bool odd = mac && std::string_view("13579bdf").find((*mac)[1]) != std::string_view::npos;
  if (!mac || odd || *mac == "00:00:00:00:00:00") {
    return invalid_value("mac_address", "'" + text.substr(0, 50) + "' is not a valid MAC address");
  }
  return *mac;
}

Result<Json> read_address_pairs(const Json& value, const std::string& port_mac) {
  if (value.size() > kMaxAddressPairs) {
    return bad_request(
        "The number of allowed address pair exceeds the maximum " + std::to_string(kMaxAddressPairs) + ".",
        "AddressPairExhausted");
  }
  Json out = Json::array();
  for (const Json& item : value) {
    const std::string ip = item.is_object() ? text_of(item, "ip_address") : "";
    const auto prefix = parse_prefix(ip, true);
    if (!prefix)
      return invalid_value("allowed_address_pairs",
                           "'" + ip.substr(0, 50) + "' is not a valid IP address or subnet");
    for (const auto& [key, unused] : item.items()) {
      if (key != "ip_address" && key != "mac_address") {
        return bad_request("Unrecognized attribute(s) '" + key.substr(0, 50) + "'", "HTTPBadRequest");
      }
    }
    std::string mac = port_mac;
    if (item.contains("mac_address") && !item["mac_address"].is_null()) {
      HANOK_TRY(given, read_mac(text_of(item, "mac_address")));
      mac = std::move(given);
    }
    Json pair = {{"ip_address", ip}, {"mac_address", mac}};
    if (std::find(out.begin(), out.end(), pair) != out.end()) {
      return bad_request(
          fmt::format("Request contains duplicate address pair: mac_address {} ip_address {}.", mac, ip),
          "DuplicateAddressPairInRequest");
    }
    out.push_back(std::move(pair));
  }
  return out;
}

Result<std::vector<std::string>> read_group_ids(const Json& value) {
  std::vector<std::string> out;
  if (value.size() > kMaxGroups) return invalid_value("security_groups", "more than 100 groups");
  for (const Json& id : value) {
    if (!id.is_string() || !is_uuid(id.get<std::string>())) {
      return invalid_value("security_groups", "'" + dump_json(id).substr(0, 100) + "' is not a valid UUID");
    }
    if (std::find(out.begin(), out.end(), id.get<std::string>()) == out.end())
      out.push_back(id.get<std::string>());
  }
  return out;
}

Status check_vnic_type(const std::string& vnic_type) {
  static constexpr std::array<std::string_view, 10> kTypes = {"normal",
                                                              "direct",
                                                              "macvtap",
                                                              "baremetal",
                                                              "direct-physical",
                                                              "virtio-forwarder",
                                                              "smart-nic",
                                                              "accelerator-direct",
                                                              "accelerator-direct-physical",
                                                              "vdpa"};
  if (std::find(kTypes.begin(), kTypes.end(), vnic_type) != kTypes.end()) return {};
  return invalid_value("binding:vnic_type", "'" + vnic_type.substr(0, 50) + "' is not a known type");
}

}  // namespace hanok::network
