#pragma once
// DPDK's vhost thread polls the descriptors that it knew when it began to wait, up to a second long
// (lib/vhost/fd_man.c of 22.11). A new listener does not end the wait, so a guest that connects at once would
// wait for up to a second; a new connection does.

#include <string>

namespace hanok::storage::target {

// Makes the vhost thread look again at what it waits for, by a connection of our own to `socket` + ".wake",
// which is there only for this call. Where it cannot be made, guests of a new listener wait for the second to
// pass.
void wake_vhost_thread(const std::string& socket);

}  // namespace hanok::storage::target
