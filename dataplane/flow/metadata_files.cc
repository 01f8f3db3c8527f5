#include "dataplane/flow/metadata_files.h"

#include <cctype>
#include <optional>
#include <set>
#include <vector>

namespace hanok::dataplane {
namespace {

std::string answer(std::string_view status, std::string_view type, std::string_view body, bool head = false) {
  std::string out = "HTTP/1.1 ";
  out += status;
  out += "\r\nContent-Type: ";
  out += type;
  out += "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n";
  if (!head) out += body;
  return out;
}

std::string problem(std::string_view status) {
  return answer(status, "text/plain; charset=utf-8", std::string(status) + "\n");
}

bool is_date(std::string_view text) {
  if (text.size() != 10) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 4 || i == 7;
    if (dash ? text[i] != '-' : std::isdigit(static_cast<unsigned char>(text[i])) == 0) return false;
  }
  return true;
}

// "/latest//meta-data/" -> "latest/meta-data". The version is the first part, or OpenStack's second.
std::string normalised(std::string_view path) {
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    const std::size_t end = path.find('/');
    const std::string_view part = path.substr(0, end);
    if (!part.empty()) parts.push_back(part);
    if (end == std::string_view::npos) break;
    path.remove_prefix(end + 1);
  }
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool version = is_date(parts[i]) && (i == 0 || (i == 1 && parts[0] == "openstack"));
    if (i != 0) out += '/';
    out += version ? std::string_view("latest") : parts[i];
  }
  return out;
}

std::optional<std::string> listing(const std::map<std::string, std::string>& files, const std::string& path) {
  const std::string prefix = path.empty() ? path : path + "/";
  std::set<std::string> names;
  for (auto it = files.lower_bound(prefix); it != files.end() && it->first.starts_with(prefix); ++it) {
    const std::string rest = it->first.substr(prefix.size());
    const std::size_t slash = rest.find('/');
    names.insert(slash == std::string::npos ? rest : rest.substr(0, slash + 1));
  }
  if (names.empty()) return std::nullopt;
  std::string out;
  for (const std::string& name : names) {
    if (names.contains(name + "/")) continue;  // a file that says itself what is below it
    if (!out.empty()) out += '\n';
    out += name;
  }
  return out;
}

}  // namespace

bool request_is_whole(std::string_view request) {
  return request.find("\r\n\r\n") != std::string_view::npos || request.find("\n\n") != std::string_view::npos;
}

std::string metadata_request_too_long() {
  return problem("431 Request Header Fields Too Large");
}

std::string metadata_answer(const std::map<std::string, std::string>& files, std::string_view request) {
  const std::string_view line = request.substr(0, request.find_first_of("\r\n"));
  const std::size_t space = line.find(' '), last = line.rfind(' ');
  if (space == std::string_view::npos || last == space || !line.substr(last + 1).starts_with("HTTP/1."))
    return problem("400 Bad Request");
  const std::string_view method = line.substr(0, space);
  std::string_view target = line.substr(space + 1, last - space - 1);
  if (method != "GET" && method != "HEAD") return problem("405 Method Not Allowed");
  if (target.empty() || target[0] != '/') return problem("400 Bad Request");
  target = target.substr(0, target.find('?'));
  const std::string path = normalised(target);
  const bool head = method == "HEAD";
  if (const auto file = files.find(path); file != files.end()) {
    const bool json = path.ends_with(".json");
    return answer("200 OK", json ? "application/json" : "text/plain; charset=utf-8", file->second, head);
  }
  if (const auto names = listing(files, path))
    return answer("200 OK", "text/plain; charset=utf-8", *names, head);
  return problem("404 Not Found");
}

}  // namespace hanok::dataplane
