#include "tests/control/compute/fixture.h"

#include "control/bus/changes.h"
#include "control/bus/hosts.h"
#include "control/http/url.h"
#include "control/image/image.h"
#include "control/network/network.h"
#include "control/volume/volume.h"

namespace hanok::compute {

ComputeTest::ComputeTest()
    : ServiceTest({bus::bus_module(), network::network_module(), image::image_module(),
                   volume::volume_module(), compute_module()}),
      kinds_(compute_kinds(clock)) {
  serve(compute_service(*database, clock, asker));
}

std::string ComputeTest::flavor(const std::string& id, int ram, int vcpus, int disk) {
  const auto before = caller;
  be("admin", true);
  post("/v2.1/flavors",
       {{"flavor", {{"id", id}, {"name", "f" + id}, {"ram", ram}, {"vcpus", vcpus}, {"disk", disk}}}});
  caller = before;
  return id;
}

std::string ComputeTest::image(const std::string& name) {
  const auto made = database->write([&](store::Tx& tx) -> Result<std::string> {
    HANOK_TRY(id, image::create_image_record(tx, name, caller.project_id, {{"disk_format", "raw"}},
                                             clock.now_us()));
    HANOK_CHECK(image::finish_image(tx, id, 1 << 20, clock.now_us()));
    return id;
  });
  HANOK_ASSERT(made.ok());
  return *made;
}

std::string ComputeTest::network() {
  auto service = network::network_service(*database, clock);
  const http::Router router(service.routes);
  const auto post_to = [&](const std::string& target, const Json& body) {
    http::Request request;
    request.method = http::Method::kPost;
    request.path = target;
    request.json = body;
    request.caller = caller;
    const auto parsed = http::parse_target(target);
    const auto match = router.match(http::Method::kPost, parsed->segments);
    auto reply = match.route->handler(request);
    HANOK_ASSERT(reply.ok());
    return reply->body;
  };
  std::string id = post_to("/v2.0/networks", {{"network", {{"name", "net"}}}})["network"]["id"];
  post_to("/v2.0/subnets", {{"subnet", {{"network_id", id}, {"cidr", "10.0.0.0/24"}, {"ip_version", 4}}}});
  return id;
}

std::string ComputeTest::volume(int size_gib) {
  const auto made = database->write([&](store::Tx& tx) {
    return volume::create_volume(tx,
                                 {.project_id = caller.project_id,
                                  .user_id = caller.user_id,
                                  .name = "data",
                                  .size_gib = size_gib,
                                  .image_id = {},
                                  .snapshot_id = {}},
                                 clock.now_us());
  });
  HANOK_ASSERT(made.ok());
  volume_status(made->id, "available");
  return made->id;
}

void ComputeTest::volume_status(const std::string& id, const std::string& status) {
  const auto done = database->write([&](store::Tx& tx) {
    return tx.execute("UPDATE volumes SET status = ?, bootable = 1 WHERE id = ?", {status, id});
  });
  HANOK_ASSERT(done.ok() && *done == 1);
}

std::string ComputeTest::volume_status(const std::string& id) {
  const auto view =
      database->read([&](store::Tx& tx) { return volume::find_volume(tx, id, caller.project_id, true); });
  return view.ok() ? view->status : "none";
}

void ComputeTest::host(const std::string& name, int vcpus, int ram_mib, int disk_gib) {
  bus::Host host;
  host.name = name;
  host.roles = {"compute", "network"};
  host.vtep = "192.0.2.1";
  host.vcpus = vcpus;
  host.ram_mib = ram_mib;
  host.disk_gib = disk_gib;
  host.last_seen_us = clock.now_us();
  const auto announced = database->write([&](store::Tx& tx) { return bus::announce_host(tx, host); });
  HANOK_ASSERT(announced.ok());
}

Json ComputeTest::server_body(const std::string& name) {
  if (flavor_id.empty()) flavor_id = flavor();
  if (image_id.empty()) image_id = image();
  if (network_id.empty()) network_id = network();
  return {{"server",
           {{"name", name},
            {"flavorRef", flavor_id},
            {"imageRef", image_id},
            {"networks", Json::array({{{"uuid", network_id}}})}}}};
}

std::string ComputeTest::boot(const std::string& name) {
  return post("/v2.1/servers", server_body(name), 202)["server"]["id"];
}

std::string ComputeTest::active(const std::string& name) {
  std::string id = boot(name);
  report_state(id, "running");
  EXPECT_EQ(status(id), "ACTIVE");
  return id;
}

Json ComputeTest::render(const std::string& id, const std::string& host) {
  auto out = database->read([&](store::Tx& tx) { return kinds_[0].render(tx, id, host); });
  HANOK_ASSERT(out.ok());
  return *out;
}

void ComputeTest::report(const std::string& id, Json observed, const std::string& host) {
  if (!observed.contains("generation")) {
    const auto generation = database->read([](store::Tx& tx) { return bus::newest_generation(tx); });
    observed["generation"] = *generation;
  }
  const auto done = database->write([&](store::Tx& tx) -> Result<bool> {
    HANOK_CHECK(kinds_[0].observe(tx, host, id, observed));
    return true;
  });
  ASSERT_TRUE(done.ok()) << done.error().message;
}

void ComputeTest::report_state(const std::string& id, const std::string& state) {
  const Json wanted = render(id);
  ASSERT_TRUE(wanted.is_object());
  Json volumes = Json::array();
  for (const auto& volume : wanted["volumes"]) {
    if (volume["attached"] == true) volumes.push_back(volume["volume_id"]);
  }
  report(id, {{"state", state},
              {"reboot_serial", wanted["reboot"]["serial"]},
              {"rebuild_serial", wanted["rebuild_serial"]},
              {"volumes", std::move(volumes)}});
}

void ComputeTest::sweep() {
  const auto done = database->write([&](store::Tx& tx) -> Result<bool> {
    HANOK_CHECK(expire_servers(tx, clock.now_us()));
    return true;
  });
  ASSERT_TRUE(done.ok()) << done.error().message;
}

std::int64_t ComputeTest::count(const std::string& sql) {
  const auto row =
      database->read([&](store::Tx& tx) { return tx.query_one("SELECT COUNT(*) AS n FROM " + sql); });
  HANOK_ASSERT(row.ok());
  return (*row)->integer("n");
}

}  // namespace hanok::compute
