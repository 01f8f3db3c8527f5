// Encrypted types, volumes with their keys, and who sees what of them.
#include "control/volume/keys.h"
#include "tests/control/volume/fixture.h"

namespace hanok::volume {
namespace {

const Json kLuks = {{"provider", "luks"},
                    {"cipher", "aes-xts-plain64"},
                    {"key_size", 256},
                    {"control_location", "front-end"}};

class EncryptionTest : public VolumeTest {
 protected:
  void SetUp() override {
    VolumeTest::SetUp();
    api->be("p1", true);
    type_ = api->post("/v3/p1/types", {{"volume_type", {{"name", "secret"}}}}, 200)["volume_type"]["id"];
    path_ = "/v3/p1/types/" + type_ + "/encryption";
  }
  std::string encrypted() {
    api->post(path_, {{"encryption", kLuks}}, 200);
    return create({{"volume_type", "secret"}});
  }
  std::string type_, path_;
};

TEST(Keys, AreRandomAndOpenWithTheirMasterKeyAlone) {
  const Keys keys("master"), others("another");
  const std::string sealed = keys.fresh();
  const auto opened = keys.open(sealed);
  ASSERT_TRUE(opened.ok());
  EXPECT_GE(opened->size(), 32U);
  EXPECT_NE(*opened, *keys.open(keys.fresh()));
  EXPECT_EQ(*Keys("master").open(sealed), *opened);
  EXPECT_FALSE(others.open(sealed).ok());
  std::string changed = sealed;
  changed[20] = changed[20] == 'A' ? 'B' : 'A';
  EXPECT_FALSE(keys.open(changed).ok());
  EXPECT_FALSE(keys.open("").ok());
  Json document = {{"volumes", Json::array({{{"encryption", {{"sealed", sealed}}}}})},
                   {"encryption", nullptr}};
  keys.open_all(document);
  EXPECT_EQ(document["volumes"][0]["encryption"], (Json{{"passphrase", *opened}}));
}

TEST_F(EncryptionTest, OfATypeIsMadeChangedShownAndRemoved) {
  EXPECT_EQ(api->get(path_), Json::object());
  const Json made = api->post(path_, {{"encryption", kLuks}}, 200)["encryption"];
  EXPECT_EQ(made["volume_type_id"], type_);
  EXPECT_EQ(made["key_size"], 256);
  EXPECT_EQ(api->get(path_)["encryption_id"], made["encryption_id"]);
  const std::string item = path_ + "/" + made["encryption_id"].get<std::string>();
  EXPECT_EQ(api->get(path_ + "/cipher"), (Json{{"cipher", "aes-xts-plain64"}}));
  api->post(path_, {{"encryption", kLuks}}, 400);
  EXPECT_EQ(api->put(item, {{"encryption", {{"key_size", 128}}}}, 200)["encryption"]["key_size"], 128);
  api->put(path_ + "/other", {{"encryption", {{"key_size", 128}}}}, 404);
  const std::string id = create({{"volume_type", "secret"}});
  api->put(item, {{"encryption", {{"key_size", 256}}}}, 400);
  api->remove(item, 400);
  write([&](store::Tx& tx) { return tx.execute("DELETE FROM volumes WHERE id = ?", {id}); });
  api->remove(item, 202);
  EXPECT_EQ(api->get(path_), Json::object());
  api->be("p1");
  api->post(path_, {{"encryption", kLuks}}, 403);
}

TEST_F(EncryptionTest, WhatCannotBeDoneIsRefused) {
  for (const auto& [field, value] : std::map<std::string, Json>{{"provider", "rot13"},
                                                                {"cipher", "aes-cbc-essiv"},
                                                                {"key_size", 512},
                                                                {"control_location", "nowhere"},
                                                                {"surprise", 1}}) {
    Json body = kLuks;
    body[field] = value;
    api->post(path_, {{"encryption", body}}, 400);
  }
  Json bare = kLuks;
  bare.erase("provider");
  api->post(path_, {{"encryption", bare}}, 400);
  api->post("/v3/p1/types/none/encryption", {{"encryption", kLuks}}, 404);
  EXPECT_EQ(api->get(path_), Json::object());
}

TEST_F(EncryptionTest, AVolumeHasAKeyThatOnlyItsAgentSees) {
  const std::string id = encrypted();
  EXPECT_EQ(show(id)["encrypted"], true);
  const Json said = api->get("/v3/p1/volumes/" + id + "/encryption");
  EXPECT_EQ(said["provider"], "luks");
  EXPECT_EQ(said["cipher"], "aes-xts-plain64");
  EXPECT_EQ(said["key_size"], 256);
  EXPECT_FALSE(said["encryption_key_id"].is_null());
  const Json wanted = render("volume", id)["encryption"];
  EXPECT_EQ(wanted["format"], "luks1");
  EXPECT_EQ(wanted["cipher"], "aes-256");
  const std::string passphrase = wanted["passphrase"];
  EXPECT_FALSE(passphrase.empty());
  EXPECT_EQ(dump_json(show(id)).find(passphrase), std::string::npos);
  EXPECT_EQ(dump_json(show(id)).find("sealed"), std::string::npos);
  auto kept = database->read([&](store::Tx& tx) { return tx.query("SELECT encryption FROM volumes"); });
  EXPECT_EQ((*kept)[0].text("encryption").find(passphrase), std::string::npos);
  EXPECT_EQ(work("volume", id)["state"], "available");
  EXPECT_EQ(blocks.info({"volumes", "volume-" + id})->size_bytes, (1ULL << 30U) + (4U << 20U));
  EXPECT_TRUE(blocks.open_plain({"volumes", "volume-" + id}, {"luks1", "", passphrase}).ok());
  action(id, "os-extend", {{"new_size", 2}}, 202);
  EXPECT_EQ(render("volume", id)["encryption"], (Json{{"format", "luks1"}}));  // no key where none is needed
  EXPECT_EQ(work("volume", id)["state"], "available");
  EXPECT_EQ(blocks.info({"volumes", "volume-" + id})->size_bytes, (2ULL << 30U) + (4U << 20U));
  EXPECT_EQ(api->get("/v3/p1/volumes/" + ready() + "/encryption"), (Json{{"encryption_key_id", nullptr}}));
}

TEST_F(EncryptionTest, AKeyOfAnotherMasterKeyIsNoKey) {
  const std::string id = encrypted();
  const Keys others("another");
  const auto kind = with_keys(volume_kinds()[0], others);
  auto object = database->read([&](store::Tx& tx) { return kind.render(tx, id, "node1"); });
  ASSERT_TRUE(object.ok());
  EXPECT_FALSE((*object)["encryption"].contains("passphrase"));
  EXPECT_FALSE((*object)["encryption"].contains("sealed"));
  auto outcome = reconciler.apply({.kind = "volume", .id = id, .object = *object});
  observe("volume", id, outcome->observed);
  EXPECT_EQ(status(id), "error");
  EXPECT_TRUE(blocks.list("volumes")->empty());
}

TEST_F(EncryptionTest, AClonesKeyIsItsParents) {
  const std::string id = encrypted();
  write([&](store::Tx& tx) {
    return tx.execute("UPDATE volumes SET status = 'available', deadline_us = 0 WHERE id = ?", {id});
  });
  const std::string child = create({{"source_volid", id}});
  EXPECT_EQ(show(child)["encrypted"], true);
  EXPECT_EQ(show(child)["volume_type"], "secret");
  EXPECT_EQ(render("volume", child)["encryption"], (Json{{"format", "luks1"}}));
  EXPECT_EQ(api->get("/v3/p1/volumes/" + child + "/encryption")["encryption_key_id"],
            api->get("/v3/p1/volumes/" + id + "/encryption")["encryption_key_id"]);
  create({{"source_volid", id}, {"volume_type", "rbd"}}, 400);
  create({{"source_volid", ready()}, {"volume_type", "secret"}}, 400);
  action(id, "os-retype", {{"new_type", "rbd"}, {"migration_policy", "on-demand"}}, 400);
  EXPECT_EQ(show(id)["volume_type"], "secret");
}

TEST_F(EncryptionTest, ABackupTakesTheKeyAlongAndARestoreBringsIt) {
  const std::string id = encrypted();
  const auto rest = [&](const std::string& volume) {
    write([&](store::Tx& tx) {
      return tx.execute("UPDATE volumes SET status = 'available', deadline_us = 0 WHERE id = ?", {volume});
    });
  };
  rest(id);
  const std::string backup =
      api->post("/v3/p1/backups", {{"backup", {{"volume_id", id}, {"name", "b"}}}}, 202)["backup"]["id"];
  observe("backup", backup, {{"task", "create"}, {"state", "available"}, {"objects", 1}});
  const std::string path = "/v3/p1/backups/" + backup;
  EXPECT_EQ(dump_json(api->get(path)).find("sealed"), std::string::npos);
  api->post(path + "/restore", {{"restore", {{"volume_id", ready()}}}}, 400);  // not into the clear
  const std::string other = create({{"volume_type", "secret"}});
  rest(other);
  const auto key_of = [&](const std::string& volume) {
    return api->get("/v3/p1/volumes/" + volume + "/encryption")["encryption_key_id"];
  };
  EXPECT_NE(key_of(other), key_of(id));
  api->post(path + "/restore", {{"restore", {{"volume_id", other}}}}, 202);
  EXPECT_EQ(render("backup", backup)["encryption"], (Json{{"format", "luks1"}}));
  EXPECT_NE(key_of(other), key_of(id));  // as long as it may still fail
  observe("backup", backup, {{"task", "restore"}, {"state", "available"}});
  EXPECT_EQ(key_of(other), key_of(id));
  const std::string fresh =
      api->post(path + "/restore", {{"restore", Json::object()}}, 202)["restore"]["volume_id"];
  observe("backup", backup, {{"task", "restore"}, {"state", "available"}});
  EXPECT_EQ(show(fresh)["encrypted"], true);
  EXPECT_EQ(key_of(fresh), key_of(id));
}

}  // namespace
}  // namespace hanok::volume
