#include "control/identity/resource.h"
#include "control/identity/token.h"
#include "control/identity/users.h"
#include "control/identity/verify.h"

namespace hanok::identity {
namespace {

// The current password and those before it, newest first.
Result<std::vector<std::string>> last_passwords(Context& context, const std::string& user_id) {
  return context.database.read([&](store::Tx& tx) -> Result<std::vector<std::string>> {
    HANOK_TRY(rows,
              tx.query("SELECT password_hash FROM (SELECT password_hash, 1e18 AS age FROM users WHERE id = ?"
                       " UNION ALL SELECT password_hash, id AS age FROM old_passwords WHERE user_id = ?)"
                       " ORDER BY age DESC LIMIT ?",
                       {user_id, user_id, context.settings.password_history}));
    std::vector<std::string> out;
    for (const store::Row& row : rows) out.push_back(row.text("password_hash"));
    return out;
  });
}

}  // namespace

Result<http::Response> change_password(Context& context, http::Request& request) {
  const std::string& id = request.param("id");
  HANOK_TRY(body, need_object(request.json, "user"));
  HANOK_TRY(original, need_string(*body, "original_password", PasswordHasher::kMaxPasswordBytes));
  HANOK_TRY(password, need_string(*body, "password", PasswordHasher::kMaxPasswordBytes));
  if (password.empty()) return bad_request("Invalid input for field 'password': it may not be empty.");
  UserRef who;
  who.id = id;
  HANOK_TRY(known, verify_password(context, who, original));
  HANOK_TRY(last, last_passwords(context, known.id));
  for (const std::string& hash : last) {
    if (!context.hasher.verify(password, hash)) continue;
    return bad_request("The password was used lately: the last " +
                       std::to_string(context.settings.password_history) + " may not be taken again.");
  }
  const std::string hash = context.hasher.hash(password);
  return no_content(context.write([&](store::Tx& tx) -> Status {
    HANOK_TRY(row, need_row(tx, "users", "user", known.id));
    // Somebody else changed it in between: the original is no longer right.
    if (row.text("password_hash") != known.password_hash) return not_authenticated();
    return store_password(context, tx, known.id, hash);
  }));
}

}  // namespace hanok::identity
