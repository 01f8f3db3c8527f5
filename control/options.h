#pragma once
// The settings of hanok-api: flags, or a TOML file with the same names (docs/architecture.md).

#include <cstdint>
#include <string>

namespace hanok {

struct ApiOptions {
  std::string state_dir = "/var/lib/hanok/api";
  std::string run_dir = "/run/hanok";
  std::string listen = "127.0.0.1";
  std::uint16_t identity_port = 5000, compute_port = 8774, volume_port = 8776, image_port = 9292,
                network_port = 9696;
  std::string public_host;  // empty: the listen address
  std::string region = "RegionOne";
  std::string agent_socket;  // empty: <run-dir>/agent.sock
  std::string agent_listen;  // "address:port", empty: only the socket
  std::string agent_token_file, admin_password_file, volume_key_file, fernet_keys;  // empty: in state-dir
  std::string ceph_conf, ceph_client = "hanok";  // no conf: image uploads answer 503
  unsigned workers = 16;
  std::string log_level = "info";
};

// Returns true when the program shall run; else `exit_status` says how it ends (--help, --version, a
// mistake).
[[nodiscard]] bool parse_api_options(int argc, char** argv, ApiOptions& options, int& exit_status);

}  // namespace hanok
