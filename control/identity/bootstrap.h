#pragma once
// What an identity service has from its first start.

#include "control/identity/context.h"

namespace hanok::identity {

// Default domain, roles admin > member > reader, project `admin`, user `admin` with the password of the
// password file (made when absent). What exists is left as it is, except that the file's password is put into
// force when it is not the one of the database.
[[nodiscard]] Status bootstrap(Context& context);

}  // namespace hanok::identity
