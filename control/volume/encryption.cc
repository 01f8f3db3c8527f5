// What types say about encryption (types/{id}/encryption), and what a volume's is.
#include "control/volume/encryption.h"

#include <fmt/format.h>

#include "common/uuid.h"
#include "control/volume/context.h"
#include "control/volume/view.h"

namespace hanok::volume {
namespace {

constexpr const char* kCipher = "aes-xts-plain64";
constexpr std::int64_t kKeyBits = 256;

// The names of providers that stand for LUKS 1 and 2, those of Nova's old classes too.
std::string format_of(const std::string& provider) {
  if (provider == "luks" || provider.ends_with("LuksEncryptor")) return "luks1";
  return provider == "luks2" || provider.ends_with("Luks2Encryptor") ? "luks2" : "";
}

struct TypeEncryption {
  std::optional<std::string> provider, cipher, control_location;
  std::optional<std::int64_t> key_size;
};

Result<TypeEncryption> parse_encryption(const http::Request& request) {
  HANOK_TRY(body, body_of(request, "encryption"));
  HANOK_CHECK(only_fields(*body, {"provider", "cipher", "key_size", "control_location", "encryption_id"}));
  TypeEncryption out;
  HANOK_TRY(provider, get_string(*body, "provider"));
  HANOK_TRY(cipher, get_string(*body, "cipher"));
  HANOK_TRY(location, get_string(*body, "control_location"));
  HANOK_TRY(key_size, get_int(*body, "key_size"));
  if (provider && format_of(*provider).empty())
    return bad_request("Invalid input for field/attribute provider. It is 'luks' or 'luks2'.");
  if (cipher && !cipher->empty() && *cipher != kCipher)
    return bad_request(fmt::format("Invalid input for field/attribute cipher. It is '{}'.", kCipher));
  if (key_size && *key_size != 128 && *key_size != 256)
    return bad_request("Invalid input for field/attribute key_size. It is 128 or 256.");
  if (location && *location != "front-end" && *location != "back-end")
    return bad_request(
        "Invalid input for field/attribute control_location. It is 'front-end' or 'back-end'.");
  out.provider = provider;
  if (cipher && !cipher->empty()) out.cipher = cipher;
  out.control_location = location;
  out.key_size = key_size;
  return out;
}

Json encryption_json(const store::Row& row) {
  return {{"volume_type_id", row.text("type_id")},
          {"encryption_id", row.text("id")},
          {"provider", row.text("provider")},
          {"control_location", row.text("control_location")},
          {"cipher", row.text_or_null("cipher")},
          {"key_size", row.is_null("key_size") ? Json() : Json(row.integer("key_size"))},
          {"created_at", time_json(row.integer("created_us"))},
          {"updated_at", time_json(row.maybe_integer("updated_us"))},
          {"deleted_at", nullptr},
          {"deleted", false}};
}

Result<std::optional<store::Row>> encryption_row(store::Tx& tx, const std::string& type_id) {
  return tx.query_one("SELECT * FROM volume_type_encryption WHERE type_id = ?", {type_id});
}

Status check_type_there(store::Tx& tx, const std::string& id) {
  HANOK_TRY(row, tx.query_one("SELECT id FROM volume_types WHERE id = ?", {id}));
  return row ? Status()
             : Status(not_found(fmt::format("Volume type {} could not be found.", id.substr(0, 64))));
}

Status check_unused(store::Tx& tx, const std::string& id) {
  HANOK_TRY(used,
            tx.query_one("SELECT id FROM volumes WHERE type_id = ? OR target_type_id = ? LIMIT 1", {id, id}));
  return used ? Status(bad_request("Cannot change the encryption of a volume type that is in use."))
              : Status();
}

Error no_encryption(const std::string& type) {
  return not_found(fmt::format("Volume type encryption for type {} does not exist.", type.substr(0, 64)));
}

}  // namespace

Result<Json> encryption_of_type(store::Tx& tx, const std::optional<std::string>& type_id) {
  if (!type_id) return Json();
  HANOK_TRY(row, encryption_row(tx, *type_id));
  if (!row) return Json();
  const std::int64_t bits = row->maybe_integer("key_size").value_or(kKeyBits);
  return Json{{"id", new_uuid()},
              {"format", format_of(row->text("provider"))},
              {"cipher", row->maybe_text("cipher").value_or(kCipher)},
              {"key_size", bits},
              {"provider", row->text("provider")},
              {"control_location", row->text("control_location")}};
}

Json encryption_for_agent(const Json& encryption, bool with_key) {
  if (!encryption.is_object()) return Json();
  Json out = {{"format", encryption["format"]}};
  if (!with_key) return out;
  out["cipher"] = encryption["key_size"] == 128 ? "aes-128" : "aes-256";
  out["sealed"] = encryption["sealed"];
  return out;
}

Answer show_type_encryption(const Context& context, http::Request& request) {
  const std::string& type = request.param("type");
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_CHECK(check_type_there(tx, type));
    HANOK_TRY(row, encryption_row(tx, type));
    return http::ok(row ? encryption_json(*row) : Json::object());
  });
}

Answer show_type_encryption_item(const Context& context, http::Request& request) {
  const std::string& type = request.param("type");
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_CHECK(check_type_there(tx, type));
    HANOK_TRY(row, encryption_row(tx, type));
    const std::string& key = request.param("encryption");
    if (!row) return no_encryption(type);
    const Json all = encryption_json(*row);
    if (all.contains(key)) return http::ok({{key, all[key]}});
    return not_found(fmt::format("There is no {} of a type's encryption.", key.substr(0, 64)));
  });
}

Answer create_type_encryption(const Context& context, http::Request& request) {
  const std::string& type = request.param("type");
  HANOK_TRY(wanted, parse_encryption(request));
  if (!wanted.provider) return bad_request("Invalid input for field/attribute provider. It is required.");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_CHECK(check_type_there(tx, type));
    HANOK_TRY(there, encryption_row(tx, type));
    if (there) return bad_request(fmt::format("Volume type encryption for type {} already exists.", type));
    HANOK_CHECK(check_unused(tx, type));
    HANOK_CHECK(
        tx.execute("INSERT INTO volume_type_encryption (type_id, id, provider, control_location, cipher,"
                   " key_size, created_us) VALUES (?, ?, ?, ?, ?, ?, ?)",
                   {type, new_uuid(), wanted.provider, wanted.control_location.value_or("front-end"),
                    wanted.cipher, wanted.key_size, context.clock.now_us()}));
    HANOK_TRY(row, encryption_row(tx, type));
    return http::ok({{"encryption", encryption_json(*row)}});
  });
}

Answer update_type_encryption(const Context& context, http::Request& request) {
  const std::string& type = request.param("type");
  HANOK_TRY(wanted, parse_encryption(request));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_CHECK(check_type_there(tx, type));
    HANOK_TRY(there, encryption_row(tx, type));
    if (!there || there->text("id") != request.param("encryption")) return no_encryption(type);
    HANOK_CHECK(check_unused(tx, type));
    HANOK_CHECK(
        tx.execute("UPDATE volume_type_encryption SET provider = COALESCE(?, provider), cipher ="
                   " COALESCE(?, cipher), key_size = COALESCE(?, key_size), control_location ="
                   " COALESCE(?, control_location), updated_us = ? WHERE type_id = ?",
                   {wanted.provider, wanted.cipher, wanted.key_size, wanted.control_location,
                    context.clock.now_us(), type}));
    HANOK_TRY(row, encryption_row(tx, type));
    return http::ok({{"encryption", encryption_json(*row)}});
  });
}

Answer delete_type_encryption(const Context& context, http::Request& request) {
  const std::string& type = request.param("type");
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_CHECK(check_type_there(tx, type));
    HANOK_TRY(there, encryption_row(tx, type));
    if (!there || there->text("id") != request.param("encryption")) return no_encryption(type);
    HANOK_CHECK(check_unused(tx, type));
    HANOK_CHECK(tx.execute("DELETE FROM volume_type_encryption WHERE type_id = ?", {type}));
    return http::accepted();
  });
}

Answer show_volume_encryption(const Context& context, http::Request& request) {
  return context.database.read([&](store::Tx& tx) -> Answer {
    HANOK_TRY(volume, load_volume(tx, request));
    const Json& encryption = volume.encryption;
    if (!encryption.is_object()) {
      return http::ok({{"encryption_key_id", nullptr}});
    }
    return http::ok({{"encryption_key_id", encryption["id"]},
                     {"provider", encryption["provider"]},
                     {"control_location", encryption["control_location"]},
                     {"cipher", encryption["cipher"]},
                     {"key_size", encryption["key_size"]}});
  });
}

}  // namespace hanok::volume
