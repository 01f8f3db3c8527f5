// hanok-dpctl: one call of the data plane's control socket, for people and scripts.

#include <CLI/CLI.hpp>
#include <iostream>
#include <iterator>

#include "common/json_rpc.h"

int main(int argc, char** argv) {
  CLI::App app("Calls a method of hanok-dataplane and prints the answer as JSON");
  std::string socket = "/run/hanok/dataplane.sock";
  std::string method;
  std::string parameters = "{}";
  std::int64_t timeout_ms = 10000;
  app.add_option("--socket", socket, "Control socket")->capture_default_str();
  app.add_option("--timeout-ms", timeout_ms, "How long to wait for the answer")->capture_default_str();
  app.add_option("method", method,
                 "state.put, state.apply, state.generation, status, counters, flows, trace, version")
      ->required();
  app.add_option("params", parameters, "Parameters as JSON; - reads them from standard input")
      ->capture_default_str();
  app.footer(
      "Examples:\n  hanok-dpctl status\n  hanok-dpctl counters '{\"port\": \"ID\"}'\n"
      "  echo '{\"state\": '$(cat state.json)'}' | hanok-dpctl state.put -\n"
      "Exit status: 0 answered; 1 refused or no server.");
  CLI11_PARSE(app, argc, argv);
  if (parameters == "-") {
    parameters.assign(std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>());
  }
  const auto json = hanok::parse_json(parameters);
  if (!json.ok()) {
    std::cerr << "hanok-dpctl: params: " << json.error().message << '\n';
    return 1;
  }
  hanok::JsonRpcClient client(socket);
  const auto answer = client.call(method, *json, timeout_ms);
  if (!answer.ok()) {
    std::cerr << "hanok-dpctl: " << answer.error().message << '\n';
    return 1;
  }
  std::cout << answer->dump(2, ' ', false, hanok::Json::error_handler_t::replace) << '\n';
  return 0;
}
