#include "storage/target/methods.h"

namespace hanok::storage::target {
namespace {

using dataplane::rpc::Method;
using dataplane::rpc::RpcError;
using dataplane::rpc::RpcOutcome;

constexpr std::int64_t kDefaultWait_ms = 15'000;

RpcError to_rpc(const Error& error) {
  int code = dataplane::rpc::kRefused;
  if (error.code == ErrorCode::kBadRequest) code = dataplane::rpc::kInvalidParams;
  if (error.code == ErrorCode::kNotFound) code = dataplane::rpc::kNotFound;
  return {code, error.message, {{"error", std::string(to_string(error.code))}}};
}

RpcOutcome outcome(const Result<Json>& result) {
  if (result.ok()) return *result;
  return to_rpc(result.error());
}

Result<std::int64_t> wait_of(const Json& params) {
  HANOK_TRY(wait_ms, get_int(params, "wait_ms"));
  if (wait_ms && (*wait_ms < 0 || *wait_ms > 60'000)) return bad_request("wait_ms: 0 to 60000");
  return wait_ms.value_or(kDefaultWait_ms);
}

Result<std::string> name_of(const Json& params) {
  HANOK_TRY(pool, need_string(params, "pool"));
  HANOK_TRY(image, need_string(params, "image"));
  return pool + "/" + image;
}

Result<Json> attach(Target& target, const Json& params) {
  HANOK_TRY(spec, volume_spec(params));
  HANOK_TRY(wait_ms, wait_of(params));
  HANOK_CHECK(target.attach(spec, wait_ms));
  return to_json(spec);
}

Result<Json> detach(Target& target, const Json& params) {
  HANOK_TRY(name, name_of(params));
  HANOK_TRY(force, get_bool(params, "force"));
  HANOK_TRY(wait_ms, wait_of(params));
  HANOK_CHECK(target.detach(name, force.value_or(false), wait_ms));
  return Json::object();
}

Result<Json> set_limits(Target& target, const Json& params) {
  HANOK_TRY(name, name_of(params));
  Json complete = params;
  complete["socket"] = "/";
  HANOK_TRY(spec, volume_spec(complete));
  HANOK_CHECK(target.set_limits(name, spec.limits));
  return Json::object();
}

Result<Json> stats(Target& target, const Json& params) {
  HANOK_TRY(pool, get_string(params, "pool"));
  HANOK_TRY(image, get_string(params, "image"));
  const std::string wanted = pool && image ? *pool + "/" + *image : "";
  Json out = Json::object();
  target.for_each([&](const std::string& name, const VolumeStats& volume) {
    if (wanted.empty() || wanted == name) out[name] = to_json(volume);
  });
  if (!wanted.empty() && out.empty()) return not_found(wanted + ": not attached");
  return out;
}

}  // namespace

std::map<std::string, Method> make_methods(Target& target, Json version) {
  const auto with = [&target](Result<Json> (*call)(Target&, const Json&)) {
    return [&target, call](const Json& params) { return outcome(call(target, params)); };
  };
  return {{"volume.attach", with(attach)},
          {"volume.detach", with(detach)},
          {"volume.limits", with(set_limits)},
          {"volume.stats", with(stats)},
          {"volume.list", [&target](const Json&) -> RpcOutcome { return target.list(); }},
          {"metrics", [&target](const Json&) -> RpcOutcome { return Json(prometheus_text(target)); }},
          {"version", [version = std::move(version)](const Json&) -> RpcOutcome { return version; }}};
}

}  // namespace hanok::storage::target
