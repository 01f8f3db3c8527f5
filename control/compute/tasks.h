#pragma once
// Transitions that several calls share: starting a task with its deadline, ending in ERROR, the end of a
// server.

#include <string>

#include "control/compute/server.h"

namespace hanok::compute {

// How long an agent may take for each, in seconds.
constexpr std::int64_t kBuildSeconds = 180;
constexpr std::int64_t kDeleteSeconds = 120;
constexpr std::int64_t kPowerSeconds = 120;
constexpr std::int64_t kRebootSeconds = 150;
constexpr std::int64_t kResizeSeconds = 180;
constexpr std::int64_t kSnapshotSeconds = 600;
constexpr std::int64_t kVolumeSeconds = 90;

// Sets task_state and its deadline; the caller saves.
void begin_task(Server& server, const std::string& task_state, std::int64_t seconds, std::int64_t now_us);
void end_task(Server& server);
// vm_state error with a fault. heals: a later good report ends it. The caller saves.
void set_error(Server& server, int code, const std::string& message, const std::string& details, bool heals,
               std::int64_t now_us);
// What an agent reports for a power_wanted that is reached: active, stopped, paused, suspended.
[[nodiscard]] std::string vm_state_of(const std::string& power);
[[nodiscard]] int power_state_of(const std::string& power);

// Asks the host to destroy it, or ends it at once when no host has it.
[[nodiscard]] Status start_delete(store::Tx& tx, Server& server, std::int64_t now_us);
// Ports and volumes are given back, the row stays as deleted.
[[nodiscard]] Status finish_delete(store::Tx& tx, Server& server, std::int64_t now_us);
// The image that createImage asked for is not made, if one is under way. The caller saves.
[[nodiscard]] Status give_up_upload(store::Tx& tx, Server& server, std::int64_t now_us);
// Takes one volume away from the server; also what undoes an attachment that failed. Only with the server
// itself does a volume of delete_on_termination go.
enum class DropReason { kDetached, kServerDeleted };
[[nodiscard]] Status drop_volume(store::Tx& tx, const ServerVolume& volume, DropReason reason,
                                 std::int64_t now_us);
[[nodiscard]] Status drop_port(store::Tx& tx, const std::string& port_id, bool ours, std::int64_t now_us);

}  // namespace hanok::compute
