#!/usr/bin/env bash
# What a user of `openstack volume backup ...` does: whole, incremental and of a snapshot, restored over other bytes and to a new
# volume; and a backup that was damaged in its pool is refused.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

names=("$tag-increment" "$tag-full" "$tag-forced")

cleanup() {
  local status=$? name
  if ((status != 0)); then
    {
      for name in "${names[@]}"; do os volume backup delete "$name"; done
      os volume delete --purge "$tag-volume"
      os volume delete "$new"
    } >/dev/null 2>&1 || true
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT
new=none

ceph=(--conf "$HANOK_STATE/ceph/ceph.conf" --id "${HANOK_TEST_CEPH_CLIENT:-hanok}")
backup_is() { eventually 60 "$1 to be available" has_status available volume backup show "$1"; }
volume_is() { eventually 60 "$2 to be $1" has_status "$1" volume show "$2"; }
# put OFFSET_MIB TEXT, get OFFSET_MIB LENGTH VOLUME_ID: bytes of a volume, past the API.
put() {
  printf '%s' "$2" | "${python[@]}" put "$id" "$1"
}
get() { "${python[@]}" get "$3" "$1" "$2"; }
cat >"$work/bytes.py" <<'PY'
import sys, rados, rbd
conf, user, what, volume, mib = sys.argv[1:6]
pool, _, name = volume.rpartition("/")
with rados.Rados(conffile=conf, name="client." + user) as cluster:
    with cluster.open_ioctx(pool or "volumes") as io, rbd.Image(io, name if pool else "volume-" + name) as image:
        if what == "put":
            image.write(sys.stdin.buffer.read(), int(mib) << 20)
        else:
            print(image.read(int(mib) << 20, int(sys.argv[6])).replace(b"\0", b".").decode())
PY
python=(/usr/bin/python3 "$work/bytes.py" "${ceph[1]}" "${ceph[3]}")

step "A volume with bytes here and there, backed up whole"
id=$(value id volume create --size 1 "$tag-volume")
volume_is available "$id"
put 0 first
put 500 middle
os volume backup create --name "$tag-full" "$id" >/dev/null
backup_is "$tag-full"
volume_is available "$id"
full=$(value id volume backup show "$tag-full")
expect_in "list" "$(os volume backup list -f value)" "$full"
expect "objects" "$(value object_count volume backup show "$full")" 2

step "What changed since, as an incremental one"
put 500 MIDDLE
put 900 last
os volume backup create --incremental --name "$tag-increment" "$id" >/dev/null
backup_is "$tag-increment"
volume_is available "$id"
increment=$(value id volume backup show "$tag-increment")
expect "is_incremental" "$(value is_incremental volume backup show "$tag-increment")" True
expect "objects" "$(value object_count volume backup show "$tag-increment")" 2
! out=$(os volume backup delete "$full" 2>&1) || die "a backup with increments was deleted"
expect_in "deletion" "$out" "Incremental backups exist"

step "Each restored: over other bytes, and to a new volume"
put 0 spoilt
put 300 rubbish
restore "$full" "$id"
volume_is available "$id"
expect "first" "$(get 0 6 "$id")" "first."
expect "rubbish" "$(get 300 7 "$id")" "......."
expect "middle" "$(get 500 6 "$id")" middle
expect "last" "$(get 900 4 "$id")" "...."
restore "$increment"
new=$(value id volume show "restore_backup_$increment")
volume_is available "$new"
expect "new first" "$(get 0 5 "$new")" first
expect "new middle" "$(get 500 6 "$new")" MIDDLE
expect "new last" "$(get 900 4 "$new")" last

step "A volume in use: only with --force"
os volume set --state in-use "$id"
! out=$(os volume backup create --name "$tag-forced" "$id" 2>&1) || die "a volume in use was backed up"
expect_in "refusal" "$out" "force"
os volume backup create --force --name "$tag-forced" "$id" >/dev/null
backup_is "$tag-forced"

step "Damaged in the pool: refused, and the volume keeps what it has"
printf X | "${python[@]}" put "backups/backup-$full" 0
restore "$full" "$new"
volume_is error_restoring "$new"
expect_in "reason" "$(value fail_reason volume backup show "$full")" "checksum of extent 0"
expect "bytes" "$(get 500 6 "$new")" MIDDLE

step "All of it goes"
for name in "${names[@]}"; do
  os volume backup delete "$name"
  gone 60 volume backup show "$name"
done
os volume set --state available "$id"
os volume delete "$id" "$new"
gone 60 volume show "$id"
left=$(rbd "${ceph[@]}" ls backups | grep -c -e "$full" || true)
expect "left in the pool" "$left" 0
expect "snapshots" "$(rbd "${ceph[@]}" ls volumes | grep -c "$id" || true)" 0
echo "backups: all steps passed"
