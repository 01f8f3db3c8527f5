#include "agents/compute/guest_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "common/secret.h"
#include "storage/operations/qemu_img.h"

namespace hanok::agent {
namespace {

namespace fs = std::filesystem;
constexpr std::int64_t kIsoTimeoutS = 60;

Status make_private_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error) fs::permissions(path, fs::perms::owner_all, error);
  if (error) return internal_error(path.string() + ": " + error.message());
  return {};
}

Result<std::string> read_end(const std::string& path, std::int64_t bytes) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return not_found(path + ": no console log");
  const auto size = static_cast<std::int64_t>(file.tellg());
  const std::int64_t from = std::max<std::int64_t>(0, size - bytes);
  std::string out(static_cast<std::size_t>(size - from), '\0');
  file.seekg(from);
  file.read(out.data(), static_cast<std::streamsize>(out.size()));
  out.resize(static_cast<std::size_t>(file.gcount()));
  return out;
}

}  // namespace

Status GuestFiles::prepare(const std::string& id) const {
  HANOK_CHECK(make_private_folder(folder(id)));
  const int fd = open(console(id).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return internal_error(console(id) + ": cannot create");
  close(fd);
  return {};
}

Status GuestFiles::write_config_drive(const std::string& id, const Json& config) const {
  const std::string tree = folder(id) + "/config";
  const std::string latest = tree + "/openstack/latest";
  std::error_code error;
  fs::remove_all(tree, error);
  HANOK_CHECK(make_private_folder(latest));
  const auto part = [&](const char* key) { return config.is_object() ? config.value(key, Json()) : Json(); };
  HANOK_CHECK(write_secret_file(latest + "/meta_data.json",
                                dump_json(part("meta_data").is_null() ? Json::object() : part("meta_data"))));
  if (const Json network = part("network_data"); !network.is_null()) {
    HANOK_CHECK(write_secret_file(latest + "/network_data.json", dump_json(network)));
  }
  if (const Json user_data = part("user_data"); user_data.is_string()) {
    HANOK_TRY(text, base64_decode(user_data.get<std::string>()));
    HANOK_CHECK(write_secret_file(latest + "/user_data", text));
  }
  const std::string fresh = config_drive(id) + ".new";
  const auto made = storage::run_program(
      {"genisoimage", "-quiet", "-J", "-R", "-V", "config-2", "-o", fresh, tree}, kIsoTimeoutS);
  fs::remove_all(tree, error);
  if (!made.ok()) {
    unlink(fresh.c_str());
    return made.error();
  }
  if (chmod(fresh.c_str(), 0600) != 0 || rename(fresh.c_str(), config_drive(id).c_str()) != 0) {
    return internal_error(config_drive(id) + ": cannot put in place");
  }
  return {};
}

Status GuestFiles::remove(const std::string& id) const {
  std::error_code error;
  fs::remove_all(folder(id), error);
  if (error) return internal_error(folder(id) + ": " + error.message());
  return {};
}

Result<std::string> GuestFiles::console_tail(const std::string& id, std::int64_t lines) const {
  HANOK_TRY(text, read_end(console(id), kMaxConsoleBytes));
  if (lines <= 0) return text;
  std::size_t at = text.size();
  if (at > 0 && text[at - 1] == '\n') --at;
  for (std::int64_t i = 0; i < lines && at != std::string::npos; ++i) {
    at = at == 0 ? std::string::npos : text.rfind('\n', at - 1);
  }
  return at == std::string::npos ? text : text.substr(at + 1);
}

Status GuestFiles::trim_console(const std::string& id) const {
  struct stat info {};
  if (stat(console(id).c_str(), &info) != 0 || info.st_size <= kConsoleLimitBytes) return {};
  HANOK_TRY(end, read_end(console(id), kMaxConsoleBytes));
  // QEMU appends to this very file: it is rewritten in place, never replaced.
  std::ofstream file(console(id), std::ios::binary | std::ios::trunc);
  file.write(end.data(), static_cast<std::streamsize>(end.size()));
  if (!file) return internal_error(console(id) + ": cannot cut");
  return {};
}

}  // namespace hanok::agent
