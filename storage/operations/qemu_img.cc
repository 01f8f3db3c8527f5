#include "storage/operations/qemu_img.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <string_view>

extern char** environ;

namespace hanok::storage {
namespace {

constexpr std::size_t kMaxErrorText = 500;
// Not vmdk: its descriptor may name files of this host.
constexpr std::array<std::string_view, 6> kFormats = {"qcow2", "raw", "vdi", "vhd", "vhdx", "iso"};

std::string qemu_format(const std::string& format) {
  if (format == "vhd") return "vpc";
  return format == "iso" ? "raw" : format;
}

struct Child {
  pid_t pid = -1;
  int stderr_fd = -1;
};

Result<Child> spawn(const std::vector<std::string>& arguments) {
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) return internal_error("pipe2 failed");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], 2);
  std::vector<char*> argv;
  for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  Child out;
  const int code = posix_spawnp(&out.pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(pipe_fds[1]);
  if (code != 0) {
    close(pipe_fds[0]);
    return internal_error(arguments[0] + " cannot be started: " + std::strerror(code));
  }
  out.stderr_fd = pipe_fds[0];
  return out;
}

// Collects stderr until its end; false at the deadline.
bool collect(int fd, std::int64_t deadline_s, std::string& text) {
  using Steady = std::chrono::steady_clock;
  const auto end = Steady::now() + std::chrono::seconds(deadline_s);
  std::array<char, 4096> buffer;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Steady::now()).count();
    if (left <= 0) return false;
    pollfd watch{.fd = fd, .events = POLLIN, .revents = 0};
    if (poll(&watch, 1, static_cast<int>(std::min<std::int64_t>(left, 1000))) <= 0) continue;
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got <= 0) return true;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > kMaxErrorText) text.erase(0, text.size() - kMaxErrorText);
  }
}

}  // namespace

Status run_program(const std::vector<std::string>& arguments, std::int64_t deadline_s) {
  HANOK_TRY(child, spawn(arguments));
  std::string text;
  const bool ended = collect(child.stderr_fd, deadline_s, text);
  close(child.stderr_fd);
  if (!ended) kill(child.pid, SIGKILL);
  int status = 0;
  while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) return Error{ErrorCode::kTimeout, arguments[0] + " did not end in time", {}};
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return bad_request(arguments[0] + " failed: " + text);
}

QemuImg::QemuImg(std::string ceph_conf, std::string ceph_client, std::int64_t deadline_s)
    : ceph_conf_(std::move(ceph_conf)), ceph_client_(std::move(ceph_client)), deadline_s_(deadline_s) {}

Status QemuImg::convert(const SnapshotRef& from, const std::string& format, const ImageRef& to) {
  if (std::find(kFormats.begin(), kFormats.end(), format) == kFormats.end()) {
    return bad_request("Images of format " + format + " cannot be converted to a volume.");
  }
  const std::string how = ":conf=" + ceph_conf_ + ":id=" + ceph_client_;
  return run_program({"qemu-img", "convert", "-f", qemu_format(format), "-O", "raw",
                      "rbd:" + from.image.pool + "/" + from.image.name + "@" + from.snapshot + how,
                      "rbd:" + to.pool + "/" + to.name + how},
                     deadline_s_);
}

}  // namespace hanok::storage
