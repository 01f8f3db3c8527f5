#include "control/options.h"

#include <CLI/CLI.hpp>

namespace hanok {

bool parse_api_options(int argc, char** argv, ApiOptions& options, int& exit_status) {
  CLI::App app{
      "hanok-api: the OpenStack APIs of a Hanok node in one process: identity (Keystone v3), compute (Nova "
      "2.1),\n"
      "network (Neutron 2.0), volume (Cinder v3) and image (Glance v2), and the door of its agents.\n\n"
      "Usually started by `./hanok up`, which writes its configuration. By hand:\n\n"
      "  hanok-api --config /var/lib/hanok/conf/hanok-api.toml\n\n"
      "Everything it keeps is in --state-dir; it may be killed at any moment without losing an acknowledged "
      "request."};
  app.set_version_flag("--version", std::string(HANOK_VERSION));
  app.set_config("--config", "", "TOML file with any of these options, by their long names");
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.add_option("--state-dir", options.state_dir, "Folder of the database and of the files below")
      ->capture_default_str();
  app.add_option("--run-dir", options.run_dir, "Folder of sockets")->capture_default_str();
  app.add_option("--listen", options.listen,
                 "IP address to listen on; anything but loopback opens the APIs to others")
      ->capture_default_str();
  app.add_option("--identity-port", options.identity_port)->capture_default_str();
  app.add_option("--compute-port", options.compute_port)->capture_default_str();
  app.add_option("--volume-port", options.volume_port)->capture_default_str();
  app.add_option("--image-port", options.image_port)->capture_default_str();
  app.add_option("--network-port", options.network_port)->capture_default_str();
  app.add_option("--public-host", options.public_host,
                 "Host name or address in the catalog; default: --listen");
  app.add_option("--region", options.region, "Region in the catalog")->capture_default_str();
  app.add_option("--agent-socket", options.agent_socket,
                 "Unix socket for agents; default: RUN-DIR/agent.sock");
  app.add_option("--agent-listen", options.agent_listen,
                 "ADDRESS:PORT for agents of other hosts; default: none");
  app.add_option("--agent-token-file", options.agent_token_file,
                 "Secret of the agents; default: STATE-DIR/agent.token");
  app.add_option("--admin-password-file", options.admin_password_file,
                 "Password of the user admin; default: STATE-DIR/admin.password. Made when absent");
  app.add_option("--fernet-keys", options.fernet_keys,
                 "Folder of token keys; default: STATE-DIR/fernet. Made when absent");
  app.add_option("--volume-key-file", options.volume_key_file,
                 "Master key of the keys of encrypted volumes (mode 0600); default: STATE-DIR/volume.key. "
                 "Made when absent; without it encrypted volumes are lost");
  app.add_option("--ceph-conf", options.ceph_conf, "ceph.conf of the cluster for images; default: none");
  app.add_option("--ceph-client", options.ceph_client, "cephx user")->capture_default_str();
  app.add_option("--workers", options.workers, "Threads that run requests")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  app.add_option("--log-level", options.log_level)
      ->capture_default_str()
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error"}));
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    exit_status = app.exit(error) == 0 ? 0 : 2;
    return false;
  }
  const auto default_to = [](std::string& value, const std::string& other) {
    if (value.empty()) value = other;
  };
  default_to(options.public_host, options.listen);
  default_to(options.agent_socket, options.run_dir + "/agent.sock");
  default_to(options.agent_token_file, options.state_dir + "/agent.token");
  default_to(options.admin_password_file, options.state_dir + "/admin.password");
  default_to(options.volume_key_file, options.state_dir + "/volume.key");
  default_to(options.fernet_keys, options.state_dir + "/fernet");
  return true;
}

}  // namespace hanok
