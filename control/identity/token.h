#pragma once
// Tokens: made, read back, refused, shown.

#include "control/identity/context.h"
#include "control/identity/token_payload.h"

namespace hanok::identity {

struct Named {
  std::string id, name;
};

// A valid token with what it means now: names and roles are read from the database each time.
struct Token {
  TokenPayload payload;
  std::int64_t issued_us = 0;
  std::string user_name, user_domain_id, user_domain_name;
  std::string project_name, project_domain_id, project_domain_name, domain_name;
  std::vector<Named> roles;
  bool unrestricted = true;  // false: of an application credential that may not make others

  [[nodiscard]] bool scoped() const {
    return !payload.project_id.empty() || !payload.domain_id.empty() || payload.system;
  }
};

// kUnauthorized, with the same message for every cause: damaged, expired, revoked, user or scope disabled or
// gone, no role left on the scope.
[[nodiscard]] Result<Token> read_token(Context& context, store::Tx& tx, const std::string& text);
// Fills names and roles from the payload; the same refusals but for the token's own age.
[[nodiscard]] Result<Token> resolve(Context& context, store::Tx& tx, TokenPayload payload);
// Signs it; sets issued_us.
[[nodiscard]] Result<std::string> issue(Context& context, store::Tx& tx, Token& token);

[[nodiscard]] http::Caller to_caller(const Token& token);
// {"token": {...}} as the API shows it.
[[nodiscard]] Json show_token(const Context& context, const Token& token, bool with_catalog);

// Tokens of (kind, id) issued until now are void. Kinds: "audit" (one token), "user".
[[nodiscard]] Status revoke(Context& context, store::Tx& tx, const char* kind, const std::string& id);

[[nodiscard]] Error not_authenticated();

}  // namespace hanok::identity
