// Any bytes through the whole engine, from a guest and from the wire. The first byte chooses the device, the
// rest is the frame.
#include "tests/fuzz/engine_world.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static hanok::dataplane::fuzz::World world;
  if (size < 1 || size > 4096) return 0;
  world.run({data + 1, size - 1}, world.device(data[0]));
  return 0;
}
