// libFuzzer target: neighbour discovery messages (ICMPv6 types 133 to 137), without the frame around them.
#include <cstdlib>

#include "dataplane/packet/nd_message.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hanok::dataplane;
  if (size > 65535) return 0;
  NdMessage message;
  if (read_nd_message(data, static_cast<unsigned>(size), message) && message.target.is_multicast())
    std::abort();
  return 0;
}
