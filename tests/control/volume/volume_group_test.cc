// Groups of volumes and their snapshots: what is refused changes nothing, and what is begun ends.
#include "common/uuid.h"
#include "tests/control/volume/fixture.h"

namespace hanok::volume {
namespace {

const http::Headers kNew = {{"OpenStack-API-Version", "volume 3.60"}};

class VolumeGroupTest : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    api->be("p1", true);
    group_type_ = call(202, http::Method::kPost, "/v3/group_types",
                       {{"group_type", {{"name", "gt"}, {"group_specs", {{"a", "b"}}}}}})["group_type"]["id"];
    api->be("p1");
    type_ = api->get("/v3/types")["volume_types"][0]["id"];
    group_ = make_group();
  }

  Json call(int code, http::Method method, const std::string& path, const Json& body = nullptr,
            const http::Headers& headers = kNew) {
    return api->expect(code, method, path, body, headers);
  }
  Json get(const std::string& path) { return call(200, http::Method::kGet, path); }
  Json post(int code, const std::string& path, const Json& body) {
    return call(code, http::Method::kPost, path, body);
  }
  std::string make_group() {
    return post(202, "/v3/groups",
                {{"group", {{"name", "g"}, {"group_type", "gt"}, {"volume_types", {"rbd"}}}}})["group"]["id"];
  }
  Json group(const std::string& id) { return get("/v3/groups/" + id + "?list_volume=True")["group"]; }
  std::string member() {
    const std::string id = ready();
    change({{"add_volumes", id}}, 202);
    return id;
  }
  void change(const Json& fields, int code) {
    call(code, http::Method::kPut, "/v3/groups/" + group_, {{"group", fields}});
  }
  void remove_group(const std::string& id, bool with_volumes, int code) {
    post(code, "/v3/groups/" + id + "/action", {{"delete", {{"delete-volumes", with_volumes}}}});
  }
  std::string snapshot_group(int code = 202) {
    const Json made =
        post(code, "/v3/group_snapshots", {{"group_snapshot", {{"group_id", group_}, {"name", "gs"}}}});
    return code == 202 ? made["group_snapshot"]["id"].get<std::string>() : "";
  }
  std::string group_snapshot_status(const std::string& id) {
    return get("/v3/group_snapshots/" + id)["group_snapshot"]["status"];
  }
  Json members_of(const std::string& id) {
    return get("/v3/snapshots/detail?group_snapshot_id=" + id)["snapshots"];
  }
  void set(const std::string& table, const std::string& id, const std::string& status) {
    write([&](store::Tx& tx) {
      return tx.execute("UPDATE " + table + " SET status = ?, deadline_us = 0 WHERE id = ?", {status, id});
    });
  }

  std::string group_type_, type_, group_;
};

TEST_F(VolumeGroupTest, GroupTypesAreTheAdministratorsAndNamesAreUnique) {
  const Json body = {{"group_type", {{"name", "other"}}}};
  post(403, "/v3/group_types", body);
  EXPECT_FALSE(get("/v3/group_types/" + group_type_)["group_type"].contains("group_specs"));
  api->be("p1", true);
  post(409, "/v3/group_types", {{"group_type", {{"name", "gt"}}}});
  post(400, "/v3/group_types", {{"group_type", {{"name", " "}}}});
  post(400, "/v3/group_types", {{"group_type", {{"name", "x"}, {"y", "z"}}}});
  api->expect(404, http::Method::kPost, "/v3/group_types", body, {{"OpenStack-API-Version", "volume 3.10"}});
  const std::string specs = "/v3/group_types/" + group_type_ + "/group_specs";
  post(202, specs, {{"group_specs", {{"c", "d"}}}});
  call(200, http::Method::kPut, specs + "/a", {{"a", "changed"}});
  call(400, http::Method::kPut, specs + "/a", {{"c", "d"}});
  call(404, http::Method::kDelete, specs + "/none");
  call(202, http::Method::kDelete, specs + "/c");
  EXPECT_EQ(get(specs)["group_specs"], (Json{{"a", "changed"}}));
  call(400, http::Method::kDelete, "/v3/group_types/" + group_type_);  // in use
  const std::string hidden =
      post(202, "/v3/group_types",
           {{"group_type", {{"name", "hidden"}, {"is_public", false}}}})["group_type"]["id"];
  api->be("p2");
  EXPECT_EQ(get("/v3/group_types")["group_types"].size(), 1U);
  call(404, http::Method::kGet, "/v3/group_types/" + hidden);
}

TEST_F(VolumeGroupTest, VolumesJoinAndLeave) {
  const std::string id = ready();
  change({{"add_volumes", id + ","}, {"name", "renamed"}}, 202);
  EXPECT_EQ(group(group_)["volumes"], Json::array({id}));
  EXPECT_EQ(group(group_)["name"], "renamed");
  EXPECT_EQ(get("/v3/volumes/" + id)["volume"]["group_id"], group_);
  EXPECT_EQ(get("/v3/volumes/detail?group_id=" + group_)["volumes"].size(), 1U);
  // It belongs to the group: it neither goes nor is handed over alone.
  api->remove("/v3/volumes/" + id, 400);
  api->post("/v3/volume-transfers", {{"transfer", {{"volume_id", id}}}}, 400);
  change({{"remove_volumes", id}}, 202);
  EXPECT_EQ(group(group_)["volumes"], Json::array());
  const std::string made = create({{"name", "in"}});
  EXPECT_EQ(status(made), "creating");
  const Json inside =
      post(202, "/v3/volumes", {{"volume", {{"size", 1}, {"group_id", group_}, {"volume_type", "rbd"}}}});
  EXPECT_EQ(inside["volume"]["group_id"], group_);
}

TEST_F(VolumeGroupTest, WhatDoesNotFitIsRefusedAndChangesNothing) {
  const std::string in = member(), out = ready(), creating = create();
  change(Json::object(), 400);
  change({{"name", "g"}}, 400);  // as it is
  change({{"add_volumes", out + "," + new_uuid()}}, 400);
  change({{"add_volumes", creating}}, 400);
  change({{"add_volumes", out}, {"remove_volumes", out}}, 400);
  change({{"remove_volumes", out}}, 400);
  change({{"size", 3}}, 400);
  EXPECT_EQ(group(group_)["volumes"], Json::array({in}));
  const std::string other = make_group();
  call(400, http::Method::kPut, "/v3/groups/" + other, {{"group", {{"add_volumes", in}}}});
  post(404, "/v3/groups", {{"group", {{"group_type", "none"}, {"volume_types", {"rbd"}}}}});
  post(404, "/v3/groups", {{"group", {{"group_type", "gt"}, {"volume_types", {"none"}}}}});
  post(400, "/v3/groups", {{"group", {{"group_type", "gt"}, {"volume_types", {"rbd", type_}}}}});
  post(400, "/v3/groups", {{"group", {{"group_type", "gt"}, {"volume_types", Json::array()}}}});
  post(404, "/v3/volumes", {{"volume", {{"size", 1}, {"group_id", new_uuid()}}}});
  remove_group(group_, false, 400);  // it has a volume
  api->be("p2");
  call(404, http::Method::kGet, "/v3/groups/" + group_);
  change({{"name", "mine"}}, 404);
  remove_group(group_, true, 404);
  post(404, "/v3/group_snapshots", {{"group_snapshot", {{"group_id", group_}}}});
  EXPECT_TRUE(get("/v3/groups/detail")["groups"].empty());
  api->be("p1", true);
  const Json quota =
      api->expect(200, http::Method::kPut, "/v3/os-quota-sets/p1", {{"quota_set", {{"groups", 2}}}}, kNew);
  EXPECT_EQ(quota["quota_set"]["groups"], 2);
  post(413, "/v3/groups", {{"group", {{"group_type", "gt"}, {"volume_types", {"rbd"}}}}});
  EXPECT_EQ(get("/v3/groups")["groups"].size(), 2U);
}

TEST_F(VolumeGroupTest, AGroupGoesWithItsVolumes) {
  const std::string a = member(), b = member();
  remove_group(group_, true, 202);
  EXPECT_EQ(group(group_)["status"], "deleting");
  EXPECT_EQ(work("volume", a)["state"], "deleted");
  EXPECT_EQ(group(group_)["status"], "deleting");
  EXPECT_EQ(work("volume", b)["state"], "deleted");
  call(404, http::Method::kGet, "/v3/groups/" + group_);
}

TEST_F(VolumeGroupTest, AGroupWhoseVolumeDoesNotGoIsAnError) {
  const std::string a = member(), b = member();
  remove_group(group_, true, 202);
  work("volume", a);
  observe("volume", b, {{"task", "delete"}, {"state", "error"}, {"error", {{"message", "stuck"}}}});
  EXPECT_EQ(group(group_)["status"], "error");
  EXPECT_EQ(group(group_)["volumes"], Json::array({b}));
  remove_group(group_, true, 202);
  work("volume", b);
  call(404, http::Method::kGet, "/v3/groups/" + group_);
}

TEST_F(VolumeGroupTest, ASnapshotHasAllVolumesOfOneInstant) {
  snapshot_group(400);  // there is no volume
  const std::string a = member(), b = member();
  const std::string id = snapshot_group();
  EXPECT_EQ(group_snapshot_status(id), "creating");
  ASSERT_EQ(members_of(id).size(), 2U);
  EXPECT_EQ(render("snapshot", members_of(id)[0]["id"]), Json());  // the group's task does it
  EXPECT_EQ(work("group_snapshot", id)["state"], "available");
  EXPECT_EQ(group_snapshot_status(id), "available");
  for (const Json& one : members_of(id)) {
    EXPECT_EQ(one["status"], "available");
    EXPECT_EQ(one["group_snapshot_id"], id);
    api->remove("/v3/snapshots/" + one["id"].get<std::string>(), 400);
  }
  EXPECT_EQ(blocks.info({"volumes", "volume-" + b})->snapshots.size(), 1U);
  // Neither the group goes nor a volume that has left it, while the snapshot is there.
  remove_group(group_, true, 400);
  change({{"remove_volumes", a}}, 202);
  api->remove("/v3/volumes/" + a + "?cascade=True", 400);
  call(202, http::Method::kDelete, "/v3/group_snapshots/" + id);
  EXPECT_EQ(work("group_snapshot", id)["state"], "deleted");
  call(404, http::Method::kGet, "/v3/group_snapshots/" + id);
  EXPECT_TRUE(members_of(id).empty());
  EXPECT_TRUE(blocks.info({"volumes", "volume-" + b})->snapshots.empty());
  api->remove("/v3/volumes/" + a, 202);
}

TEST_F(VolumeGroupTest, AFailureAndADeadlineAreErrorsWithTheirCause) {
  const std::string a = member();
  set("volumes", a, "error");
  snapshot_group(400);
  set("volumes", a, "available");
  const std::string id = snapshot_group();
  observe("group_snapshot", id,
          {{"task", "create"}, {"state", "retrying"}, {"error", {{"message", "kept"}}}});
  EXPECT_EQ(group_snapshot_status(id), "creating");
  clock.advance_us(600'000'000);
  write([&](store::Tx& tx) { return expire_volumes(tx, clock.now_us()); });
  EXPECT_EQ(group_snapshot_status(id), "error");
  EXPECT_EQ(members_of(id)[0]["status"], "error");
  EXPECT_EQ(api->get("/v3/messages")["messages"][0]["user_message"],
            "create group snapshot: it was not finished before its deadline: kept");
  EXPECT_EQ(render("group_snapshot", id), Json());
  observe("group_snapshot", id, {{"task", "create"}, {"state", "available"}});  // late
  EXPECT_EQ(group_snapshot_status(id), "error");
  call(202, http::Method::kDelete, "/v3/group_snapshots/" + id);
  work("group_snapshot", id);
  call(404, http::Method::kGet, "/v3/group_snapshots/" + id);
}

TEST_F(VolumeGroupTest, AGroupIsMadeOfAGroupAndOfASnapshot) {
  const auto make = [&](const Json& fields, int code) {
    const Json made = post(code, "/v3/groups/action", {{"create-from-src", fields}});
    return code == 202 ? made["group"]["id"].get<std::string>() : "";
  };
  make({{"source_group_id", group_}}, 400);  // empty
  const std::string a = member(), b = member();
  make(Json::object(), 400);
  const std::string snapshot = snapshot_group();
  make({{"group_snapshot_id", snapshot}}, 400);  // not there yet
  work("group_snapshot", snapshot);
  make({{"group_snapshot_id", snapshot}, {"source_group_id", group_}}, 400);
  const std::string of_snapshot = make({{"group_snapshot_id", snapshot}, {"name", "copy"}}, 202);
  const std::string of_group = make({{"source_group_id", group_}}, 202);
  call(400, http::Method::kDelete, "/v3/group_snapshots/" + snapshot);  // it is a source
  for (const std::string& id : {of_snapshot, of_group}) {
    EXPECT_EQ(group(id)["status"], "creating");
    const Json volumes = group(id)["volumes"];
    ASSERT_EQ(volumes.size(), 2U);
    // A volume of this test has a few bytes only: growing it to its GiB is not what is tried here.
    write([&](store::Tx& tx) {
      return tx.execute("UPDATE volumes SET wanted_gib = 0 WHERE group_id = ?", {id});
    });
    EXPECT_EQ(work("volume", volumes[0])["state"], "available");
    EXPECT_EQ(group(id)["status"], "creating");
    EXPECT_EQ(work("volume", volumes[1])["state"], "available");
    EXPECT_EQ(group(id)["status"], "available");
  }
  EXPECT_EQ(group(of_snapshot)["group_snapshot_id"], snapshot);
  EXPECT_EQ(group(of_group)["source_group_id"], group_);
  // One that fails.
  const std::string failed = make({{"source_group_id", group_}}, 202);
  const Json volumes = group(failed)["volumes"];
  observe("volume", volumes[0], {{"task", "create"}, {"state", "error"}, {"error", {{"message", "no"}}}});
  EXPECT_EQ(group(failed)["status"], "creating");
  write([&](store::Tx& tx) {
    return tx.execute("UPDATE volumes SET wanted_gib = 0 WHERE group_id = ?", {failed});
  });
  work("volume", volumes[1]);
  EXPECT_EQ(group(failed)["status"], "error");
}

TEST_F(VolumeGroupTest, AStatusThatIsSetStartsNothing) {
  const std::string a = member();
  const auto reset = [&](const std::string& path, const std::string& status, int code) {
    post(code, path + "/action", {{"reset_status", {{"status", status}}}});
  };
  reset("/v3/groups/" + group_, "error", 403);
  const std::string snapshot = snapshot_group();
  work("group_snapshot", snapshot);
  api->be("p1", true);
  reset("/v3/groups/" + group_, "gone", 400);
  reset("/v3/groups/" + group_, "deleting", 202);
  reset("/v3/group_snapshots/" + snapshot, "deleting", 202);
  EXPECT_EQ(render("group_snapshot", snapshot), Json());
  EXPECT_EQ(render("volume", a), Json());
  EXPECT_EQ(group(group_)["status"], "deleting");
  reset("/v3/group_snapshots/" + snapshot, "available", 202);
  call(202, http::Method::kDelete, "/v3/group_snapshots/" + snapshot);
  work("group_snapshot", snapshot);
  reset("/v3/groups/" + group_, "available", 202);
  change({{"remove_volumes", a}}, 202);
  remove_group(group_, false, 202);
  call(404, http::Method::kGet, "/v3/groups/" + group_);
}

class GroupOfPoolsTest : public VolumeGroupTest {
 protected:
  void SetUp() override {
    VolumeGroupTest::SetUp();
    write([](store::Tx& tx) {
      return tx.execute(
          "INSERT INTO hosts (name, roles, vcpus, ram_mib, disk_gib, last_seen_us, details)"
          " VALUES ('node1', ?, 1, 1, 1, ?, ?)",
          {Json::array({"volume"}), SystemClock{}.now_us(),
           Json{{"volume_pools", {{"volumes-2", Json::object()}}}}});
    });
    api->be("p1", true);
    add_type({{"name", "second"}, {"extra_specs", {{"pool_name", "volumes-2"}}}});
    const std::string secret = add_type({{"name", "secret"}});
    post(200, "/v3/types/" + secret + "/encryption", {{"encryption", {{"provider", "luks2"}}}});
    api->be("p1");
    const Json types = {"rbd", "second", "secret"};
    group_ =
        post(202, "/v3/groups", {{"group", {{"group_type", "gt"}, {"volume_types", types}}}})["group"]["id"];
  }
  std::string add_type(const Json& fields) {
    return post(200, "/v3/types", {{"volume_type", fields}})["volume_type"]["id"];
  }
  // Of the group, with its image.
  std::string made(const std::string& type, const std::string& pool) {
    const std::string id =
        post(202, "/v3/volumes",
             {{"volume", {{"size", 1}, {"group_id", group_}, {"volume_type", type}}}})["volume"]["id"];
    EXPECT_EQ(render("volume", id)["pool"], pool);
    EXPECT_TRUE(blocks.create({pool, "volume-" + id}, 8).ok());
    set("volumes", id, "available");
    return id;
  }
  // The volumes of a group made of the group snapshot, by what they are of.
  std::map<std::string, std::string> copies_of(const std::string& group_snapshot) {
    const std::string copy =
        post(202, "/v3/groups/action",
             {{"create-from-src", {{"group_snapshot_id", group_snapshot}}}})["group"]["id"];
    const Json made = get("/v3/volumes/detail?group_id=" + copy);
    std::map<std::string, std::string> out;
    for (const Json& one : members_of(group_snapshot)) {
      for (const Json& volume : made["volumes"]) {
        if (volume["snapshot_id"] == one["id"]) out[one["volume_id"]] = volume["id"];
      }
    }
    return out;
  }
};

TEST_F(GroupOfPoolsTest, EachVolumeAndEachCopyIsInItsOwnPool) {
  const std::string first = made("rbd", "volumes"), second = made("second", "volumes-2");
  const std::string id = snapshot_group();
  EXPECT_EQ(work("group_snapshot", id)["state"], "available");
  EXPECT_EQ(blocks.info({"volumes", "volume-" + first})->snapshots.size(), 1U);
  EXPECT_EQ(blocks.info({"volumes-2", "volume-" + second})->snapshots.size(), 1U);
  auto copies = copies_of(id);
  ASSERT_EQ(copies.size(), 2U);
  EXPECT_EQ(render("volume", copies[first])["pool"], "volumes");
  EXPECT_EQ(render("volume", copies[second])["pool"], "volumes-2");
  EXPECT_EQ(render("volume", copies[second])["source"]["pool"], "volumes-2");
  // One that has moved since: its snapshot is where it is, and a new copy of it is in the pool of its type.
  change({{"remove_volumes", first}}, 202);
  write([&](store::Tx& tx) {
    return tx.execute(
        "UPDATE volumes SET pool = 'volumes-2', type_id ="
        " (SELECT id FROM volume_types WHERE name = 'second') WHERE id = ?",
        {first});
  });
  EXPECT_EQ(render("volume", copies[first])["source"]["pool"], "volumes-2");
  EXPECT_EQ(render("volume", copies_of(id)[first])["pool"], "volumes-2");
}

TEST_F(GroupOfPoolsTest, NothingMovesInAGroupAndWhatIsStillCopiedGetsNoSnapshot) {
  const std::string id = made("rbd", "volumes");
  action(id, "os-retype", {{"new_type", "second"}, {"migration_policy", "on-demand"}}, 400);
  const auto copying_from = [&](const std::string& pool) {
    write([&](store::Tx& tx) {
      return tx.execute("UPDATE volumes SET moved_from = ? WHERE id = ?", {pool, id});
    });
  };
  copying_from("volumes-2");
  snapshot_group(400);
  copying_from("");
  const std::string snapshot = snapshot_group();
  work("group_snapshot", snapshot);
  copying_from("volumes-2");
  call(400, http::Method::kDelete, "/v3/group_snapshots/" + snapshot);
  EXPECT_EQ(group_snapshot_status(snapshot), "available");
  copying_from("");
  call(202, http::Method::kDelete, "/v3/group_snapshots/" + snapshot);
}

TEST_F(GroupOfPoolsTest, CopiesOfEncryptedVolumesHaveTheirKeys) {
  const std::string id = made("secret", "volumes"), plain = made("rbd", "volumes");
  const std::string snapshot = snapshot_group();
  work("group_snapshot", snapshot);
  auto copies = copies_of(snapshot);
  const auto key_of = [&](const std::string& volume) {
    return get("/v3/volumes/" + volume + "/encryption")["encryption_key_id"];
  };
  EXPECT_TRUE(key_of(id).is_string());
  EXPECT_EQ(key_of(copies[id]), key_of(id));
  EXPECT_TRUE(key_of(copies[plain]).is_null());
  EXPECT_EQ(render("volume", copies[id])["encryption"], (Json{{"format", "luks2"}}));
}

}  // namespace
}  // namespace hanok::volume
