#!/usr/bin/env bash
# The one-machine Ceph keeps its data when everything is killed, and `down` leaves no process behind.
# shellcheck source=check.sh disable=SC1091
. "$(dirname "$0")/check.sh"

state=$work/state
run=/run/hanok-cephtest-$$
hanok() { "$ROOT/hanok" "$@" --state "$state" --set name=cephtest --set run="$run" --set ceph_mon_port=3320; }
client() { rbd -c "$state/ceph/ceph.conf" -n client.hanok --no-progress "$@"; }
cleanup() {
  hanok ceph down >/dev/null 2>&1 || true
  rm -rf "$run"
}

hanok ceph up
# Ceph's manager makes a pool of its own some moments later.
until hanok ceph status >"$work/status"; do
  ((SECONDS < 90)) || fail "not healthy: $(cat "$work/status")"
  sleep 0.5
done
expect "mode of the client's key" "$(stat -c %a "$state/ceph/ceph.client.hanok.keyring")" 600
head -c 3000000 /dev/urandom >"$work/data"
client import "$work/data" volumes/kept
! ceph -c "$state/ceph/ceph.conf" -n client.hanok osd pool create other >/dev/null 2>&1 || fail "client.hanok may create pools"

for file in "$run"/pid/ceph-*; do
  read -r pid _ <"$file"
  kill -9 "$pid"
done
! hanok ceph status >/dev/null || fail "a killed cluster counts as healthy"
hanok ceph up
client export volumes/kept "$work/back"
cmp "$work/data" "$work/back" || fail "the data changed"

hanok ceph down
! pgrep -f -- "-c $state/ceph/ceph.conf" >/dev/null || fail "a process of the cluster is left"
