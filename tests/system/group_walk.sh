#!/usr/bin/env bash
# What a user does with groups of volumes, by the openstack client and the cinder shell.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

cleanup() {
  local status=$?
  if ((status != 0)); then
    {
      for name in "$tag-copy" "$tag-clone"; do os volume group delete --force "$name"; done
      os volume group snapshot delete "$tag-snapshot"
      group_gone group-snapshot-show "$tag-snapshot"
      os volume group delete --force "$tag-group"
      os volume delete "$tag-1" "$tag-2" "$tag-3"
      os volume group type delete "$tag-type"
    } >/dev/null 2>&1 || true
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT

os() { openstack --os-volume-api-version 3.60 "$@" </dev/null; }
refused() {
  local text=$1 out
  shift
  ! out=$("$@" 2>&1) || die "not refused: $*"
  expect_in "$*" "$out" "$text"
}
available() { eventually 60 "$* to be available" has_status available "$@"; }
# `openstack volume group show`, `... snapshot show` and `... type show` of openstackclient 6.0.0 fail in themselves.
shown() { cinder "$2" "${@:3}" | awk -F'|' -v field="$1" '{ gsub(/^ +| +$/, "", $2) } $2 == field { gsub(/^ +| +$/, "", $3); print $3 }'; }
group_is() { [[ $(shown status "$2" "$3") == "$1" ]]; }
group_available() { eventually 60 "$* to be available" group_is available "$@"; }
group_gone() { eventually 60 "the end of: $*" group_absent "$@"; }
group_absent() { ! cinder "$@" >/dev/null 2>&1; }
group_volumes() { cinder group-show --list-volume True "$1" | awk -F'|' '$2 ~ /^ volumes / { print $3 }' | grep -o "'[^']*'" | wc -l; }

step "A type of groups with specs"
os volume group type create --description first "$tag-type" >/dev/null
cinder group-type-key "$tag-type" set consistent_group_snapshot_enabled='<is> True'
expect_in "the specs" "$(cinder group-specs-list)" "consistent_group_snapshot_enabled"
os volume group type set --property team=a "$tag-type"
cinder group-type-key "$tag-type" unset team
expect "the description" "$(shown description group-type-show "$tag-type")" first

step "A group, and volumes that join it"
os volume group create --name "$tag-group" "$tag-type" rbd >/dev/null
group_available group-show "$tag-group"
for number in 1 2 3; do os volume create --size 1 "$tag-$number" >/dev/null; done
for number in 1 2 3; do available volume show "$tag-$number"; done
refused "Group is empty" os volume group snapshot create "$tag-group"
cinder group-update --add-volumes "$(value id volume show "$tag-1"),$(value id volume show "$tag-2"),$(value id volume show "$tag-3")" "$tag-group"
expect "its volumes" "$(group_volumes "$tag-group")" 3
cinder group-update --remove-volumes "$(value id volume show "$tag-3")" --name "$tag-group" --description two "$tag-group"
expect "its volumes" "$(group_volumes "$tag-group")" 2
cinder create --name "$tag-4" --volume-type rbd --group-id "$(shown id group-show "$tag-group")" 1 >/dev/null
available volume show "$tag-4"
expect "its volumes" "$(group_volumes "$tag-group")" 3
expect_in "cinder group-list" "$(cinder group-list)" "$tag-group"
refused "belongs to group" os volume delete "$tag-1"
refused "still contains volumes" os volume group delete "$tag-group"

step "A snapshot of all of them"
os volume group snapshot create --name "$tag-snapshot" "$tag-group" >/dev/null
group_available group-snapshot-show "$tag-snapshot"
expect_in "cinder group-snapshot-list" "$(cinder group-snapshot-list)" "$tag-snapshot"
expect "snapshots of volumes" "$(os volume snapshot list -f value -c Name | grep -c "$tag-snapshot")" 3
refused "existing snapshots" os volume group delete --force "$tag-group"

step "Groups made of the snapshot and of the group"
cinder group-create-from-src --group-snapshot "$tag-snapshot" --name "$tag-copy" >/dev/null
cinder group-create-from-src --source-group "$tag-group" --name "$tag-clone" >/dev/null
for name in "$tag-copy" "$tag-clone"; do
  group_available group-show "$name"
  expect "volumes of $name" "$(group_volumes "$name")" 3
done

step "A status is set by hand, and back"
cinder reset-state --type group --state error "$tag-group"
refused "status must be available" os volume group snapshot create "$tag-group"
cinder reset-state --type group --state available "$tag-group"
cinder reset-state --type group-snapshot --state error "$tag-snapshot"
group_is error group-snapshot-show "$tag-snapshot" || die "the status was not set"

step "Everything is removed"
os volume group snapshot delete "$tag-snapshot"
group_gone group-snapshot-show "$tag-snapshot"
for name in "$tag-copy" "$tag-clone" "$tag-group"; do
  os volume group delete --force "$name"
  group_gone group-show "$name"
done
os volume delete "$tag-3"
gone 60 volume show "$tag-3"
os volume group type delete "$tag-type"
[[ $(os volume list -f value -c Name) != *"$tag"* ]] || die "a volume of the walk stays"
printf '\nThe walk is done.\n'
