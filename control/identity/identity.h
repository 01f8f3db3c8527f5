#pragma once
// The identity service (Keystone v3): users, projects, roles, tokens, catalog. Wiring for main.cc.
// The role `admin` in any scope makes a caller an administrator of the cloud; admin implies member, member
// implies reader.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/clock.h"
#include "control/http/http.h"
#include "control/store/store.h"

namespace hanok::identity {

// One service of the catalog; `url` may contain $(project_id)s.
struct CatalogService {
  std::string type, name, url;
};

struct Settings {
  std::string region = "RegionOne";
  std::vector<CatalogService> catalog;
  std::string fernet_keys;          // folder
  std::string admin_password_file;  // made with a random password when absent
  std::int64_t token_life_s = 3600;
  std::int64_t key_age_s = std::int64_t{7} * 24 * 3600;  // a primary key older than this is rotated
  int bcrypt_cost = 12;
  int bcrypt_at_once = 2;
  // After this many wrong passwords in a row the account is locked for a while.
  std::int64_t lockout_attempts = 5;
  std::int64_t lockout_s = 5;
  // A user may not take one of this many last passwords again (by POST /users/{id}/password).
  std::int64_t password_history = 2;
};

class Identity : public http::Authenticator {
 public:
  // `service()` keeps a reference to this.
  [[nodiscard]] virtual http::Service service() = 0;
  // Called now and then (once a second is fine): rotates keys, forgets what has expired.
  [[nodiscard]] virtual Status maintain() = 0;
};

[[nodiscard]] store::Module identity_module();
// Makes the default domain, the roles, the project and user `admin`, and the keys where they are missing.
// `database` and `clock` must outlive it.
[[nodiscard]] Result<std::unique_ptr<Identity>> make_identity(store::Database& database, const Clock& clock,
                                                              const Settings& settings);

}  // namespace hanok::identity
