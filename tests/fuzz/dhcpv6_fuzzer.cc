// libFuzzer target: DHCPv6 messages, without the frame around them.
#include <cstdlib>

#include "dataplane/packet/dhcpv6_message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hanok::dataplane;
  if (size > 65535) return 0;
  Dhcpv6Message message;
  if (!read_dhcpv6_message(data, static_cast<unsigned>(size), message)) return 0;
  if (message.associations.size() > 8 || message.client_id.size() > 130) std::abort();
  for (const auto& association : message.associations) {
    if (association.addresses.size() > 16) std::abort();
  }
  [[maybe_unused]] const bool wanted = message.wants(23);
  return 0;
}
