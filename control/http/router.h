#pragma once
// From method and path to a route. A tree of segments; literal segments win over {parameters}.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/http/http.h"

namespace hanok::http {

class Router {
 public:
  // Keeps pointers into `routes`, which must stay. Two routes for one method and pattern are a bug.
  explicit Router(const std::vector<Route>& routes);

  struct Match {
    const Route* route = nullptr;  // null: no such path, or (allowed not empty) no such method on it
    std::map<std::string, std::string> params;
    std::vector<Method> allowed;
  };
  // HEAD falls back to GET.
  [[nodiscard]] Match match(Method method, const std::vector<std::string>& segments) const;

 private:
  struct Node {
    std::map<std::string, std::unique_ptr<Node>> literals;
    std::unique_ptr<Node> parameter;
    std::map<Method, const Route*> routes;
  };
  const Node* find(const Node& node, const std::vector<std::string>& segments, std::size_t depth) const;

  Node root_;
};

[[nodiscard]] std::string_view method_name(Method method);
[[nodiscard]] std::vector<std::string> split_pattern(std::string_view pattern);

}  // namespace hanok::http
