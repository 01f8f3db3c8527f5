// What reports, deadlines and actions do to a server.

#include "tests/control/compute/fixture.h"

namespace hanok::compute {
namespace {

using ServerLife = ComputeTest;
constexpr std::int64_t kMinute_us = 60'000'000;

TEST_F(ServerLife, FromBuildToActiveToDeleted) {
  host();
  const std::string id = boot();
  report(id, {{"state", "building"}});
  EXPECT_EQ(status(id), "BUILD");
  report_state(id, "running");
  EXPECT_EQ(status(id), "ACTIVE");
  EXPECT_EQ(server(id)["OS-EXT-STS:power_state"], 1);
  EXPECT_EQ(count("ports"), 1);

  remove("/v2.1/servers/" + id);
  EXPECT_EQ(server(id)["OS-EXT-STS:task_state"], "deleting");
  EXPECT_EQ(render(id)["deleted"], true);
  report_state(id, "running");
  EXPECT_EQ(server(id)["OS-EXT-STS:task_state"], "deleting") << "a late report of the guest changes nothing";
  report(id, {{"state", "deleted"}});
  EXPECT_CODE(refuse_get("/v2.1/servers/" + id), kNotFound);
  EXPECT_CODE(refuse_act(id, {{"os-start", nullptr}}), kNotFound);
  EXPECT_EQ(count("ports"), 0);
  EXPECT_TRUE(render(id).is_null());
  be("admin", true);
  EXPECT_EQ(get("/v2.1/servers?all_tenants=1&deleted=True")["servers"].size(), 1U);
}

TEST_F(ServerLife, NoHostIsAnErrorThatSaysWhatLacks) {
  host("small", 1, 64, 40);
  const std::string id = boot();
  const Json shown = server(id);
  EXPECT_EQ(shown["status"], "ERROR");
  EXPECT_THAT(shown["fault"]["message"].get<std::string>(),
              ::testing::AllOf(::testing::HasSubstr("No valid host was found"),
                               ::testing::HasSubstr("small: RAM MiB: 128 asked, 96 of 96 free")));
  EXPECT_EQ(count("ports"), 0);
  remove("/v2.1/servers/" + id);
  EXPECT_CODE(refuse_get("/v2.1/servers/" + id), kNotFound);
}

TEST_F(ServerLife, AnOverdueBuildNamesWhatWasAwaitedAndALateReportHealsIt) {
  host();
  const std::string id = boot();
  clock.advance_us(2 * kMinute_us);
  sweep();
  EXPECT_EQ(status(id), "BUILD");
  clock.advance_us(2 * kMinute_us);
  sweep();
  const Json shown = server(id);
  EXPECT_EQ(shown["status"], "ERROR");
  EXPECT_THAT(shown["fault"]["message"].get<std::string>(),
              ::testing::AllOf(::testing::HasSubstr("node1"), ::testing::HasSubstr("running guest")));
  report_state(id, "running");
  EXPECT_EQ(status(id), "ACTIVE");
  EXPECT_FALSE(server(id).contains("fault"));
}

TEST_F(ServerLife, AnOverdueDeletionStaysWanted) {
  host();
  const std::string id = active();
  remove("/v2.1/servers/" + id);
  clock.advance_us(5 * kMinute_us);
  sweep();
  EXPECT_EQ(status(id), "ERROR");
  EXPECT_EQ(render(id)["deleted"], true);
  report(id, {{"state", "deleted"}});
  EXPECT_CODE(refuse_get("/v2.1/servers/" + id), kNotFound);
}

TEST_F(ServerLife, AFaultOfTheAgentIsShown) {
  host();
  const std::string id = boot();
  report(id, {{"state", "error"}, {"fault", {{"message", "no such image"}, {"details", "images/x"}}}});
  EXPECT_EQ(server(id)["fault"]["message"], "no such image");
  EXPECT_EQ(server(id)["fault"]["details"], "images/x");
}

TEST_F(ServerLife, ReportsOfOthersAndOfOldWishesEndNothing) {
  host();
  const std::string id = boot();
  report(id, {{"state", "running"}}, "node2");
  report("00000000-0000-0000-0000-000000000000", {{"state", "running"}});
  report(id, {{"state", "running"}, {"generation", 0}});
  EXPECT_EQ(status(id), "BUILD");
}

TEST_F(ServerLife, PowerGoesWhereItIsAllowed) {
  host();
  const std::string id = active();
  const auto go = [&](const char* action, const char* power, const char* expected) {
    act(id, {{action, nullptr}});
    EXPECT_EQ(render(id)["power"], power);
    report_state(id, power);
    EXPECT_EQ(status(id), expected);
  };
  EXPECT_CODE(refuse_act(id, {{"os-start", nullptr}}), kConflict);
  go("os-stop", "stopped", "SHUTOFF");
  EXPECT_CODE(refuse_act(id, {{"os-stop", nullptr}}), kConflict);
  EXPECT_CODE(refuse_act(id, {{"pause", nullptr}}), kConflict);
  go("os-start", "running", "ACTIVE");
  go("pause", "paused", "PAUSED");
  EXPECT_CODE(refuse_act(id, {{"pause", nullptr}}), kConflict);
  go("unpause", "running", "ACTIVE");
  go("suspend", "suspended", "SUSPENDED");
  go("resume", "running", "ACTIVE");
  EXPECT_CODE(refuse_act(id, {{"resume", nullptr}}), kConflict);
  EXPECT_CODE(refuse_act(id, {{"restore", nullptr}}), kConflict);
  EXPECT_CODE(refuse_act(id, {{"dance", nullptr}}), kBadRequest);
  EXPECT_CODE(refuse_act(id, {{"os-stop", nullptr}, {"os-start", nullptr}}), kBadRequest);
  EXPECT_CODE(refuse_act(id, {{"shelve", nullptr}}), kNotImplemented);
}

TEST_F(ServerLife, AnActionInHandKeepsOthersOut) {
  host();
  const std::string id = active();
  act(id, {{"os-stop", nullptr}});
  EXPECT_CODE(refuse_act(id, {{"pause", nullptr}}), kConflict);
  report_state(id, "running");
  EXPECT_EQ(server(id)["OS-EXT-STS:task_state"], "powering-off");
}

TEST_F(ServerLife, RebootWaitsForItsSerial) {
  host();
  const std::string id = active();
  act(id, {{"reboot", {{"type", "HARD"}}}});
  EXPECT_EQ(status(id), "HARD_REBOOT");
  EXPECT_EQ(render(id)["reboot"], (Json{{"serial", 1}, {"type", "HARD"}}));
  report(id, {{"state", "running"}, {"reboot_serial", 0}});
  EXPECT_EQ(status(id), "HARD_REBOOT");
  report_state(id, "running");
  EXPECT_EQ(status(id), "ACTIVE");
  EXPECT_CODE(refuse_act(id, {{"reboot", {{"type", "WARM"}}}}), kBadRequest);
  EXPECT_CODE(refuse_act(id, {{"reboot", nullptr}}), kBadRequest);
}

TEST_F(ServerLife, AGuestThatEndsByItselfStaysOff) {
  host();
  const std::string id = active();
  report_state(id, "stopped");
  EXPECT_EQ(status(id), "SHUTOFF");
  EXPECT_EQ(render(id)["power"], "stopped");
  act(id, {{"os-start", nullptr}});
  report_state(id, "running");
  EXPECT_EQ(status(id), "ACTIVE");
}

TEST_F(ServerLife, ResizeIsConfirmedOrReverted) {
  host();
  const std::string id = active();
  flavor("2", 256, 2, 2);
  EXPECT_CODE(refuse_act(id, {{"resize", {{"flavorRef", "nope"}}}}), kBadRequest);
  EXPECT_CODE(refuse_act(id, {{"resize", {{"flavorRef", ""}}}}), kBadRequest);
  EXPECT_CODE(refuse_act(id, {{"resize", {{"flavorRef", "1"}}}}), kBadRequest);
  EXPECT_CODE(refuse_act(id, {{"confirmResize", nullptr}}), kConflict);
  for (const bool confirm : {false, true}) {
    act(id, {{"resize", {{"flavorRef", "2"}}}});
    EXPECT_EQ(status(id), "RESIZE");
    EXPECT_EQ(render(id)["vcpus"], 2);
    report_state(id, "running");
    EXPECT_EQ(status(id), "VERIFY_RESIZE");
    if (confirm) {
      act(id, {{"confirmResize", nullptr}}, 204);
    } else {
      act(id, {{"revertResize", nullptr}});
      EXPECT_EQ(status(id), "REVERT_RESIZE");
      EXPECT_EQ(render(id)["vcpus"], 1);
      report_state(id, "running");
    }
    EXPECT_EQ(status(id), "ACTIVE");
    EXPECT_EQ(server(id)["flavor"]["id"], confirm ? "2" : "1");
  }
  EXPECT_EQ(get("/v2.1/limits")["limits"]["absolute"]["totalCoresUsed"], 2);
}

TEST_F(ServerLife, RebuildTakesANewImage) {
  host();
  const std::string id = active();
  const std::string other = image("other");
  const Json body = {
      {"rebuild",
       {{"imageRef", other}, {"name", "again"}, {"adminPass", "secret"}, {"metadata", {{"a", "b"}}}}}};
  const Json answer = post("/v2.1/servers/" + id + "/action", body, 202)["server"];
  EXPECT_EQ(answer["adminPass"], "secret");
  EXPECT_EQ(answer["image"]["id"], other);
  EXPECT_EQ(status(id), "REBUILD");
  EXPECT_EQ(render(id)["rebuild_serial"], 1);
  report_state(id, "running");
  EXPECT_EQ(status(id), "ACTIVE");
  EXPECT_EQ(server(id)["name"], "again");
  EXPECT_EQ(server(id)["metadata"], (Json{{"a", "b"}}));
  EXPECT_CODE(refuse_act(id, {{"rebuild", Json::object()}}), kBadRequest);
  EXPECT_CODE(refuse_act(id, {{"rebuild", {{"imageRef", "00000000-0000-0000-0000-000000000000"}}}}),
              kBadRequest);
}

TEST_F(ServerLife, ALockedServerIsLeftAlone) {
  host();
  const std::string id = active();
  act(id, {{"lock", nullptr}});
  EXPECT_CODE(refuse_act(id, {{"os-stop", nullptr}}), kConflict);
  EXPECT_CODE(refuse(http::Method::kDelete, "/v2.1/servers/" + id), kConflict);
  act(id, {{"unlock", nullptr}});
  act(id, {{"os-stop", nullptr}});
}

TEST_F(ServerLife, AnImageOfTheRootDisk) {
  host();
  const std::string id = active();
  act(id, {{"createImage", {{"name", "shot"}, {"metadata", {{"image_type", "test"}}}}}});
  const std::string location = last.headers["Location"];
  const std::string shot = location.substr(location.rfind('/') + 1);
  EXPECT_EQ(render(id)["upload"]["image_id"], shot);
  EXPECT_EQ(count("images WHERE status = 'active' AND name = 'shot'"), 0);
  report(id, {{"state", "running"}, {"uploaded", {{"image_id", shot}, {"size_bytes", 4096}}}});
  EXPECT_EQ(count("images WHERE status = 'active' AND name = 'shot' AND size_bytes = 4096"), 1);
  EXPECT_TRUE(render(id)["upload"].is_null());
  const Json shown = get("/v2.1/images/" + shot)["image"];
  EXPECT_EQ(shown["status"], "ACTIVE");
  EXPECT_EQ(shown["minDisk"], 1);
  EXPECT_EQ(shown["metadata"]["image_type"], "test");
  EXPECT_EQ(shown["server"]["id"], id);
  EXPECT_EQ(get("/v2.1/images/detail?name=shot")["images"].size(), 1U);
  remove("/v2.1/images/" + shot);
  EXPECT_CODE(refuse_get("/v2.1/images/" + shot), kNotFound);
  EXPECT_TRUE(server(id)["OS-EXT-STS:task_state"].is_null());

  act(id, {{"createImage", {{"name", "late"}}}});
  clock.advance_us(11 * kMinute_us);
  sweep();
  EXPECT_EQ(status(id), "ACTIVE") << "only the image fails";
  EXPECT_EQ(count("images WHERE status = 'killed' AND name = 'late'"), 1);
}

TEST_F(ServerLife, AnImageOfAServerThatIsDeletedIsNotWaitedFor) {
  host();
  const std::string id = active();
  act(id, {{"createImage", {{"name", "orphan"}}}});
  remove("/v2.1/servers/" + id);
  EXPECT_EQ(count("images WHERE status = 'queued' AND name = 'orphan'"), 1) << "the host may be at it";
  report(id, {{"state", "deleted"}});
  EXPECT_EQ(count("images WHERE status = 'killed' AND name = 'orphan'"), 1);
  EXPECT_EQ(count("image_trash WHERE source_pool = 'vms' AND source_name = '" + id + "_disk'"), 1);
}

TEST_F(ServerLife, AnOperatorsResetIsNotHealedAway) {
  host();
  const std::string id = active();
  EXPECT_CODE(refuse_act(id, {{"os-resetState", {{"state", "error"}}}}), kForbidden);
  caller.is_admin = true;
  act(id, {{"os-resetState", {{"state", "error"}}}});
  report_state(id, "running");
  EXPECT_EQ(status(id), "ERROR");
  act(id, {{"os-resetState", {{"state", "active"}}}});
  EXPECT_EQ(status(id), "ACTIVE");
}

TEST_F(ServerLife, TheConsoleIsAskedOfTheHost) {
  host();
  const std::string id = active();
  EXPECT_CODE(refuse_act(id, {{"os-getConsoleOutput", Json::object()}}), kUnavailable);
  asker.answer = Json{{"output", "login:"}};
  EXPECT_EQ(post("/v2.1/servers/" + id + "/action", {{"os-getConsoleOutput", {{"length", 10}}}})["output"],
            "login:");
  EXPECT_EQ(asker.asked_host, "node1");
  EXPECT_EQ(asker.asked_params, (Json{{"instance", id}, {"lines", 10}}));
  EXPECT_CODE(refuse_act(id, {{"os-getConsoleOutput", {{"length", "many"}}}}), kBadRequest);
}

TEST_F(ServerLife, WhatWasDoneIsRecorded) {
  host();
  const std::string id = active();
  act(id, {{"reboot", {{"type", "HARD"}}}});
  const std::string request_id = last.headers["X-Compute-Request-Id"];
  const Json list = get("/v2.1/servers/" + id + "/os-instance-actions")["instanceActions"];
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0]["action"], "reboot");
  EXPECT_EQ(list[1]["action"], "create");
  minor = 51;
  const std::string path = "/v2.1/servers/" + id + "/os-instance-actions/" + request_id;
  EXPECT_TRUE(get(path)["instanceAction"]["events"][0]["result"].is_null());
  report_state(id, "running");
  EXPECT_EQ(get(path)["instanceAction"]["events"][0]["result"], "Success");
  EXPECT_CODE(refuse_get("/v2.1/servers/" + id + "/os-instance-actions/req-none"), kNotFound);
}

}  // namespace
}  // namespace hanok::compute
