#include "dataplane/packet/drop_reason.h"

namespace hanok::dataplane {

std::string_view to_string(DropReason reason) {
  static constexpr std::string_view kNames[] = {
#define X(name) #name,
      HANOK_DROP_REASONS(X)
#undef X
  };
  return reason < DropReason::kCount ? kNames[static_cast<std::size_t>(reason)] : "unknown";
}

}  // namespace hanok::dataplane
