// What a client asks wrongly: Cinder's status code, and nothing has changed.
#include "tests/control/volume/fixture.h"

namespace hanok::volume {
namespace {

constexpr const char* kNobody = "00000000-0000-4000-8000-000000000000";

class VolumeRefusalsTest : public VolumeTest {
 protected:
  // All that a refusal could have changed; which objects agents are woken for is part of it.
  std::string everything() {
    auto out = database->read([](store::Tx& tx) -> Result<std::string> {
      std::string text;
      for (const char* query : {"SELECT id || status || previous_status || size_gib || wanted_gib || type_id "
                                "|| deadline_us AS line "
                                "FROM volumes ORDER BY id",
                                "SELECT id || status || deadline_us AS line FROM snapshots ORDER BY id",
                                "SELECT id || status AS line FROM volume_attachments ORDER BY id",
                                "SELECT id AS line FROM volume_transfers ORDER BY id",
                                "SELECT kind || id || generation AS line FROM changes ORDER BY kind, id"}) {
        HANOK_TRY(rows, tx.query(query));
        for (const auto& row : rows) text += row.text("line") + "\n";
      }
      return text;
    });
    EXPECT_TRUE(out.ok()) << (out.ok() ? "" : out.error().message);
    return out.ok() ? *out : "";
  }
  void attach_to(const std::string& id, const std::string& server) {
    write([&](store::Tx& tx) { return begin_attach(tx, id, server, "node1", "", clock.now_us()); });
    write([&](store::Tx& tx) { return complete_attach(tx, id, server, clock.now_us()); });
  }
};

struct Refusal {
  const char* what;
  int code;
  http::Method method;
  std::string path;
  Json body = nullptr;
};

TEST_F(VolumeRefusalsTest, GiveCindersCodesAndChangeNothing) {
  api->be("admin", true);
  api->put("/v3/os-quota-sets/p1", {{"quota_set", {{"volumes", 4}, {"gigabytes", 10}}}});
  api->be("p1");
  const std::string foreign = ready();
  const std::string foreign_snapshot = snapshot(foreign);
  work("snapshot", foreign_snapshot);
  for (const char* table : {"volumes", "snapshots"}) {
    write(
        [&](store::Tx& tx) { return tx.execute(std::string("UPDATE ") + table + " SET project_id = 'p2'"); });
  }
  const std::string free = ready({{"size", 2}});
  const std::string held = ready();
  attach_to(held, "server");
  const std::string leaving = ready();
  attach_to(leaving, "server");
  write([&](store::Tx& tx) { return begin_detach(tx, leaving, "server", clock.now_us()); });
  const std::string parent = ready();
  const std::string child = snapshot(parent);
  work("snapshot", child);
  const auto post = http::Method::kPost;
  const auto volume = [](Json body) { return Json{{"volume", std::move(body)}}; };
  const auto act = [](const std::string& id) { return "/v3/volumes/" + id + "/action"; };
  const std::vector<Refusal> refusals = {
      {"size 0", 400, post, "/v3/volumes", volume({{"size", 0}})},
      {"negative size", 400, post, "/v3/volumes", volume({{"size", -1}})},
      {"too many volumes", 413, post, "/v3/volumes", volume({{"size", 1}})},
      {"an unknown type", 404, post, "/v3/volumes", volume({{"size", 1}, {"volume_type", "none-such"}})},
      {"another's snapshot", 404, post, "/v3/volumes", volume({{"snapshot_id", foreign_snapshot}})},
      {"another's volume", 404, post, "/v3/volumes", volume({{"source_volid", foreign}})},
      {"smaller than the snapshot", 400, post, "/v3/volumes", volume({{"source_volid", free}, {"size", 1}})},
      {"another's volume is snapshot", 404, post, "/v3/snapshots", {{"snapshot", {{"volume_id", foreign}}}}},
      {"a used volume is snapshot", 400, post, "/v3/snapshots", {{"snapshot", {{"volume_id", held}}}}},
      {"another's snapshot goes", 404, http::Method::kDelete, "/v3/snapshots/" + foreign_snapshot},
      {"extend to the same", 400, post, act(free), {{"os-extend", {{"new_size", 2}}}}},
      {"extend to smaller", 400, post, act(free), {{"os-extend", {{"new_size", 1}}}}},
      {"extend to 0", 400, post, act(free), {{"os-extend", {{"new_size", 0}}}}},
      {"extend to negative", 400, post, act(free), {{"os-extend", {{"new_size", -5}}}}},
      {"extend over quota", 413, post, act(free), {{"os-extend", {{"new_size", 11}}}}},
      {"extend in use before 3.42", 400, post, act(held), {{"os-extend", {{"new_size", 3}}}}},
      {"extend of nothing", 404, post, act(kNobody), {{"os-extend", {{"new_size", 3}}}}},
      {"retype to an unknown type", 400, post, act(free), {{"os-retype", {{"new_type", "none-such"}}}}},
      {"reserve a used volume", 400, post, act(held), {{"os-reserve", Json::object()}}},
      {"attach a used volume",
       400,
       post,
       act(held),
       {{"os-attach", {{"instance_uuid", kNobody}, {"mountpoint", "/dev/vdb"}}}}},
      {"detach while detaching", 400, post, act(leaving), {{"os-begin_detaching", Json::object()}}},
      {"detach what is not attached", 400, post, act(free), {{"os-begin_detaching", Json::object()}}},
      {"delete in use", 400, http::Method::kDelete, "/v3/volumes/" + held},
      {"delete while detaching", 400, http::Method::kDelete, "/v3/volumes/" + leaving},
      {"delete with snapshots", 400, http::Method::kDelete, "/v3/volumes/" + parent},
      {"delete another's", 404, http::Method::kDelete, "/v3/volumes/" + foreign},
      {"force delete by a user", 403, post, act(free), {{"os-force_delete", Json::object()}}},
      {"transfer a used volume", 400, post, "/v3/os-volume-transfer", {{"transfer", {{"volume_id", held}}}}},
      {"two actions",
       400,
       post,
       act(free),
       {{"os-extend", {{"new_size", 3}}}, {"os-reserve", Json::object()}}},
  };
  for (const Refusal& one : refusals) {
    SCOPED_TRACE(one.what);
    const std::string before = everything();
    api->expect(one.code, one.method, one.path, one.body);
    EXPECT_EQ(everything(), before);
  }
}

}  // namespace
}  // namespace hanok::volume
