// Any bytes as an X-Auth-Token, and as what a Fernet token carries: a payload in MessagePack. What unpacks
// must be the same after it is packed and unpacked again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "control/identity/fernet.h"
#include "control/identity/token_payload.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hanok::identity;
  // The key of the Fernet specification's vectors, of which the corpus has one.
  static const FernetKey key = *decode_fernet_key("cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto message = fernet_decrypt(key, text);
  const auto payload = unpack_payload(message ? std::string_view(message->plaintext) : text);
  if (!payload) return 0;
  const auto again = unpack_payload(pack_payload(*payload));
  if (!again || again->user_id != payload->user_id || again->project_id != payload->project_id ||
      again->methods != payload->methods || again->audit_ids != payload->audit_ids) {
    std::abort();
  }
  return 0;
}
