#include "control/compute/keypairs.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/compute/quota.h"
#include "control/compute/ssh_key.h"
#include "control/compute/validate.h"

namespace hanok::compute {
namespace {

constexpr std::size_t kMaxKeyBytes = 16384;
constexpr const char* kKeypairColumns = "id, name, type, public_key, fingerprint, user_id, created_us";

// Users see their own key pairs; since 2.10 an administrator may name another user.
Result<std::string> user_of(const http::Request& request) {
  const auto user = request.query_one("user_id");
  if (!user || request.minor_version < 10 || *user == request.caller.user_id) return request.caller.user_id;
  if (!request.caller.is_admin) {
    return forbidden("Policy doesn't allow os_compute_api:os-keypairs to be performed.");
  }
  return *user;
}

Json keypair_json(const http::Request& request, const store::Row& row) {
  Json out = {{"name", row.text("name")},
              {"public_key", row.text("public_key")},
              {"fingerprint", row.text("fingerprint")}};
  if (request.minor_version >= 2) out["type"] = row.text("type");
  return out;
}

Error no_keypair(const std::string& name, const std::string& user) {
  return not_found(fmt::format("Keypair {} not found for user {}", name.substr(0, 255), user));
}

struct NewKeypair {
  std::string name, type = "ssh", user_id;
  std::optional<std::string> public_key;
};

Result<NewKeypair> parse_keypair(const http::Request& request) {
  HANOK_TRY(body, body_of(request, "keypair"));
  HANOK_CHECK(only_fields(*body, {"name", "public_key", "type", "user_id"}));
  NewKeypair out;
  out.user_id = request.caller.user_id;
  HANOK_TRY(name, need_name(*body, "name"));
  out.name = name;
  const bool safe = std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view(" _-").find(c) != std::string_view::npos;
  });
  if (!safe) return bad_request("Keypair data is invalid: Keypair name contains unsafe characters");
  if (body->contains("public_key")) {
    if (!(*body)["public_key"].is_string())
      return bad_request("Invalid input for field/attribute public_key.");
    HANOK_TRY(key, get_string(*body, "public_key", kMaxKeyBytes));
    out.public_key = key;
  }
  HANOK_TRY(type, get_string(*body, "type"));
  if (type && request.minor_version < 2)
    return bad_request("Additional properties are not allowed ('type').");
  if (type && *type != "ssh" && *type != "x509") {
    return bad_request("Invalid input for field/attribute type: it must be ssh or x509.");
  }
  out.type = type.value_or("ssh");
  HANOK_TRY(user, get_string(*body, "user_id"));
  if (user && *user != out.user_id) {
    if (request.minor_version < 10) return bad_request("Additional properties are not allowed ('user_id').");
    if (!request.caller.is_admin) {
      return forbidden("Policy doesn't allow os_compute_api:os-keypairs:create to be performed.");
    }
    out.user_id = *user;
  }
  return out;
}

}  // namespace

Answer list_keypairs(Context& context, http::Request& request) {
  HANOK_TRY(user, user_of(request));
  Page page;
  if (request.minor_version >= 35) {
    HANOK_TRY(asked, page_of(request));
    page = asked;
  }
  return context.database.read([&](store::Tx& tx) -> Answer {
    if (!page.marker.empty()) {
      HANOK_TRY(found,
                tx.query_one("SELECT id FROM keypairs WHERE user_id = ? AND name = ?", {user, page.marker}));
      if (!found) return bad_request(fmt::format("marker [{}] not found", page.marker.substr(0, 255)));
    }
    HANOK_TRY(rows,
              tx.query(fmt::format("SELECT {} FROM keypairs WHERE user_id = ? AND name > ? ORDER BY name "
                                   "LIMIT ?",
                                   kKeypairColumns),
                       {user, page.marker, page.limit + 1}));
    Json list = Json::array();
    const auto shown = std::min(rows.size(), static_cast<std::size_t>(page.limit));
    for (std::size_t at = 0; at < shown; ++at) list.push_back({{"keypair", keypair_json(request, rows[at])}});
    Json body = {{"keypairs", std::move(list)}};
    if (shown < rows.size() && request.minor_version >= 35) {
      body["keypairs_links"] = next_link(request, rows[shown - 1].text("name"));
    }
    return http::ok(std::move(body));
  });
}

Answer create_keypair(Context& context, http::Request& request) {
  HANOK_TRY(spec, parse_keypair(request));
  const bool x509 = spec.type == "x509";
  std::string private_key;
  std::string public_key;
  if (spec.public_key) {
    public_key = *spec.public_key;
  } else {
    HANOK_TRY(generated,
              x509 ? generate_certificate(spec.user_id, context.clock.now_us()) : generate_ssh_key());
    public_key = generated.public_key;
    private_key = generated.private_key;
  }
  HANOK_TRY(fingerprint, x509 ? certificate_fingerprint(public_key) : ssh_fingerprint(public_key));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(same, tx.query_one("SELECT id FROM keypairs WHERE user_id = ? AND name = ?",
                                 {spec.user_id, spec.name}));
    if (same) return conflict(fmt::format("Key pair '{}' already exists.", spec.name));
    HANOK_TRY(used, tx.query_one("SELECT COUNT(*) AS n FROM keypairs WHERE user_id = ?", {spec.user_id}));
    HANOK_TRY(most, quota_limit(tx, request.caller.project_id, "key_pairs"));
    if (most >= 0 && used->integer("n") >= most) return over_quota("Quota exceeded, too many key pairs.");
    HANOK_CHECK(
        tx.execute("INSERT INTO keypairs (user_id, name, type, public_key, fingerprint, created_us) "
                   "VALUES (?, ?, ?, ?, ?, ?)",
                   {spec.user_id, spec.name, spec.type, public_key, fingerprint, context.clock.now_us()}));
    Json out = {{"name", spec.name},
                {"public_key", public_key},
                {"fingerprint", fingerprint},
                {"user_id", spec.user_id}};
    if (request.minor_version >= 2) out["type"] = spec.type;
    if (!private_key.empty()) out["private_key"] = private_key;
    return http::Response{.status = request.minor_version >= 2 ? 201 : 200,
                          .body = {{"keypair", std::move(out)}}};
  });
}

Answer show_keypair(Context& context, http::Request& request) {
  HANOK_TRY(user, user_of(request));
  return context.database.read([&](store::Tx& tx) -> Answer {
    const std::string& name = request.param("name");
    HANOK_TRY(row, tx.query_one(
                       fmt::format("SELECT {} FROM keypairs WHERE user_id = ? AND name = ?", kKeypairColumns),
                       {user, name}));
    if (!row) return no_keypair(name, user);
    Json out = keypair_json(request, *row);
    out["user_id"] = user;
    out["id"] = row->integer("id");
    out["created_at"] = iso8601_micro(row->integer("created_us"));
    out["updated_at"] = nullptr;
    out["deleted_at"] = nullptr;
    out["deleted"] = false;
    return http::ok({{"keypair", std::move(out)}});
  });
}

Answer delete_keypair(Context& context, http::Request& request) {
  HANOK_TRY(user, user_of(request));
  return context.database.write([&](store::Tx& tx) -> Answer {
    const std::string& name = request.param("name");
    HANOK_TRY(count, tx.execute("DELETE FROM keypairs WHERE user_id = ? AND name = ?", {user, name}));
    if (count == 0) return no_keypair(name, user);
    return http::Response{.status = request.minor_version >= 2 ? 204 : 202};
  });
}

}  // namespace hanok::compute
