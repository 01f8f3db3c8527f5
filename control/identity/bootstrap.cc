#include "control/identity/bootstrap.h"

#include "common/log.h"
#include "common/secret.h"
#include "common/uuid.h"

namespace hanok::identity {
namespace {

Result<std::string> admin_password(const std::string& path) {
  auto text = read_file(path, 4096);
  if (text.ok()) {
    std::string password = std::move(*text);
    while (!password.empty() && (password.back() == '\n' || password.back() == '\r')) password.pop_back();
    if (password.empty()) return bad_request(path + ": the admin password file is empty");
    return password;
  }
  if (text.error().code != ErrorCode::kNotFound) return text.take_error();
  std::string password = random_token();
  HANOK_CHECK(write_secret_file(path, password + "\n"));
  spdlog::info("identity: wrote a new admin password to {}", path);
  return password;
}

Result<std::string> role_id(store::Tx& tx, const char* name) {
  HANOK_TRY(found, tx.query_one("SELECT id FROM roles WHERE name = ?", {name}));
  if (found) return found->text("id");
  std::string id = new_uuid_hex();
  HANOK_CHECK(tx.execute("INSERT INTO roles (id, name) VALUES (?, ?)", {id, name}));
  return id;
}

// The id of the default domain's row of that name, made when absent.
Result<std::string> named_id(store::Tx& tx, const std::string& table, const char* name,
                             const std::string& insert) {
  HANOK_TRY(found, tx.query_one("SELECT id FROM " + table + " WHERE domain_id = ? AND name = ?",
                                {kDefaultDomain, name}));
  if (found) return found->text("id");
  std::string id = new_uuid_hex();
  HANOK_CHECK(tx.execute(insert, {id, name, kDefaultDomain}));
  return id;
}

struct First {
  std::string user_id, password_hash;
};

Result<First> make_rows(store::Tx& tx) {
  HANOK_CHECK(
      tx.execute("INSERT INTO domains (id, name, description) VALUES (?, 'Default', 'The default domain')"
                 " ON CONFLICT DO NOTHING",
                 {kDefaultDomain}));
  HANOK_TRY(admin, role_id(tx, "admin"));
  HANOK_TRY(member, role_id(tx, "member"));
  HANOK_TRY(reader, role_id(tx, "reader"));
  HANOK_CHECK(
      tx.execute("INSERT INTO implied_roles (prior_id, implied_id) VALUES (?, ?), (?, ?)"
                 " ON CONFLICT DO NOTHING",
                 {admin, member, member, reader}));
  HANOK_TRY(project, named_id(tx, "projects", "admin",
                              "INSERT INTO projects (id, name, domain_id, parent_id, description)"
                              " VALUES (?, ?, ?, 'default', 'Project of the administrator')"));
  HANOK_CHECK(named_id(tx, "projects", "service",
                       "INSERT INTO projects (id, name, domain_id, parent_id) VALUES (?, ?, ?, 'default')"));
  HANOK_TRY(user, named_id(tx, "users", "admin", "INSERT INTO users (id, name, domain_id) VALUES (?, ?, ?)"));
  HANOK_CHECK(
      tx.execute("INSERT INTO assignments (target_type, target_id, actor_type, actor_id, role_id) VALUES"
                 " ('project', ?, 'user', ?, ?), ('domain', 'default', 'user', ?, ?),"
                 " ('system', 'all', 'user', ?, ?) ON CONFLICT DO NOTHING",
                 {project, user, admin, user, admin, user, admin}));
  HANOK_TRY(row, tx.query_one("SELECT password_hash FROM users WHERE id = ?", {user}));
  return First{user, row->text("password_hash")};
}

}  // namespace

Status bootstrap(Context& context) {
  HANOK_TRY(password, admin_password(context.settings.admin_password_file));
  HANOK_TRY(first, context.write(make_rows));
  if (!first.password_hash.empty() && context.hasher.verify(password, first.password_hash)) return {};
  const std::string hash = context.hasher.hash(password);
  HANOK_CHECK(context.write([&](store::Tx& tx) {
    return tx.execute("UPDATE users SET password_hash = ?, enabled = 1 WHERE id = ?", {hash, first.user_id});
  }));
  return {};
}

}  // namespace hanok::identity
