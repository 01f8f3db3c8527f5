#include "control/http/microversion.h"

#include <fmt/format.h>

#include <charconv>

namespace hanok::http {
namespace {

constexpr std::string_view kLegacyCompute = "X-OpenStack-Nova-API-Version";

bool parse_number(std::string_view text, int& out) {
  if (text.empty() || text.size() > 4 || (text.size() > 1 && text.front() == '0')) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// The wanted version, e.g. "2.60" or "latest"; empty when the client names none.
std::string wanted_version(const Service& service, const Request& request) {
  const std::string header = request.header("OpenStack-API-Version");
  std::string_view rest = header;
  while (!rest.empty()) {  // a list: "compute 2.60, volume 3.1"
    const std::size_t end = std::min(rest.find(','), rest.size());
    const std::string_view item = trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (item.substr(0, service.microversion_type.size()) == service.microversion_type &&
        item.size() > service.microversion_type.size() && item[service.microversion_type.size()] == ' ') {
      return std::string(trim(item.substr(service.microversion_type.size())));
    }
  }
  return service.microversion_type == "compute" ? request.header(kLegacyCompute) : std::string();
}

}  // namespace

Status negotiate_microversion(const Service& service, Request& request) {
  if (service.max_minor < 0) return {};
  const std::string wanted = wanted_version(service, request);
  int major = service.major;
  int minor = service.min_minor;
  if (wanted == "latest") {
    minor = service.max_minor;
  } else if (!wanted.empty()) {
    const std::size_t dot = wanted.find('.');
    if (dot == std::string::npos || !parse_number(std::string_view(wanted).substr(0, dot), major) ||
        !parse_number(std::string_view(wanted).substr(dot + 1), minor)) {
      return bad_request(
          fmt::format("API Version String {} is of invalid format. Must be of format MajorNum.MinorNum.",
                      wanted.substr(0, 64)));
    }
    if (major != service.major || minor < service.min_minor || minor > service.max_minor) {
      return Error{
          ErrorCode::kNotAcceptable,
          fmt::format("Version {} is not supported by the API. Minimum is {}.{} and maximum is {}.{}.",
                      wanted, service.major, service.min_minor, service.major, service.max_minor)};
    }
  }
  request.minor_version = minor;
  request.service_version = fmt::format("{}.{}", major, minor);
  return {};
}

void add_version_headers(const Service& service, const Request& request, Headers& headers) {
  if (service.max_minor < 0 || request.service_version.empty()) return;
  headers["OpenStack-API-Version"] = service.microversion_type + " " + request.service_version;
  headers["Vary"] = "OpenStack-API-Version";
  if (service.microversion_type == "compute") {
    headers[std::string(kLegacyCompute)] = request.service_version;
    headers["Vary"] = "OpenStack-API-Version, " + std::string(kLegacyCompute);
  }
}

}  // namespace hanok::http
