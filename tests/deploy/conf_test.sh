#!/usr/bin/env bash
# The files that `up` writes: good TOML, private where they hold secrets, and no secret anywhere else.
# shellcheck source=check.sh disable=SC1091
. "$(dirname "$0")/check.sh"
for part in lib ceph libvirt guest host node; do
  # shellcheck source=/dev/null
  . "$ROOT/deploy/$part.sh"
done
toml() { /usr/bin/python3 -c 'import json, sys, tomllib; print(json.dumps(tomllib.load(open(sys.argv[1], "rb"))[sys.argv[2]]))' "$@"; }

node_open "$work/one" name=one run="$work/run" port_offset=100 public_host=cloud.example \
  "uplinks=under=net_af_packet1,iface=u0;physical_network=physnet1;address=192.0.2.1/24"
node_create
node_configure >/dev/null

conf=$STATE/conf
expect "identity port" "$(toml "$conf/hanok-api.toml" identity-port)" 5100
expect "public host" "$(toml "$conf/hanok-api.toml" public-host)" '"cloud.example"'
expect "CPUs" "$(toml "$conf/hanok-dataplane.toml" lcores)" "[0]"
expect "roles" "$(toml "$conf/hanok-agent.toml" roles)" '["network", "compute", "volume"]'
expect "uplinks" "$(toml "$conf/hanok-agent.toml" uplinks)" \
  '["ext=net_af_packet0,iface=one-ext;physical_network=external", "under=net_af_packet1,iface=u0;physical_network=physnet1;address=192.0.2.1/24"]'

# The password is in three files, all of them root's alone, and nowhere else.
password=$(cat "$STATE/secrets/admin.password")
holders=$(grep -rlF -- "$password" "$STATE" "$RUN" | sort)
expect "files with the password" "$holders" "$(printf '%s\n' "$STATE/clouds.yaml" "$STATE/openrc" "$STATE/secrets/admin.password")"
for file in $holders "$STATE/secrets/agent.token"; do expect "mode of $file" "$(stat -c %a "$file")" 600; done
expect "cloud" "$(/usr/bin/python3 -c 'import sys, yaml; print(yaml.safe_load(open(sys.argv[1]))["clouds"]["hanok"]["auth"]["auth_url"])' "$STATE/clouds.yaml")" \
  http://cloud.example:5100/v3

# Once more: the same secrets.
node_configure >/dev/null
expect "password" "$(cat "$STATE/secrets/admin.password")" "$password"

# A compute host has the controller's address and no secrets of its own.
node_open "$work/two" name=two run="$work/run2" external_device=none uplinks= roles="network|compute" dataplane_lcores="0|1" \
  controller="unix:$work/run/agent.sock" controller_token="$work/one/secrets/agent.token"
node_create
node_configure >/dev/null
expect "controller" "$(toml "$STATE/conf/hanok-agent.toml" api)" "\"unix:$work/run/agent.sock\""
expect "CPUs of two workers" "$(toml "$STATE/conf/hanok-dataplane.toml" lcores)" "[0, 1]"
expect "no uplinks" "$(toml "$STATE/conf/hanok-agent.toml" uplinks)" "[]"
[[ ! -e $STATE/conf/hanok-api.toml && ! -e $STATE/clouds.yaml ]] || fail "a compute host got an API"
