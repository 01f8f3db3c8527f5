#!/usr/bin/env bash
# What a user does with volumes, from the type to the last delete; by the openstack client, and by the
# cinder shell, which finds out by itself what this API offers.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

cleanup() {
  local status=$?
  if ((status != 0)); then
    {
      os volume transfer request delete "$tag-transfer"
      os volume delete --purge "$tag-clone" "$tag-from-snapshot" "$tag-volume"
      os image delete "$tag-image"
      os volume type delete "$tag-type"
      os volume qos delete "$tag-qos"
    } >/dev/null 2>&1 || true
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT

# refused TEXT COMMAND...: the command fails, and says why.
refused() {
  local text=$1 out
  shift
  ! out=$(os "$@" 2>&1) || die "not refused: $*"
  expect_in "$*" "$out" "$text"
}
# The cinder shell knows no clouds.yaml: it gets the node's openrc.
cinder() {
  # shellcheck disable=SC2016 # for the inner shell
  env -u OS_CLOUD -u OS_CLIENT_CONFIG_FILE bash -c '. "$1" && shift && exec cinder "$@"' - "$HANOK_STATE/openrc" "$@" </dev/null
}
available() { eventually 60 "$* to be available" has_status available "$@"; }

step "Where volumes live: service, pool, zone"
expect_in "volume service list" "$(os volume service list -f value)" up
expect_in "cinder service-list" "$(cinder service-list)" cinder-volume
expect_in "cinder service-list" "$(cinder service-list --binary cinder-backup)" cinder-backup
expect_in "zones" "$(os availability zone list --volume -f value)" nova

step "A type with extra specs and QoS"
os volume qos create --property total_iops_sec=500 "$tag-qos" >/dev/null
os volume type create --property team="$tag" "$tag-type" >/dev/null
os volume qos associate "$tag-qos" "$tag-type"
expect_in "type" "$(os volume type show "$tag-type" -f value -c properties)" "'team': '$tag'"
expect_in "QoS" "$(os volume qos show "$tag-qos" -f value)" "$tag-type"

step "Create, describe, rename, extend, retype"
os volume create --size 1 --description first --property a=b "$tag-volume" >/dev/null
available volume show "$tag-volume"
os volume set --property c=d --bootable --size 2 "$tag-volume"
available volume show "$tag-volume"
os volume set --type "$tag-type" --retype-policy never "$tag-volume"
expect "size, bootable, type" "$(os volume show "$tag-volume" -f value -c bootable -c size -c type | tr '\n' ' ')" \
  "true 2 $tag-type "
expect_in "cinder list" "$(cinder list --name "$tag-volume")" "$tag-volume"
expect_in "properties" "$(value properties volume show "$tag-volume")" "'c': 'd'"
refused "must be greater than" volume set --size 1 "$tag-volume"
refused "" volume create --size 1 --type "$tag-none" "$tag-x"

step "Snapshot, a volume from it, a clone, back to the snapshot"
os volume snapshot create --volume "$tag-volume" "$tag-snapshot" >/dev/null
available volume snapshot show "$tag-snapshot"
os volume create --snapshot "$tag-snapshot" "$tag-from-snapshot" >/dev/null
os volume create --source "$tag-volume" --size 3 "$tag-clone" >/dev/null
available volume show "$tag-from-snapshot"
available volume show "$tag-clone"
refused "dependent snapshots" volume delete "$tag-volume"
cinder --os-volume-api-version 3.60 revert-to-snapshot "$tag-snapshot"
available volume show "$tag-volume"
available volume snapshot show "$tag-snapshot"

step "Handed over, and taken"
read -r transfer key < <(os volume transfer request create --name "$tag-transfer" "$tag-clone" -f json |
  /usr/bin/python3 -c 'import json,sys; t=json.load(sys.stdin); print(t["id"], t["auth_key"])')
has_status awaiting-transfer volume show "$tag-clone" >/dev/null || die "the volume does not await its transfer"
refused "" volume transfer request accept --auth-key wrong "$transfer"
os volume transfer request accept --auth-key "$key" "$transfer" >/dev/null
has_status available volume show "$tag-clone" >/dev/null || die "the volume was not taken"

step "Let go with its image kept, found in the pool, and managed again; what is wrong is refused"
clone=$(value id volume show "$tag-clone")
cinder --os-volume-api-version 3.60 unmanage "$tag-clone"
gone 30 volume show "$tag-clone"
rbd -c "$HANOK_STATE/ceph/ceph.conf" --id hanok rename "volumes/volume-$clone" "volumes/$tag-image"
expect_in "cinder manageable-list" "$(cinder --os-volume-api-version 3.60 manageable-list hanok@rbd#volumes)" "'source-name': '$tag-image'"
! cinder --os-volume-api-version 3.60 manage --name "$tag-none" hanok@rbd#volumes "$tag-absent" >/dev/null 2>"$work/refused" || die "an image that is absent was managed"
expect_in "the refusal" "$(cat "$work/refused")" "no such image"
cinder --os-volume-api-version 3.60 manage --name "$tag-clone" hanok@rbd#volumes "$tag-image" >/dev/null
available volume show "$tag-clone"
expect "the size" "$(value size volume show "$tag-clone")" 3

step "The same with a snapshot"
os volume snapshot create --volume "$tag-clone" "$tag-kept" >/dev/null
available volume snapshot show "$tag-kept"
kept=$(value id volume snapshot show "$tag-kept")
cinder --os-volume-api-version 3.60 snapshot-unmanage "$tag-kept"
gone 30 volume snapshot show "$tag-kept"
expect_in "cinder snapshot-manageable-list" "$(cinder --os-volume-api-version 3.60 snapshot-manageable-list hanok@rbd#volumes)" "'source-name': 'snapshot-$kept'"
! cinder --os-volume-api-version 3.60 snapshot-manage "$tag-clone" "$tag-absent" >/dev/null 2>"$work/refused" || die "a snapshot that is absent was managed"
expect_in "the refusal" "$(cat "$work/refused")" "no such snapshot"
cinder --os-volume-api-version 3.60 snapshot-manage --name "$tag-kept" "$tag-clone" "snapshot-$kept" >/dev/null
available volume snapshot show "$tag-kept"
os volume snapshot delete "$tag-kept"
gone 30 volume snapshot show "$tag-kept"

step "Everything is removed: also a parent before its clones"
os volume delete --purge "$tag-volume"
gone 60 volume show "$tag-volume"
os volume delete "$tag-from-snapshot" "$tag-clone"
gone 60 volume show "$tag-from-snapshot"
gone 60 volume show "$tag-clone"
os volume type delete "$tag-type"
os volume qos delete "$tag-qos"
[[ $(os volume list -f value -c Name) != *"$tag"* ]] || die "a volume of the walk stays"
printf '\nThe walk is done.\n'
