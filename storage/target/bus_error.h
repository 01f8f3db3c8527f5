#pragma once
// A front end can shrink the file that backs the guest's memory; touching what is gone raises SIGBUS. In
// threads under a guard such a page is replaced by an empty one and counted, so that only that guest is hurt.

#include <cstdint>

namespace hanok::storage::target {

// Once per process, before guards are made.
void install_bus_error_handler();

// For the thread that makes it, until destroyed. Threads that belong to a library may leak theirs.
class BusErrorGuard {
 public:
  BusErrorGuard();
  ~BusErrorGuard();
  BusErrorGuard(const BusErrorGuard&) = delete;
  BusErrorGuard& operator=(const BusErrorGuard&) = delete;
  [[nodiscard]] std::uint64_t count() const;
};
// Of the calling thread.
[[nodiscard]] std::uint64_t bus_errors_of_thread();

}  // namespace hanok::storage::target
