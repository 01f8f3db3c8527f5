#include "agents/compute/program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>

namespace hanok::agent {
namespace {

constexpr std::size_t kKeepBytes = 2000;

Result<pid_t> spawn(const std::vector<std::string>& argv, int error_fd) {
  std::vector<char*> raw;
  for (const auto& word : argv) raw.push_back(const_cast<char*>(word.c_str()));
  raw.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, error_fd, STDERR_FILENO);
  pid_t pid = -1;
  const int failed = posix_spawnp(&pid, raw[0], &actions, nullptr, raw.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return internal_error(argv[0] + ": cannot start: " + std::strerror(failed));
  return pid;
}

// Reads until the other end is closed; false when the time is over first.
bool drain(int fd, std::int64_t timeout_ms, std::string& out) {
  using SteadyClock = std::chrono::steady_clock;
  const auto deadline = SteadyClock::now() + std::chrono::milliseconds(timeout_ms);
  std::array<char, 4096> buffer{};
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - SteadyClock::now()).count();
    pollfd wait{fd, POLLIN, 0};
    if (left <= 0 || poll(&wait, 1, static_cast<int>(left)) == 0) return false;
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    out.append(buffer.data(), static_cast<std::size_t>(got));
    if (out.size() > 2 * kKeepBytes) out.erase(0, out.size() - kKeepBytes);
  }
}

}  // namespace

Status run_program(const std::vector<std::string>& argv, std::int64_t timeout_ms) {
  HANOK_ASSERT(!argv.empty());
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return internal_error(argv[0] + ": no pipe");
  auto pid = spawn(argv, ends[1]);
  close(ends[1]);
  if (!pid.ok()) {
    close(ends[0]);
    return pid.take_error();
  }
  std::string errors;
  const bool ended = drain(ends[0], timeout_ms, errors);
  close(ends[0]);
  if (!ended) kill(*pid, SIGKILL);
  int status = 0;
  while (waitpid(*pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) return Error{ErrorCode::kTimeout, argv[0] + " took too long and was killed"};
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (errors.size() > kKeepBytes) errors.erase(0, errors.size() - kKeepBytes);
  return internal_error(argv[0] + " failed: " + errors);
}

}  // namespace hanok::agent
