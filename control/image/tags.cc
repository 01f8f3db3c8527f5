#include "control/image/context.h"
#include "control/image/fields.h"

namespace hanok::image {

Answer add_tag(const Context& context, http::Request& request) {
  HANOK_CHECK(check_tag(request.param("tag")));
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(record, load_own(tx, request));
    Json tags = record.tags;
    tags.push_back(request.param("tag"));
    HANOK_CHECK(set_field(record, "tags", tags));
    record.updated_us = context.clock.now_us();
    HANOK_CHECK(update_record(tx, record));
    return http::no_content();
  });
}

Answer remove_tag(const Context& context, http::Request& request) {
  return context.database.write([&](store::Tx& tx) -> Answer {
    HANOK_TRY(record, load_own(tx, request));
    HANOK_TRY(removed, tx.execute("DELETE FROM image_tags WHERE image_id = ? AND tag = ?",
                                  {record.id, request.param("tag")}));
    if (removed == 0) return not_found("The tag could not be found.");
    return http::no_content();
  });
}

}  // namespace hanok::image
