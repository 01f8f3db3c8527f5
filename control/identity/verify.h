#pragma once
// Proof of who somebody is. Every refusal takes the time of one password check and says the same.

#include "control/identity/context.h"

namespace hanok::identity {

struct UserRef {
  std::string id;                            // or name with domain
  std::string name, domain_id, domain_name;  // domain by id or name
};
// From {"id"} or {"name", "domain": {"id"|"name"}}.
[[nodiscard]] Result<UserRef> parse_user(const Json& user);

struct KnownUser {
  std::string id, password_hash, default_project_id;
};

// Counts wrong passwords; refuses during a lockout. kUnauthorized otherwise.
[[nodiscard]] Result<KnownUser> verify_password(Context& context, const UserRef& who,
                                                const std::string& password);

struct KnownCredential {
  std::string id, user_id, project_id;
};
// identity.application_credential of a token request.
[[nodiscard]] Result<KnownCredential> verify_application_credential(Context& context, const Json& body);

}  // namespace hanok::identity
