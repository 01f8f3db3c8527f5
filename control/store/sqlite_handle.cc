// Alone in its file: SOCI's header puts SQLite's declarations into a namespace of its own.
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include "common/error.h"

namespace hanok::store {

void* sqlite_handle(soci::session& session) {
  // Debian's library hides the backend's type information, so a dynamic_cast does not link.
  HANOK_ASSERT(session.get_backend_name() == "sqlite3");
  return static_cast<soci::sqlite3_session_backend*>(session.get_backend())->conn_;
}

}  // namespace hanok::store
