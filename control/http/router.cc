#include "control/http/router.h"

namespace hanok::http {
namespace {

bool is_parameter(const std::string& segment) {
  return segment.size() > 2 && segment.front() == '{';
}

}  // namespace

std::string_view method_name(Method method) {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kHead:
      return "HEAD";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kPatch:
      return "PATCH";
    case Method::kDelete:
      return "DELETE";
  }
  return "?";
}

std::vector<std::string> split_pattern(std::string_view pattern) {
  std::vector<std::string> out;
  while (!pattern.empty()) {
    const std::size_t end = std::min(pattern.find('/'), pattern.size());
    if (end > 0) out.emplace_back(pattern.substr(0, end));
    pattern.remove_prefix(std::min(end + 1, pattern.size()));
  }
  return out;
}

Router::Router(const std::vector<Route>& routes) {
  for (const Route& route : routes) {
    Node* node = &root_;
    for (const std::string& segment : split_pattern(route.pattern)) {
      std::unique_ptr<Node>& next = is_parameter(segment) ? node->parameter : node->literals[segment];
      if (!next) next = std::make_unique<Node>();
      node = next.get();
    }
    HANOK_ASSERT(node->routes.emplace(route.method, &route).second);
  }
}

const Router::Node* Router::find(const Node& node, const std::vector<std::string>& segments,
                                 std::size_t depth) const {
  if (depth == segments.size()) return node.routes.empty() ? nullptr : &node;
  if (const auto it = node.literals.find(segments[depth]); it != node.literals.end()) {
    if (const Node* found = find(*it->second, segments, depth + 1); found != nullptr) return found;
  }
  return node.parameter ? find(*node.parameter, segments, depth + 1) : nullptr;
}

Router::Match Router::match(Method method, const std::vector<std::string>& segments) const {
  Match out;
  const Node* node = find(root_, segments, 0);
  if (node == nullptr) return out;
  auto it = node->routes.find(method);
  if (it == node->routes.end() && method == Method::kHead) it = node->routes.find(Method::kGet);
  if (it == node->routes.end()) {
    for (const auto& [allowed, route] : node->routes) out.allowed.push_back(allowed);
    return out;
  }
  out.route = it->second;
  const std::vector<std::string> names = split_pattern(out.route->pattern);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (is_parameter(names[i])) out.params[names[i].substr(1, names[i].size() - 2)] = segments[i];
  }
  return out;
}

}  // namespace hanok::http
