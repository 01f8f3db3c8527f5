// A volume offered to whoever knows the key; accepting moves it to the accepter's project.
#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

#include "common/secret.h"
#include "common/uuid.h"
#include "control/volume/group_record.h"
#include "control/volume/quota.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

// Only this is kept of a transfer's key; it is random, so that one salted round is enough.
std::string key_digest(const std::string& salt, const std::string& key) {
  const std::string text = salt + key;
  std::array<unsigned char, EVP_MAX_MD_SIZE> sum{};
  unsigned length = 0;
  HANOK_ASSERT(EVP_Digest(text.data(), text.size(), sum.data(), &length, EVP_sha256(), nullptr) == 1);
  return hex(std::string_view(reinterpret_cast<const char*>(sum.data()), length));
}

Json transfer_json(const http::Request& request, const store::Row& row) {
  return {{"id", row.text("id")},
          {"name", row.text_or_null("name")},
          {"volume_id", row.text("volume_id")},
          {"created_at", time_json(row.integer("created_us"))},
          {"links", Json::array({{{"rel", "self"},
                                  {"href", request.base_url + "/v3/" + row.text("project_id") +
                                               "/os-volume-transfer/" + row.text("id")}},
                                 {{"rel", "bookmark"},
                                  {"href", request.base_url + "/" + row.text("project_id") +
                                               "/os-volume-transfer/" + row.text("id")}}})}};
}

Result<store::Row> requested_transfer(store::Tx& tx, const http::Request& request, bool anybody) {
  HANOK_TRY(row, tx.query_one("SELECT * FROM volume_transfers WHERE id = ?", {request.param("id")}));
  if (!row ||
      (!anybody && !request.caller.is_admin && row->text("project_id") != request.caller.project_id)) {
    return not_found(fmt::format("Transfer {} could not be found.", request.param("id").substr(0, 64)));
  }
  return std::move(*row);
}

Answer list_transfers_with(const Context& context, http::Request& request, bool detail) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    const bool all = request.caller.is_admin && request.query_one("all_tenants").value_or("0") == "1";
    HANOK_TRY(rows,
              tx.query("SELECT * FROM volume_transfers WHERE ? OR project_id = ? ORDER BY created_us DESC",
                       {all, request.caller.project_id}));
    Json items = Json::array();
    for (const auto& row : rows) {
      Json item = transfer_json(request, row);
      if (!detail) item.erase("created_at");
      items.push_back(std::move(item));
    }
    return http::ok({{"transfers", items}});
  });
}

}  // namespace

Answer list_transfers(const Context& context, http::Request& request) {
  return list_transfers_with(context, request, false);
}

Answer list_transfers_detail(const Context& context, http::Request& request) {
  return list_transfers_with(context, request, true);
}

Answer show_transfer(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_transfer(tx, request, false));
    return http::ok({{"transfer", transfer_json(request, row)}});
  });
}

Answer create_transfer(const Context& context, http::Request& request) {
  HANOK_TRY(body, body_of(request, "transfer"));
  HANOK_TRY(volume_id, need_string(*body, "volume_id"));
  HANOK_TRY(name, get_string(*body, "name"));
  if (!is_uuid(volume_id))
    return bad_request("Invalid input for field/attribute volume_id. It is not a 'uuid'.");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(volume, load_volume(tx, volume_id, request.caller.project_id, request.caller.is_admin));
    if (volume.status != "available") return bad_request("Invalid volume: status must be available");
    HANOK_CHECK(check_not_grouped(tx, volume));
    const std::string key = random_token(12);
    const std::string salt = random_token(8);
    const std::string id = new_uuid();
    const std::int64_t now_us = context.clock.now_us();
    HANOK_CHECK(tx.execute(
        "INSERT INTO volume_transfers (id, volume_id, project_id, name, salt, key_hash, created_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        {id, volume.id, volume.project_id, name, salt, key_digest(salt, key), now_us}));
    settle(volume, "awaiting-transfer");
    HANOK_CHECK(save_volume(tx, volume, now_us));
    HANOK_TRY(row, tx.query_one("SELECT * FROM volume_transfers WHERE id = ?", {id}));
    Json out = transfer_json(request, *row);
    out["auth_key"] = key;
    return http::accepted({{"transfer", out}});
  });
}

Answer accept_transfer(const Context& context, http::Request& request) {
  HANOK_TRY(body, body_of(request, "accept"));
  HANOK_TRY(key, need_string(*body, "auth_key"));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_transfer(tx, request, true));
    if (!equal_constant_time(key_digest(row.text("salt"), key), row.text("key_hash")))
      return bad_request("Invalid auth key");
    HANOK_TRY(volume, load_volume(tx, row.text("volume_id"), "", true));
    if (volume.status != "awaiting-transfer")
      return bad_request("Invalid volume: it does not await a transfer");
    HANOK_CHECK(check_quota(tx, request.caller.project_id,
                            {.volumes = 1, .gigabytes = volume.size_gib, .snapshots = 0}));
    const std::int64_t now_us = context.clock.now_us();
    volume.project_id = request.caller.project_id;
    volume.user_id = request.caller.user_id;
    settle(volume, "available");
    HANOK_CHECK(save_volume(tx, volume, now_us));
    HANOK_CHECK(tx.execute("UPDATE snapshots SET project_id = ? WHERE volume_id = ?",
                           {volume.project_id, volume.id}));
    HANOK_CHECK(tx.execute("DELETE FROM volume_transfers WHERE id = ?", {row.text("id")}));
    Json out = transfer_json(request, row);
    out.erase("created_at");
    return http::accepted({{"transfer", out}});
  });
}

Answer delete_transfer(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(row, requested_transfer(tx, request, false));
    HANOK_TRY(volume, get_volume(tx, row.text("volume_id")));
    HANOK_CHECK(tx.execute("DELETE FROM volume_transfers WHERE id = ?", {row.text("id")}));
    if (volume && volume->status == "awaiting-transfer") {
      settle(*volume, "available");
      HANOK_CHECK(save_volume(tx, *volume, context.clock.now_us()));
    }
    return http::accepted();
  });
}

}  // namespace hanok::volume
