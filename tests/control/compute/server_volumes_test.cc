#include "tests/control/compute/fixture.h"

namespace hanok::compute {
namespace {

class ServerVolumes : public ComputeTest {
 protected:
  std::string path(const std::string& server) { return "/v2.1/servers/" + server + "/os-volume_attachments"; }
  Json attach(const std::string& server, const std::string& volume, const Json& more = Json::object()) {
    Json wish = {{"volumeId", volume}};
    wish.update(more);
    return post(path(server), {{"volumeAttachment", wish}})["volumeAttachment"];
  }
};

TEST_F(ServerVolumes, AttachAndDetachFollowTheReports) {
  host();
  const std::string id = active();
  const std::string data = volume();
  EXPECT_EQ(attach(id, data)["device"], "/dev/vdb");
  EXPECT_EQ(volume_status(data), "attaching");
  EXPECT_EQ(render(id)["volumes"][0]["attached"], true);
  EXPECT_CODE(refuse(http::Method::kDelete, path(id) + "/" + data), kConflict);
  report_state(id, "running");
  EXPECT_EQ(volume_status(data), "in-use");
  EXPECT_EQ(server(id)["os-extended-volumes:volumes_attached"][0]["id"], data);
  EXPECT_CODE(refuse_post(path(id), {{"volumeAttachment", {{"volumeId", data}}}}), kBadRequest);

  const std::size_t before = render(id)["volumes"].size();
  EXPECT_EQ(before, 1U);
  remove(path(id) + "/" + data, 202);
  EXPECT_EQ(volume_status(data), "detaching");
  EXPECT_EQ(render(id)["volumes"][0]["attached"], false);
  report_state(id, "running");
  EXPECT_EQ(volume_status(data), "available");
  EXPECT_EQ(get(path(id))["volumeAttachments"].size(), 0U);
  EXPECT_CODE(refuse_get(path(id) + "/" + data), kNotFound);
}

TEST_F(ServerVolumes, TheTypeSaysHowAVolumeIsReachedAsItWasWhenAttached) {
  host();
  const std::string id = active();
  const std::string data = volume();
  const auto types_say = [&](const std::string& transport) {
    const auto done = database->write([&](store::Tx& tx) {
      return tx.execute("UPDATE volume_types SET extra_specs = ?", {Json{{"hanok:transport", transport}}});
    });
    ASSERT_TRUE(done.ok());
  };
  types_say("vhost-user");
  attach(id, data);
  EXPECT_EQ(render(id)["volumes"][0]["transport"], "vhost-user");
  types_say("rbd");
  EXPECT_EQ(render(id)["volumes"][0]["transport"], "vhost-user");
  report_state(id, "running");
  remove(path(id) + "/" + data, 202);
  report_state(id, "running");
  attach(id, data);
  EXPECT_EQ(render(id)["volumes"][0]["transport"], "rbd");
}

TEST_F(ServerVolumes, AnOldReportDoesNotEndADetachment) {
  host();
  const std::string id = active();
  const std::string data = volume();
  attach(id, data);
  report_state(id, "running");
  remove(path(id) + "/" + data, 202);
  report(id, {{"state", "running"}, {"generation", 1}, {"volumes", Json::array()}});
  EXPECT_EQ(volume_status(data), "detaching");
}

TEST_F(ServerVolumes, AnAttachmentThatIsNotMadeIsUndone) {
  host();
  const std::string id = active();
  const std::string data = volume();
  attach(id, data);
  clock.advance_us(120'000'000);
  sweep();
  EXPECT_EQ(volume_status(data), "available");
  EXPECT_EQ(render(id)["volumes"].size(), 0U);
  EXPECT_EQ(status(id), "ACTIVE");
}

TEST_F(ServerVolumes, ShapesFollowTheMicroversion) {
  host();
  const std::string id = active();
  const std::string data = volume();
  attach(id, data);
  const std::string one = path(id) + "/" + data;
  EXPECT_EQ(get(one)["volumeAttachment"]["id"], data);
  minor = 79;
  EXPECT_EQ(get(one)["volumeAttachment"]["delete_on_termination"], false);
  EXPECT_TRUE(get(one)["volumeAttachment"]["tag"].is_null());
  minor = 89;
  EXPECT_FALSE(get(one)["volumeAttachment"].contains("id"));
  EXPECT_TRUE(get(one)["volumeAttachment"].contains("bdm_uuid"));
}

TEST_F(ServerVolumes, WrongRequestsAreRefused) {
  host();
  const std::string id = active();
  const std::string data = volume();
  for (const Json& body : std::vector<Json>{{{"volumeId", "x"}},
                                            {{"volumeId", 5}},
                                            {{"volumeId", data}, {"device", "/dev/vda"}},
                                            {{"volumeId", data}, {"device", "nonsense"}},
                                            {{"volumeId", data}, {"tag", "t"}},
                                            Json::object()}) {
    EXPECT_CODE(refuse_post(path(id), {{"volumeAttachment", body}}), kBadRequest);
  }
  EXPECT_CODE(
      refuse_post(path(id), {{"volumeAttachment", {{"volumeId", "00000000-0000-0000-0000-000000000000"}}}}),
      kNotFound);
  EXPECT_EQ(volume_status(data), "available");
}

TEST_F(ServerVolumes, DeletionGivesThemBack) {
  host();
  const std::string id = active();
  const std::string data = volume();
  attach(id, data);
  report_state(id, "running");
  remove("/v2.1/servers/" + id);
  report(id, {{"state", "deleted"}});
  EXPECT_EQ(volume_status(data), "available");
}

// Nothing but the end of the server takes the volume along.
TEST_F(ServerVolumes, DeleteOnTerminationIsNotForDetaching) {
  host();
  minor = 85;
  const std::string id = active();
  const std::string data = volume();
  attach(id, data, {{"delete_on_termination", true}});
  report_state(id, "running");
  remove(path(id) + "/" + data, 202);
  report_state(id, "running");
  EXPECT_EQ(volume_status(data), "available");
  attach(id, data, {{"delete_on_termination", true}});
  clock.advance_us(120'000'000);
  sweep();
  EXPECT_EQ(volume_status(data), "available");
}

TEST_F(ServerVolumes, DeleteOnTerminationMayBeChangedLater) {
  host();
  minor = 85;
  for (const bool gone : {true, false}) {
    const std::string id = active();
    const std::string data = volume();
    attach(id, data, {{"delete_on_termination", !gone}});
    report_state(id, "running");
    call(http::Method::kPut, path(id) + "/" + data,
         {{"volumeAttachment", {{"volumeId", data}, {"delete_on_termination", gone}}}}, 202);
    remove("/v2.1/servers/" + id);
    report(id, {{"state", "deleted"}});
    EXPECT_EQ(volume_status(data), gone ? "deleting" : "available");
  }
}

TEST_F(ServerVolumes, BootFromAVolume) {
  host();
  const std::string root = volume();
  Json body = server_body();
  body["server"]["imageRef"] = "";
  body["server"]["block_device_mapping_v2"] = Json::array(
      {{{"boot_index", "0"}, {"uuid", root}, {"source_type", "volume"}, {"destination_type", "volume"}}});
  const std::string id = post("/v2.1/servers", body, 202)["server"]["id"];
  const Json wanted = render(id);
  EXPECT_EQ(wanted["root"], (Json{{"type", "volume"}}));
  EXPECT_EQ(wanted["volumes"][0]["device"], "/dev/vda");
  EXPECT_EQ(wanted["volumes"][0]["boot_index"], 0);
  report_state(id, "running");
  EXPECT_EQ(volume_status(root), "in-use");
  EXPECT_EQ(server(id)["image"], "");
  EXPECT_CODE(refuse(http::Method::kDelete, path(id) + "/" + root), kForbidden);
  EXPECT_CODE(refuse_act(id, {{"createImage", {{"name", "x"}}}}), kNotImplemented);
}

TEST_F(ServerVolumes, AVolumeMadeForTheServerIsWaitedFor) {
  host();
  Json body = server_body();
  body["server"]["imageRef"] = "";
  body["server"]["block_device_mapping_v2"] = Json::array({{{"boot_index", 0},
                                                            {"uuid", image_id},
                                                            {"source_type", "image"},
                                                            {"destination_type", "volume"},
                                                            {"volume_size", 1},
                                                            {"delete_on_termination", true}}});
  const std::string id = post("/v2.1/servers", body, 202)["server"]["id"];
  sweep();
  EXPECT_TRUE(render(id).is_null());
  const std::string root = get(path(id))["volumeAttachments"][0]["volumeId"];
  volume_status(root, "available");
  sweep();
  EXPECT_EQ(render(id)["volumes"][0]["volume_id"], root);
  report_state(id, "running");
  EXPECT_EQ(status(id), "ACTIVE");
  EXPECT_EQ(volume_status(root), "in-use");
}

TEST_F(ServerVolumes, AVolumeStillBeingMadeGoesWithItsServer) {
  host();
  for (const bool gone : {true, false}) {
    Json body = server_body();
    body["server"]["imageRef"] = "";
    body["server"]["block_device_mapping_v2"] = Json::array({{{"boot_index", 0},
                                                              {"uuid", image_id},
                                                              {"source_type", "image"},
                                                              {"destination_type", "volume"},
                                                              {"volume_size", 1},
                                                              {"delete_on_termination", gone}}});
    const std::string id = post("/v2.1/servers", body, 202)["server"]["id"];
    const std::string root = get(path(id))["volumeAttachments"][0]["volumeId"];
    EXPECT_EQ(volume_status(root), "creating");
    remove("/v2.1/servers/" + id);
    report(id, {{"state", "deleted"}});
    EXPECT_EQ(volume_status(root), gone ? "deleting" : "creating");
  }
}

TEST_F(ServerVolumes, AVolumeThatCannotBeMadeFailsTheServer) {
  host();
  Json body = server_body();
  body["server"]["imageRef"] = "";
  body["server"]["block_device_mapping_v2"] = Json::array({{{"boot_index", 0},
                                                            {"uuid", image_id},
                                                            {"source_type", "image"},
                                                            {"destination_type", "volume"},
                                                            {"volume_size", 1}}});
  const std::string id = post("/v2.1/servers", body, 202)["server"]["id"];
  volume_status(get(path(id))["volumeAttachments"][0]["volumeId"], "error");
  sweep();
  EXPECT_EQ(status(id), "ERROR");
  EXPECT_THAT(server(id)["fault"]["message"].get<std::string>(), ::testing::HasSubstr("state error"));
}

TEST_F(ServerVolumes, BootOrdersThatMakeNoSense) {
  host();
  const Json good = server_body();
  const std::string data = volume();
  const auto device = [&](const Json& more) {
    Json out = {{"uuid", data}, {"source_type", "volume"}, {"destination_type", "volume"}};
    out.update(more);
    return out;
  };
  for (const Json& devices : std::vector<Json>{
           Json::array({device({{"boot_index", 0}})}), Json::array({device({{"boot_index", 5}})}),
           Json::array({device({{"source_type", "blank"}})}),
           Json::array({device({{"destination_type", "local"}})}),
           Json::array({device({{"source_type", "image"}})}), Json::array({device({{"uuid", "x"}})})}) {
    SCOPED_TRACE(dump_json(devices));
    Json body = good;
    body["server"]["block_device_mapping_v2"] = devices;
    EXPECT_CODE(refuse_post("/v2.1/servers", body), kBadRequest);
  }
  EXPECT_EQ(volume_status(data), "available");
}

}  // namespace
}  // namespace hanok::compute
