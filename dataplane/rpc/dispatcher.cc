#include "dataplane/rpc/server.h"

namespace hanok::dataplane::rpc {
namespace {

Json error_answer(const Json& id, RpcError error) {
  Json body = {{"code", error.code}, {"message", std::move(error.message)}};
  if (!error.data.is_null()) body["data"] = std::move(error.data);
  return {{"jsonrpc", "2.0"}, {"id", id}, {"error", std::move(body)}};
}

bool valid_id(const Json& id) {
  return id.is_null() || id.is_string() || id.is_number();
}

}  // namespace

// Null stands for "no answer" (a notification).
Json Dispatcher::answer_one(const Json& request) const {
  ++counters_.requests;
  const bool object = request.is_object();
  const Json id = object ? request.value("id", Json()) : Json();
  const auto invalid = [&](const char* why) {
    ++counters_.invalid_requests;
    return error_answer(valid_id(id) ? id : Json(), {kInvalidRequest, why});
  };
  if (!object) return invalid("a request is an object");
  if (!valid_id(id)) return invalid("id is a string, a number or null");
  const auto version = request.find("jsonrpc");
  if (version == request.end() || *version != "2.0") return invalid("jsonrpc must be \"2.0\"");
  const auto name = request.find("method");
  if (name == request.end() || !name->is_string()) return invalid("method must be a string");
  const auto params = request.find("params");
  if (params != request.end() && !params->is_structured())
    return invalid("params must be an object or an array");

  const bool notification = !request.contains("id");
  const auto method = methods_.find(name->get_ref<const std::string&>());
  if (method == methods_.end()) {
    ++counters_.unknown_methods;
    if (notification) return {};
    return error_answer(id, {kMethodNotFound, "there is no method of this name"});
  }
  static const Json kNone = Json::object();
  RpcOutcome outcome;
  try {
    outcome = method->second(params == request.end() ? kNone : *params);
  } catch (const Json::exception& problem) {  // a field of a wrong type that the method did not look at first
    outcome = RpcError{kInvalidParams, problem.what()};
  }
  if (auto* error = std::get_if<RpcError>(&outcome)) {
    ++counters_.failed_requests;
    if (notification) return {};
    return error_answer(id, std::move(*error));
  }
  if (notification) return {};
  return {{"jsonrpc", "2.0"}, {"id", id}, {"result", std::move(std::get<Json>(outcome))}};
}

std::string Dispatcher::answer(std::string_view line) const {
  auto message = parse_json(line);
  if (!message.ok()) {
    ++counters_.parse_errors;
    return dump_json(error_answer(Json(), {kParseError, message.error().message})) + "\n";
  }
  if (!message->is_array()) {
    const Json one = answer_one(*message);
    return one.is_null() ? std::string() : dump_json(one) + "\n";
  }
  if (message->empty()) {
    ++counters_.invalid_requests;
    return dump_json(error_answer(Json(), {kInvalidRequest, "an empty batch"})) + "\n";
  }
  Json answers = Json::array();
  for (const Json& request : *message) {
    if (Json one = answer_one(request); !one.is_null()) answers.push_back(std::move(one));
  }
  return answers.empty() ? std::string() : dump_json(answers) + "\n";
}

}  // namespace hanok::dataplane::rpc
