#!/usr/bin/env bash
# Settings, and processes by pid and start time.
# shellcheck source=check.sh disable=SC1091
. "$(dirname "$0")/check.sh"
# shellcheck source=/dev/null
. "$ROOT/deploy/lib.sh"

node_open "$work/node" name=alpha run="$work/run" port_offset=5
node_create
expect "name" "$NODE" alpha
expect "folder of secrets" "$(stat -c %a "$STATE")" 700

# Settings are kept, and later ones win.
# shellcheck disable=SC2034,SC2154
SETTINGS[port_offset]=0
node_open "$work/node"
expect "kept setting" "$(setting port_offset)" 5
node_open "$work/node" port_offset=7
expect "later setting" "$(setting port_offset)" 7

# Bad settings change nothing.
before=$(cat "$work/node/node.conf")
refused "an unknown setting" "unknown setting" node_open "$work/node" colour=red
refused "a setting without value" "unknown setting" node_open "$work/node" name
refused "a name with a slash" "node name" node_open "$work/node" name=../x
refused "a value with a quote" "no quotes" node_open "$work/node" "name=a'b"
expect "node.conf" "$(cat "$work/node/node.conf")" "$before"
echo "colour=red" >"$work/bad.conf"
refused "a file with an unknown setting" "unknown setting 'colour'" settings_read "$work/bad.conf"

# A process is started once, found, and stopped.
proc_start sleeper sleep 100
first=$(proc_pid sleeper)
proc_start sleeper sleep 100
expect "second start" "$(proc_pid sleeper)" "$first"
proc_stop sleeper 5
! kill -0 "$first" 2>/dev/null || fail "sleeper still runs"
! proc_alive sleeper || fail "a stopped process counts as alive"

# A pid that belongs to another process now is left alone.
sleep 100 &
other=$!
cleanup() { kill "$other" 2>/dev/null || true; }
echo "$other 1" >"$RUN/pid/stale"
! proc_alive stale || fail "a stranger's pid counts as ours"
proc_stop stale 1
kill -0 "$other" || fail "a stranger was killed"

# One that ignores the request is killed.
proc_start stubborn bash -c 'trap "" TERM; echo ready; while :; do sleep 0.1; done'
wait_for 5 "the trap" grep -q ready "$LOG/stubborn.log"
proc_stop stubborn 1 2>/dev/null
! proc_alive stubborn || fail "stubborn survived"

# Secrets are private and kept.
secret_create "$work/secret"
expect "mode of a secret" "$(stat -c %a "$work/secret")" 600
value=$(cat "$work/secret")
((${#value} >= 32)) || fail "a short secret"
secret_create "$work/secret"
expect "kept secret" "$(cat "$work/secret")" "$value"
