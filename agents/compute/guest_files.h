#pragma once
// The files of one guest on this host: $STATE/instances/<id>/{config.iso,console.log}, all readable by root
// alone.

#include <cstdint>
#include <string>

#include "common/json.h"
#include "common/result.h"

namespace hanok::agent {

class GuestFiles {
 public:
  explicit GuestFiles(std::string state_dir) : root_(std::move(state_dir) + "/instances") {}

  [[nodiscard]] std::string folder(const std::string& id) const { return root_ + "/" + id; }
  [[nodiscard]] std::string config_drive(const std::string& id) const { return folder(id) + "/config.iso"; }
  [[nodiscard]] std::string console(const std::string& id) const { return folder(id) + "/console.log"; }

  // Folder and empty console log, kept if they are there.
  [[nodiscard]] Status prepare(const std::string& id) const;
  // Config drive as OpenStack guests know it: ISO 9660 with the label config-2, openstack/latest/*.json.
  // Written whole or not at all.
  [[nodiscard]] Status write_config_drive(const std::string& id, const Json& config) const;
  [[nodiscard]] Status remove(const std::string& id) const;  // idempotent
  // The last `lines` lines of the console (all when <= 0), at most kMaxConsoleBytes. Bytes that are no UTF-8
  // are replaced.
  [[nodiscard]] Result<std::string> console_tail(const std::string& id, std::int64_t lines) const;
  // A console log over kConsoleLimitBytes is cut to its last kMaxConsoleBytes: a guest cannot fill the disk.
  [[nodiscard]] Status trim_console(const std::string& id) const;

  static constexpr std::int64_t kMaxConsoleBytes = 1 << 20;
  static constexpr std::int64_t kConsoleLimitBytes = 16 << 20;

 private:
  std::string root_;
};

}  // namespace hanok::agent
