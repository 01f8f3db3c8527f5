#include "storage/target/bus_error.h"

#include <sys/mman.h>
#include <unistd.h>

#include <csignal>

namespace hanok::storage::target {
namespace {

// Touched by the handler, so plain and initialised before it can run on this thread.
thread_local volatile bool guarded = false;
thread_local volatile std::uint64_t errors = 0;

// mmap and sigaction are plain system calls here. A huge page's hole is filled page by page.
void on_bus_error(int signal, siginfo_t* info, void*) {
  constexpr std::uintptr_t kPage = 4096;
  const std::uintptr_t page = reinterpret_cast<std::uintptr_t>(info->si_addr) & ~(kPage - 1);
  if (guarded && info->si_code == BUS_ADRERR &&
      mmap(reinterpret_cast<void*>(page), kPage, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) {
    errors = errors + 1;
    return;
  }
  struct sigaction plain {};
  plain.sa_handler = SIG_DFL;
  sigaction(signal, &plain, nullptr);  // the access is repeated and ends the process as it would have
}

}  // namespace

void install_bus_error_handler() {
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, nullptr);
}

BusErrorGuard::BusErrorGuard() {
  errors = 0;
  guarded = true;
}

BusErrorGuard::~BusErrorGuard() {
  guarded = false;
}

std::uint64_t BusErrorGuard::count() const {
  return errors;
}

std::uint64_t bus_errors_of_thread() {
  return errors;
}

}  // namespace hanok::storage::target
