#pragma once
// The tables of the network service; every migration is here.

#include "control/store/store.h"

namespace hanok::network {

[[nodiscard]] store::Module schema();

}  // namespace hanok::network
