# shellcheck shell=bash
# Hanok's own processes: secrets, configuration files, start, stop, health.

node_bin() { say "$HERE/build/${PRESET:-release}/bin"; }

node_port() { say "$(($1 + $(setting port_offset)))"; }

# A compute host has no API of its own: its agent talks to the controller it is told.
node_is_controller() { [[ -z $(setting controller) ]]; }

node_processes() {
  if node_is_controller; then say hanok-api; fi
  say hanok-dataplane
  say hanok-storage
  say hanok-agent
  say hanok-keeper
}

# ---- secrets and configuration --------------------------------------------------------------------------------------

node_secrets() {
  mkdir -p "$STATE/secrets"
  chmod 0700 "$STATE/secrets"
  node_is_controller || return 0
  secret_create "$STATE/secrets/admin.password"
  secret_create "$STATE/secrets/agent.token"
}

node_agent_token() {
  if node_is_controller; then say "$STATE/secrets/agent.token"; else setting controller_token; fi
}

node_agent_api() { if node_is_controller; then say "unix:$RUN/agent.sock"; else setting controller; fi; }

# "a|b" as a TOML list of strings
toml_list() {
  local parts part list=
  IFS='|' read -ra parts <<<"$1"
  for part in "${parts[@]}"; do [[ -z $part ]] || list+="${list:+, }\"$part\""; done
  printf '[%s]' "$list"
}

node_uplinks() {
  local uplinks
  uplinks=$(setting uplinks)
  if [[ $(setting external_device) != none ]]; then
    uplinks="ext=$(external_device);physical_network=external${uplinks:+|$uplinks}"
  fi
  toml_list "$uplinks"
}

node_write_confs() {
  local dir=$STATE/conf
  mkdir -p "$dir" "$STATE/api" "$STATE/agent" "$RUN/vhost"
  if node_is_controller; then
    local listen
    listen=$(setting agent_listen)
    cat >"$dir/hanok-api.toml" <<CONF
state-dir = "$STATE/api"
run-dir = "$RUN"
listen = "$(setting listen)"
identity-port = $(node_port 5000)
compute-port = $(node_port 8774)
volume-port = $(node_port 8776)
image-port = $(node_port 9292)
network-port = $(node_port 9696)
public-host = "$(node_public_host)"
region = "RegionOne"
agent-socket = "$RUN/agent.sock"${listen:+
agent-listen = "$listen"}
agent-token-file = "$STATE/secrets/agent.token"
admin-password-file = "$STATE/secrets/admin.password"
fernet-keys = "$STATE/secrets/fernet"
volume-key-file = "$STATE/secrets/volume.key"
ceph-conf = "$CEPH_CONF"
ceph-client = "$(setting ceph_client)"
log-level = "$(setting log_level)"
CONF
  fi
  cat >"$dir/hanok-dataplane.toml" <<CONF
socket = "$RUN/dataplane.sock"
lcores = [$(setting dataplane_lcores | tr '|' ',')]
huge-mib = $(setting dataplane_huge_mib)
idle-sleep-us = $(setting dataplane_idle_us)
log-level = "$(setting log_level)"
CONF
  cat >"$dir/hanok-storage.toml" <<CONF
socket = "$RUN/storage.sock"
state-dir = "$STATE/storage"
ceph-conf = "$CEPH_CONF"
ceph-client = "$(setting ceph_client)"
log-level = "$(setting log_level)"
CONF
  cat >"$dir/hanok-agent.toml" <<CONF
host = "$NODE"
roles = $(toml_list "$(setting roles)")
api = "$(node_agent_api)"
token-file = "$(node_agent_token)"
state-dir = "$STATE/agent"
run-dir = "$RUN"
dataplane-socket = "$RUN/dataplane.sock"
vtep = "$(setting vtep)"
uplinks = $(node_uplinks)
volume-pools = $(toml_list "$(setting volume_pools)")
libvirt-uri = "$(libvirt_uri)"
virt-type = "$(virt_type)"
ceph-conf = "$CEPH_CONF"
ceph-client = "$(setting ceph_client)"
ceph-secret-uuid = "$(cat "$STATE/libvirt/ceph_secret_uuid" 2>/dev/null)"
log-level = "$(setting log_level)"
CONF
}

node_public_host() {
  local host
  host=$(setting public_host)
  say "${host:-$(setting listen)}"
}

node_auth_url() { say "http://$(node_public_host):$(node_port 5000)/v3"; }

# clouds.yaml and openrc hold the password: readable by root alone, from the first byte.
node_write_client_files() {
  node_is_controller || return 0
  local password
  password=$(cat "$STATE/secrets/admin.password")
  (
    umask 077
    cat >"$STATE/clouds.yaml.new" <<YAML
clouds:
  hanok:
    region_name: RegionOne
    identity_api_version: 3
    auth:
      auth_url: $(node_auth_url)
      username: admin
      password: "$password"
      project_name: admin
      user_domain_name: Default
      project_domain_name: Default
YAML
    cat >"$STATE/openrc.new" <<RC
export OS_AUTH_URL=$(node_auth_url)
export OS_IDENTITY_API_VERSION=3
export OS_REGION_NAME=RegionOne
export OS_USERNAME=admin
export OS_PASSWORD='$password'
export OS_PROJECT_NAME=admin
export OS_USER_DOMAIN_NAME=Default
export OS_PROJECT_DOMAIN_NAME=Default
RC
  )
  mv "$STATE/clouds.yaml.new" "$STATE/clouds.yaml"
  mv "$STATE/openrc.new" "$STATE/openrc"
}

# ---- start and stop -------------------------------------------------------------------------------------------------

node_configure() {
  node_secrets
  node_write_confs
  node_write_client_files
  if node_is_controller; then say "= $STATE/clouds.yaml (cloud hanok), $STATE/openrc"; else say "= compute host of $(setting controller)"; fi
}

# node_start PROGRAM [WRAPPER...]
node_start() {
  local name=$1 program
  shift
  program=$(node_bin)/$name
  [[ -x $program ]] || die "$program is not built"
  proc_start "$name" "$@" "$program" --config "$STATE/conf/$name.toml" || node_failed "$name"
}

node_api_answers() { curl -s -o /dev/null --max-time 2 "http://$(setting listen):$(node_port 5000)/v3"; }

api_up() {
  node_start hanok-api
  wait_for 30 "hanok-api to answer" proc_answers hanok-api node_api_answers || node_failed hanok-api
  say "= $(node_auth_url)"
}

# An answer counts only while our own process lives: the port may be another program's.
proc_answers() {
  proc_alive "$1" || {
    node_failed "$1"
  }
  "$2"
}

node_failed() { die "$1 does not run as it should; the end of its log, $LOG/$1.log: $(tail -n 5 "$LOG/$1.log" 2>/dev/null)"; }

dataplane_rpc() { /usr/bin/python3 "$HERE/deploy/rpc.py" "$RUN/dataplane.sock" "$@"; }

dataplane_answers() { dataplane_rpc version >/dev/null 2>&1; }

dataplane_up() {
  local namespace command=()
  namespace=$(setting dataplane_netns)
  [[ -z $namespace ]] || command=(ip netns exec "$namespace")
  node_start hanok-dataplane "${command[@]}"
  wait_for 60 "hanok-dataplane to answer" proc_answers hanok-dataplane dataplane_answers || node_failed hanok-dataplane
}

storage_answers() { /usr/bin/python3 "$HERE/deploy/rpc.py" "$RUN/storage.sock" version >/dev/null 2>&1; }

storage_up() {
  node_start hanok-storage
  wait_for 60 "hanok-storage to answer" proc_answers hanok-storage storage_answers || node_failed hanok-storage
}

agent_up() {
  node_start hanok-agent
  if node_is_controller; then
    node_python bootstrap.py wait-host "$NODE" 60 || node_failed hanok-agent
  else
    proc_alive hanok-agent || node_failed hanok-agent
  fi
}

# Starts again what dies (deploy/keeper.py). Stopped first, and started last, by whoever stops or starts others on purpose.
keeper_up() { proc_start hanok-keeper /usr/bin/python3 -B "$HERE/deploy/keeper.py" "$RUN/pid" || node_failed hanok-keeper; }
keeper_down() { proc_stop hanok-keeper; }

node_python() {
  local script=$1
  shift
  OS_CLIENT_CONFIG_FILE=$STATE/clouds.yaml /usr/bin/python3 "$HERE/deploy/$script" "$@"
}

bootstrap_up() {
  local external=()
  if [[ $(setting external_device) != none ]]; then
    external=(--external-cidr "$(setting external_cidr)" --external-gateway "$(setting external_gateway)")
  fi
  node_python bootstrap.py resources --image "$(guest_image)" "${external[@]}"
}

instance_up() {
  mkdir -p "$STATE/ssh"
  chmod 0700 "$STATE/ssh"
  [[ -s $STATE/ssh/id ]] || ssh-keygen -q -t ed25519 -N '' -C "hanok" -f "$STATE/ssh/id"
  local namespace=()
  if external_is_ours; then namespace=(--namespace "$(external_namespace)"); fi
  node_python first_instance.py --key "$STATE/ssh/id" --external-gateway "$(setting external_gateway)" "${namespace[@]}"
}

node_processes_down() {
  local name
  for name in $(node_processes | tac); do
    [[ $name == hanok-dataplane || $name == hanok-storage ]] || proc_stop "$name"
  done
}

# What guests' devices hang on goes after the guests.
guests_servers_down() {
  proc_stop hanok-dataplane
  proc_stop hanok-storage
}

node_versions() {
  say "  versions: $(git -C "$HERE" describe --always --dirty 2>/dev/null || say unknown) of hanok, $(ceph --version 2>/dev/null | cut -d' ' -f1-3), libvirt $(libvirtd --version 2>/dev/null | awk '{print $3}'), $(qemu-system-x86_64 --version 2>/dev/null | awk 'NR == 1 {print "QEMU " $4}')"
}

# ---- health ---------------------------------------------------------------------------------------------------------

node_status() {
  local name bad=0
  for name in $(node_processes); do status_process "$name" || bad=1; done
  dataplane_answers || {
    status_line bad hanok-dataplane "does not answer on $RUN/dataplane.sock"
    bad=1
  }
  storage_answers || {
    status_line bad hanok-storage "does not answer on $RUN/storage.sock"
    bad=1
  }
  if node_is_controller; then
    if node_api_answers; then
      node_python bootstrap.py health || bad=1
    else
      status_line bad hanok-api "does not answer on $(node_auth_url)"
      bad=1
    fi
  fi
  return "$bad"
}
