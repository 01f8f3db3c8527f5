#include "dataplane/rpc/methods.h"

#include <chrono>

#include "common/secret.h"
#include "dataplane/rpc/convert.h"
#include "dataplane/rpc/described_packet.h"

namespace hanok::dataplane::rpc {
namespace {

constexpr std::int64_t kMaxFlows = 100000;
constexpr std::int64_t kMostCaptured = 1'000'000;

RpcError refused(int code, std::string message, std::string path) {
  return {code, std::move(message), {{"path", std::move(path)}}};
}

// The methods' shared part: kept alive by the functions that hold it.
class Control {
 public:
  explicit Control(MethodContext context) : context_(std::move(context)) {}

  RpcOutcome put(const Json& params) {
    const auto state = params.find("state");
    if (state == params.end()) return refused(kInvalidParams, "state is missing", "/state");
    return apply(*state, true, "/state", 0);
  }

  RpcOutcome change(const Json& params) {
    const auto base = params.find("base_generation");
    if (base == params.end() || !base->is_number_integer() || *base < 0) {
      return refused(kInvalidParams, "base_generation must be a number", "/base_generation");
    }
    const auto changes = params.find("changes");
    if (changes == params.end()) return refused(kInvalidParams, "changes is missing", "/changes");
    const std::uint64_t now = context_.datapath.tables().generation();
    if (base->get<std::uint64_t>() != now) {
      RpcError error =
          refused(kWrongGeneration, "the generation in force is " + std::to_string(now), "/base_generation");
      error.data["generation"] = now;
      return error;
    }
    return apply(*changes, false, "/changes", now + 1);
  }

  RpcOutcome generation(const Json&) { return Json{{"generation", context_.datapath.tables().generation()}}; }
  RpcOutcome status(const Json&) { return context_.datapath.status(); }
  RpcOutcome version(const Json&) { return context_.version; }

  RpcOutcome counters(const Json& params) {
    const auto port = get_string(params, "port");
    if (!port.ok()) return refused(kInvalidParams, port.error().message, "/port");
    auto out = context_.datapath.counters(*port);
    if (!out.ok()) return refused(kNotFound, out.error().message, "/port");
    if (!*port && context_.server_counters) (*out)["rpc"] = context_.server_counters();
    return std::move(out).value();
  }

  RpcOutcome flows(const Json& params) {
    const auto port = get_string(params, "port");
    if (!port.ok()) return refused(kInvalidParams, port.error().message, "/port");
    const auto limit = get_int(params, "limit");
    if (!limit.ok() || limit->value_or(1) < 1 || limit->value_or(1) > kMaxFlows) {
      return refused(kInvalidParams, "limit is a number from 1 to " + std::to_string(kMaxFlows), "/limit");
    }
    const auto ids = device_ids();
    DeviceIndex device = kNoDevice;
    if (*port) {
      device = device_named(**port);
      if (device == kNoDevice) return refused(kNotFound, "there is no such device here", "/port");
    }
    const auto id_of = [&](DeviceIndex index) { return ids.contains(index) ? Json(ids.at(index)) : Json(); };
    Json out = Json::array();
    for (const FlowInfo& flow :
         context_.datapath.flows(device, static_cast<std::size_t>(limit->value_or(1000)))) {
      out.push_back({{"source", flow.source},
                     {"destination", flow.destination},
                     {"protocol", flow.protocol},
                     {"state", flow.state},
                     {"in", id_of(flow.in_device)},
                     {"out", id_of(flow.out_device)},
                     {"packets", flow.packets},
                     {"idle_us", flow.idle_us}});
    }
    return Json{{"flows", std::move(out)}};
  }

  RpcOutcome trace(const Json& params) {
    const auto port = need_string(params, "port");
    if (!port.ok()) return refused(kInvalidParams, port.error().message, "/port");
    const DeviceIndex device = device_named(*port);
    if (device == kNoDevice) return refused(kNotFound, "there is no such device here", "/port");
    auto frame = described_packet(params.value("packet", Json()));
    if (const auto* problem = std::get_if<Problem>(&frame)) {
      return refused(kInvalidParams, problem->message, "/packet" + problem->path);
    }
    Json steps = Json::array();
    for (const TraceStep& step :
         context_.datapath.trace(std::get<std::vector<std::uint8_t>>(frame), device)) {
      steps.push_back({{"stage", step.stage}, {"verdict", step.verdict}, {"object", step.object}});
    }
    return Json{{"steps", std::move(steps)}};
  }

  RpcOutcome capture_start(const Json& params) {
    const auto port = get_string(params, "port");
    if (!port.ok() || !*port) return refused(kInvalidParams, "which port?", "/port");
    const DeviceIndex device = device_named(**port);
    if (device == kNoDevice) return refused(kNotFound, "there is no such device here", "/port");
    const auto count = get_int(params, "count");
    if (!count.ok() || count->value_or(1) < 1 || count->value_or(1) > kMostCaptured)
      return refused(kInvalidParams, "count is a number from 1 to " + std::to_string(kMostCaptured),
                     "/count");
    const auto bytes = get_int(params, "bytes");
    if (!bytes.ok() || bytes->value_or(64) < 14 || bytes->value_or(64) > 65535)
      return refused(kInvalidParams, "bytes is a number from 14 to 65535", "/bytes");
    const auto started =
        context_.datapath.capture_start(device, static_cast<std::uint64_t>(count->value_or(kMostCaptured)),
                                        static_cast<std::uint32_t>(bytes->value_or(65535)));
    if (!started.ok()) return refused(kInvalidParams, started.error().message, "/port");
    return Json{{"capture", *started}};
  }

  RpcOutcome capture_read(const Json& params) {
    const auto number = get_int(params, "capture");
    if (!number.ok() || number->value_or(-1) < 0)
      return refused(kInvalidParams, "which capture?", "/capture");
    const auto read = context_.datapath.capture_read(static_cast<std::uint64_t>(**number));
    if (!read.ok()) return refused(kNotFound, read.error().message, "/capture");
    Json frames = Json::array();
    for (const CapturedFrame& frame : read->frames) {
      const std::string_view bytes(reinterpret_cast<const char*>(frame.bytes.data()), frame.bytes.size());
      frames.push_back({{"time_us", frame.time_us},
                        {"direction", frame.outward ? "out" : "in"},
                        {"length", frame.length},
                        {"data", base64_encode(bytes)}});
    }
    return Json{{"frames", std::move(frames)}, {"missed", read->missed}, {"complete", read->complete}};
  }

  RpcOutcome capture_stop(const Json& params) {
    const auto number = get_int(params, "capture");
    if (!number.ok() || number->value_or(-1) < 0)
      return refused(kInvalidParams, "which capture?", "/capture");
    context_.datapath.capture_stop(static_cast<std::uint64_t>(**number));
    return Json::object();
  }

 private:
  RpcOutcome apply(const Json& document, bool whole, const std::string& where, std::uint64_t generation) {
    const auto begin = std::chrono::steady_clock::now();
    auto converted = to_state_document(schema_, document, whole);
    if (const auto* problem = std::get_if<Problem>(&converted)) {
      return refused(kInvalidParams, problem->message, where + problem->path);
    }
    auto& change = std::get<StateDocument>(converted);
    if (!whole && !document.contains("generation")) change.generation = generation;
    if (!whole && change.generation < generation - 1) {
      return refused(kInvalidParams, "the generation must not go back", where + "/generation");
    }
    const auto outcome = context_.datapath.apply(change);
    if (const auto* error = std::get_if<StateError>(&outcome)) {
      return refused(kInvalidParams, error->message, where + error->path);
    }
    const auto& applied = std::get<AppliedChange>(outcome);
    const auto took = std::chrono::steady_clock::now() - begin;
    return Json{{"generation", applied.generation},
                {"objects_rebuilt", applied.objects_rebuilt},
                {"devices_opened", applied.devices_opened},
                {"devices_closed", applied.devices_closed},
                {"took_us", std::chrono::duration_cast<std::chrono::microseconds>(took).count()}};
  }

  [[nodiscard]] DeviceIndex device_named(const std::string& id) const {
    if (const DeviceIndex port = context_.datapath.tables().device_of_port(id); port != kNoDevice)
      return port;
    for (const DeviceInfo& device : context_.datapath.tables().devices()) {
      if (device.id == id) return device.index;
    }
    return kNoDevice;
  }

  [[nodiscard]] std::map<DeviceIndex, std::string> device_ids() const {
    std::map<DeviceIndex, std::string> out;
    for (const DeviceInfo& device : context_.datapath.tables().devices())
      out.emplace(device.index, device.id);
    return out;
  }

  MethodContext context_;
  StateSchema schema_;
};

}  // namespace

std::map<std::string, Method> make_methods(MethodContext context) {
  auto control = std::make_shared<Control>(std::move(context));
  const auto bind = [&](RpcOutcome (Control::*method)(const Json&)) {
    return Method([control, method](const Json& params) { return ((*control).*method)(params); });
  };
  return {{"state.put", bind(&Control::put)},
          {"state.apply", bind(&Control::change)},
          {"state.generation", bind(&Control::generation)},
          {"status", bind(&Control::status)},
          {"counters", bind(&Control::counters)},
          {"flows", bind(&Control::flows)},
          {"trace", bind(&Control::trace)},
          {"capture.start", bind(&Control::capture_start)},
          {"capture.read", bind(&Control::capture_read)},
          {"capture.stop", bind(&Control::capture_stop)},
          {"version", bind(&Control::version)}};
}

Json to_json(const ServerCounters& counters) {
  return {{"connections", counters.connections.load()},
          {"connections_refused", counters.connections_refused.load()},
          {"requests", counters.requests.load()},
          {"parse_errors", counters.parse_errors.load()},
          {"invalid_requests", counters.invalid_requests.load()},
          {"unknown_methods", counters.unknown_methods.load()},
          {"failed_requests", counters.failed_requests.load()},
          {"oversized", counters.oversized.load()},
          {"slow_clients", counters.slow_clients.load()}};
}

}  // namespace hanok::dataplane::rpc
