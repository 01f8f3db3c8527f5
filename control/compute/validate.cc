#include "control/compute/validate.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/secret.h"

namespace hanok::compute {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

std::string strip(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return std::string(text);
}

bool is_alnum(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0;
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

Result<std::string> need_name(const Json& json, const std::string& key) {
  HANOK_TRY(text, need_string(json, key, std::size_t{255} * 4));
  const bool printable = std::none_of(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  std::string out = strip(text);
  if (out.empty() || utf8_length(text) > 255 || !printable) {
    return bad_request(fmt::format(
        "Invalid input for field/attribute {}: it must be 1 to 255 printable characters, not only blanks.",
        key));
  }
  return out;
}

bool is_flavor_id(std::string_view id) {
  return !id.empty() && id.size() <= 255 && id.front() != ' ' && id.back() != ' ' &&
         std::all_of(id.begin(), id.end(), [](char c) {
           return is_alnum(c) || std::string_view("_-. ").find(c) != std::string_view::npos;
         });
}

Result<double> need_factor(const Json& json) {
  const auto it = json.find("rxtx_factor");
  if (it == json.end() || it->is_null()) return 1.0;
  double out = 0;
  if (it->is_number()) {
    out = it->get<double>();
  } else if (it->is_string()) {
    const auto text = it->get<std::string>();
    char* end = nullptr;
    out = std::strtod(text.c_str(), &end);
    if (text.empty() || text.size() > 32 || *end != 0) out = 0;
  }
  if (!(out > 0 && out < 1e9)) return bad_request("Invalid input for field/attribute rxtx_factor.");
  return out;
}

Result<Metadata> parse_metadata(const Json& json, bool may_be_empty) {
  if (!json.is_object())
    return bad_request("Invalid input for field/attribute metadata: it must be an object.");
  if (json.empty() && !may_be_empty)
    return bad_request("Invalid input for field/attribute metadata: it is empty.");
  Metadata out;
  for (const auto& [name, value] : json.items()) {
    if (name.empty() || utf8_length(name) > 255) {
      return bad_request("Invalid input for field/attribute metadata: names have 1 to 255 characters.");
    }
    const bool clean = std::all_of(name.begin(), name.end(), [](char c) {
      return is_alnum(c) || std::string_view("_-.: ").find(c) != std::string_view::npos ||
             (static_cast<unsigned char>(c) & 0x80U) != 0;
    });
    if (!clean)
      return bad_request("Invalid input for field/attribute metadata: a name has unsafe characters.");
    if (!value.is_string() || utf8_length(value.get_ref<const std::string&>()) > 255) {
      return bad_request(fmt::format(
          "Invalid input for field/attribute {}: metadata values are text of at most 255 characters.", name));
    }
    out[name] = value.get<std::string>();
  }
  return out;
}

Json metadata_json(const Metadata& metadata) {
  Json out = Json::object();
  for (const auto& [name, value] : metadata) out[name] = value;
  return out;
}

Status check_tag(const Json& tag) {
  if (!tag.is_string()) return bad_request("Invalid input: a tag must be text.");
  const auto& text = tag.get_ref<const std::string&>();
  if (text.empty() || utf8_length(text) > 60 || text.find_first_of(",/") != std::string::npos) {
    return bad_request("Invalid input: a tag has 1 to 60 characters without ',' and '/'.");
  }
  return {};
}

bool is_ipv4(const std::string& text) {
  in_addr out{};
  return inet_pton(AF_INET, text.c_str(), &out) == 1;
}

bool is_ipv6(const std::string& text) {
  in6_addr out{};
  return inet_pton(AF_INET6, text.c_str(), &out) == 1;
}

std::string canonical_ipv6(const std::string& text) {
  in6_addr address{};
  std::array<char, INET6_ADDRSTRLEN> out{};
  if (inet_pton(AF_INET6, text.c_str(), &address) != 1) return text;
  return inet_ntop(AF_INET6, &address, out.data(), out.size());
}

std::string hostname_from(std::string_view name, const std::string& server_id) {
  std::string out;
  for (const char c : name) {
    if (c == ' ' || c == '_' || c == '.') {
      out += '-';
    } else if (is_alnum(c) || c == '-') {
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  const auto first = out.find_first_not_of('-');
  out = first == std::string::npos ? "" : out.substr(first, 63);
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out.empty() ? "server-" + server_id : out;
}

bool is_hostname(std::string_view text) {
  return !text.empty() && text.size() <= 63 && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_alnum(c) || c == '-'; });
}

std::string random_password() {
  std::string out;
  while (out.size() < 12) {
    for (const char c : random_token(24)) {
      if (is_alnum(c) && out.size() < 12) out += c;
    }
  }
  return out;
}

}  // namespace hanok::compute
