#include "control/network/dhcp_options.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/network/body.h"
#include "control/network/errors.h"
#include "control/network/ip_address.h"

namespace hanok::network {
namespace {

constexpr std::size_t kMaxOptions = 64;  // of a port
constexpr std::size_t kMaxText = 255;

enum class Form { kText, kAddresses, kNumber8, kNumber16, kNumber32, kNames, kRoutes };
struct Option {
  std::string_view name;
  int version;
  unsigned code;
  Form form;
};

// The names that Neutron's users know (dnsmasq's), by IANA's numbers.
constexpr Option kOptions[] = {
    {"netmask", 4, 1, Form::kAddresses},
    {"time-offset", 4, 2, Form::kNumber32},
    {"router", 4, 3, Form::kAddresses},
    {"time-server", 4, 4, Form::kAddresses},
    {"dns-server", 4, 6, Form::kAddresses},
    {"log-server", 4, 7, Form::kAddresses},
    {"lpr-server", 4, 9, Form::kAddresses},
    {"hostname", 4, 12, Form::kText},
    {"boot-file-size", 4, 13, Form::kNumber16},
    {"domain-name", 4, 15, Form::kText},
    {"root-path", 4, 17, Form::kText},
    {"extension-path", 4, 18, Form::kText},
    {"ip-forward-enable", 4, 19, Form::kNumber8},
    {"default-ttl", 4, 23, Form::kNumber8},
    {"mtu", 4, 26, Form::kNumber16},
    {"broadcast", 4, 28, Form::kAddresses},
    {"ntp-server", 4, 42, Form::kAddresses},
    {"netbios-ns", 4, 44, Form::kAddresses},
    {"tftp-server", 4, 66, Form::kText},
    {"bootfile-name", 4, 67, Form::kText},
    {"domain-search", 4, 119, Form::kNames},
    {"classless-static-route", 4, 121, Form::kRoutes},
    {"tftp-server-address", 4, 150, Form::kAddresses},
    {"wpad", 4, 252, Form::kText},
    {"dns-server", 6, 23, Form::kAddresses},
    {"domain-search", 6, 24, Form::kNames},
    {"sntp-server", 6, 31, Form::kAddresses},
    {"information-refresh-time", 6, 32, Form::kNumber32},
    {"bootfile-url", 6, 59, Form::kText},
};

// DHCP's own conversation; the data plane speaks for itself there.
bool is_protocols_own(int version, unsigned code) {
  if (version == 6) return code <= 20 || code == 25 || code == 26;
  return code == 0 || code > 254 || (code >= 50 && code <= 59) || code == 61 || code == 82;
}

class Value {
 public:
  void put(unsigned byte) {
    static constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[byte >> 4U & 15U];
    hex += kDigits[byte & 15U];
  }
  void put_text(std::string_view text) {
    for (const char c : text) put(static_cast<unsigned char>(c));
  }
  void put_address(const IpAddress& address, int bytes) {
    for (int i = 0; i < bytes; ++i) put(address.bytes[static_cast<std::size_t>(i)]);
  }
  std::string hex;
};

std::vector<std::string_view> parts_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (true) {
    const std::size_t comma = text.find(',');
    std::string_view part = text.substr(0, comma);
    while (part.starts_with(' ')) part.remove_prefix(1);
    while (part.ends_with(' ')) part.remove_suffix(1);
    out.push_back(part);
    if (comma == std::string_view::npos) return out;
    text.remove_prefix(comma + 1);
  }
}

bool put_addresses(Value& out, std::string_view text, int version) {
  for (std::string_view part : parts_of(text)) {
    // dnsmasq wants IPv6 addresses in brackets, and users have learned it.
    if (part.starts_with('[') && part.ends_with(']')) part = part.substr(1, part.size() - 2);
    const auto address = parse_ip(part);
    if (!address || address->version != version) return false;
    out.put_address(*address, version == 4 ? 4 : 16);
  }
  return true;
}

bool put_number(Value& out, std::string_view text, unsigned bytes) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return false;
  const std::int64_t limit = std::int64_t{1} << (8U * bytes);
  if (number >= limit || number < -limit / 2) return false;
  for (unsigned i = bytes; i-- > 0;) out.put(static_cast<unsigned>(number >> (8U * i)) & 0xffU);
  return true;
}

bool put_names(Value& out, std::string_view text) {
  for (const std::string_view name : parts_of(text)) {
    std::string_view rest = name;
    while (!rest.empty()) {
      const std::string_view label = rest.substr(0, rest.find('.'));
      if (label.empty() || label.size() > 63) return false;
      out.put(static_cast<unsigned>(label.size()));
      out.put_text(label);
      rest.remove_prefix(std::min(rest.size(), label.size() + 1));
    }
    out.put(0);
  }
  return true;
}

// "10.0.0.0/8,10.1.1.1,..." (RFC 3442)
bool put_routes(Value& out, std::string_view text) {
  const auto parts = parts_of(text);
  if (parts.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < parts.size(); i += 2) {
    const auto to = parse_prefix(parts[i], true);
    const auto by = parse_ip(parts[i + 1]);
    if (!to || !by || to->address.version != 4 || by->version != 4) return false;
    out.put(static_cast<unsigned>(to->length));
    out.put_address(to->first(), (to->length + 7) / 8);
    out.put_address(*by, 4);
  }
  return true;
}

bool put_value(Value& out, const Option& option, std::string_view text) {
  switch (option.form) {
    case Form::kText:
      out.put_text(text);
      return !text.empty();
    case Form::kAddresses:
      return put_addresses(out, text, option.version);
    case Form::kNumber8:
      return put_number(out, text, 1);
    case Form::kNumber16:
      return put_number(out, text, 2);
    case Form::kNumber32:
      return put_number(out, text, 4);
    case Form::kNames:
      return put_names(out, text);
    case Form::kRoutes:
      return put_routes(out, text);
  }
  return false;
}

// By name, or by number; a number that no row has is taken as addresses where it reads so, else as text.
std::optional<Option> find_option(std::string_view name, int version, std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool is_number = error == std::errc{} && end == name.data() + name.size();
  for (const Option& option : kOptions) {
    if (option.version == version && (is_number ? option.code == number : option.name == name)) return option;
  }
  if (!is_number || is_protocols_own(version, number) || number > 65535) return std::nullopt;
  Value probe;
  return Option{"", version, number, put_addresses(probe, text, version) ? Form::kAddresses : Form::kText};
}

Result<Json> read_option(const Json& item) {
  const auto wrong = [](const std::string& why) { return invalid_value("extra_dhcp_opts", why); };
  if (!item.is_object()) return wrong("not an object");
  for (const auto& [key, unused] : item.items()) {
    if (key != "opt_name" && key != "opt_value" && key != "ip_version")
      return wrong("unexpected key '" + key.substr(0, 50) + "'");
  }
  const std::string name = text_of(item, "opt_name");
  if (name.empty() || name.size() > 64) return wrong("opt_name has 1 to 64 characters");
  const Json value = item.value("opt_value", Json());
  if (!value.is_null() && (!value.is_string() || value.get<std::string>().size() > kMaxText))
    return wrong("opt_value is a text of at most 255 characters, or null");
  Json version = item.value("ip_version", Json(4));
  if (version == "4" || version == "6") version = version == "4" ? 4 : 6;
  if (version != 4 && version != 6) return wrong("ip_version is 4 or 6");
  return Json{{"opt_name", name}, {"opt_value", value}, {"ip_version", version}};
}

}  // namespace

Result<Json> merge_dhcp_options(const Json& stored, const Json& value) {
  Json out = stored;
  for (const Json& item : value) {
    HANOK_TRY(option, read_option(item));
    const auto same = std::find_if(out.begin(), out.end(), [&](const Json& other) {
      return other["opt_name"] == option["opt_name"] && other["ip_version"] == option["ip_version"];
    });
    if (same != out.end()) out.erase(same);
    if (!option["opt_value"].is_null()) out.push_back(std::move(option));
  }
  if (out.size() > kMaxOptions) return invalid_value("extra_dhcp_opts", "more than 64 options");
  return out;
}

Json render_dhcp_options(const Json& stored) {
  Json out = Json::array();
  for (const Json& item : stored) {
    const std::string name = item.value("opt_name", ""), text = item.value("opt_value", "");
    const int version = item.value("ip_version", 4);
    const auto option = find_option(name, version, text);
    Value value;
    if (!option || !put_value(value, *option, text)) continue;
    if (version == 4 && value.hex.size() > 2 * kMaxText) continue;
    out.push_back({{"ip_version", version}, {"code", option->code}, {"data", std::move(value.hex)}});
  }
  return out;
}

}  // namespace hanok::network
