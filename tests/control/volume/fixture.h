#pragma once
// The volume service over a private database, with the agent's real reconciler over the memory twin.

#include <map>

#include "agents/volume/volume_reconciler.h"
#include "control/image/image.h"
#include "control/volume/volume.h"
#include "storage/block/memory_store.h"
#include "tests/control/api_caller.h"

namespace hanok::volume {

class NoConverter final : public storage::Converter {
 public:
  Status convert(const storage::SnapshotRef&, const std::string&, const storage::ImageRef&) override {
    return bad_request("not in this test");
  }
};

// Questions go to the reconciler, as over an agent's session; nobody answers without one.
class DirectAsker final : public bus::Asker {
 public:
  Result<Json> ask(const std::string&, const std::string& method, const Json& params, std::int64_t) override {
    if (reconciler == nullptr) return unavailable("no session");
    auto answer = reconciler->answer(method, params);
    return answer ? std::move(*answer) : Result<Json>(not_found("no such question"));
  }
  agent::Reconciler* reconciler = nullptr;
};

class VolumeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    database = std::move(store::open_database(":memory:",
                                              {bus::bus_module(), image::image_module(), volume_module()}))
                   .value();
    api = std::make_unique<ApiCaller>(volume_service(*database, clock, asker, keys));
    for (auto& kind : volume_kinds()) kinds.emplace(kind.name, with_keys(kind, keys));
    api->be("p1");
  }

  template <typename F>
  void write(F&& fn) {
    auto result = database->write(std::forward<F>(fn));
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  }

  std::string create(const Json& more = Json::object(), int status = 202) {
    Json body = {{"size", 1}, {"name", "v"}};
    body.update(more);
    clock.advance_us(1'000'000);
    const Json made = api->post("/v3/p1/volumes", {{"volume", body}}, status);
    return status == 202 ? made["volume"]["id"].get<std::string>() : "";
  }
  std::string snapshot(const std::string& volume_id) {
    clock.advance_us(1'000'000);
    const Json made =
        api->post("/v3/snapshots", {{"snapshot", {{"volume_id", volume_id}, {"name", "s"}}}}, 202);
    return made["snapshot"]["id"];
  }
  Json show(const std::string& id) { return api->get("/v3/p1/volumes/" + id)["volume"]; }
  std::string status(const std::string& id) { return show(id)["status"]; }
  Json action(const std::string& id, const std::string& name, const Json& argument, int status) {
    return api->post("/v3/p1/volumes/" + id + "/action", {{name, argument}}, status);
  }

  Json render(const std::string& kind, const std::string& id) {
    auto out = database->read([&](store::Tx& tx) { return kinds.at(kind).render(tx, id, "node1"); });
    EXPECT_TRUE(out.ok());
    return *out;
  }
  void observe(const std::string& kind, const std::string& id, const Json& observed) {
    write([&](store::Tx& tx) { return kinds.at(kind).observe(tx, "node1", id, observed); });
  }
  // What the agent does with the object as it is wanted now.
  Json work(const std::string& kind, const std::string& id) {
    auto outcome = reconciler.apply({.kind = kind, .id = id, .object = render(kind, id)});
    EXPECT_TRUE(outcome.ok());
    if (!outcome->observed.is_null()) observe(kind, id, outcome->observed);
    return outcome->observed;
  }
  // A volume that is there.
  std::string ready(const Json& more = Json::object()) {
    std::string id = create(more);
    write([&](store::Tx& tx) {
      return tx.execute("UPDATE volumes SET status = 'available', deadline_us = 0 WHERE id = ?", {id});
    });
    EXPECT_TRUE(blocks.create({"volumes", "volume-" + id}, 8).ok());
    return id;
  }

  ManualClock clock;
  Keys keys{"the master key of this test"};
  storage::MemoryStore blocks;
  NoConverter converter;
  agent::VolumeReconciler reconciler{blocks, converter};
  DirectAsker asker;
  std::unique_ptr<store::Database> database;
  std::unique_ptr<ApiCaller> api;
  std::map<std::string, bus::Kind> kinds;
};

}  // namespace hanok::volume
