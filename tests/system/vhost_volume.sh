#!/usr/bin/env bash
# A volume whose type says `hanok:transport=vhost-user` reaches its guest by hanok-storage, and so does the root disk where the flavor says
# it and the guest is not emulated. Written and read back, while hanok-storage is
# killed with -9 and started again; nothing that the guest was told is written is lost. Detached, attached while the server runs
# (then by QEMU's own driver until the next start: decision 0007), and gone with the server.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

cleanup() {
  local status=$?
  if ((status != 0)); then
    {
      tail -n 20 "$HANOK_STATE/log/hanok-storage.log"
      tail -n 5 "$HANOK_STATE/log/hanok-agent.log"
      os console log show "$tag-vm" | tail -n 20
    } >&2 || true
    {
      os server delete --wait "$tag-vm"
      os volume delete "$tag-volume"
      os volume type delete "$tag-type"
      os network delete "$tag-net"
      os flavor delete "$tag-flavor"
      os image delete "$tag-image"
    } >/dev/null 2>&1 || true
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT

storage() { /usr/bin/python3 "$HANOK_SOURCE/deploy/rpc.py" "$HANOK_RUN/storage.sock" "$@"; }
# serves ID: a disk of this volume, or of this server's root disk.
serves() { storage volume.list | grep -q "volume-$1.sock"; }
serves_not() { ! serves "$1"; }
# root_as_wanted: an emulated guest (TCG) does not boot from a disk of hanok-storage (decision 0009), others do.
root_as_wanted() {
  local by=serves
  [[ $(cat "$HANOK_STATE/guest/virt") == kvm ]] || by=serves_not
  "$by" "$server" || die "the root disk: not '$by' in $(storage volume.list)"
}
# served: what hanok-storage serves of this volume; nothing when it serves none.
served() { storage volume.list | grep -o "volume-$volume.sock" || true; }
storage_answers() { storage version >/dev/null; }
is_served() { [[ -n $(served) ]]; }
not_served() { [[ -z $(served) ]]; }
# says TEXT: the guest has said this on its console.
says() { console_has "$tag-vm" "vhost-volume: $1"; }

step "A volume type that says how its volumes are attached; what it cannot say is refused"
os volume type create --property hanok:transport=vhost-user "$tag-type" >/dev/null
! os volume type set --property hanok:transport=pigeon "$tag-type" 2>"$work/refused" || die "pigeon was taken for a transport"
expect_in "the refusal" "$(cat "$work/refused")" "neither 'rbd' nor 'vhost-user'"
os volume create --size 1 --type "$tag-type" "$tag-volume" >/dev/null
volume=$(value id volume show "$tag-volume")
eventually 30 "the volume" has_status available volume show "$tag-volume"

step "A server that writes, each time what it has not written before, and looks whether it is there"
cat >"$work/user-data" <<'GUEST'
#!/bin/sh
# Bounded: the test is long over when this ends. `conv=fsync`: told to be written means flushed.
say() { echo "vhost-volume: $*"; }
for round in $(seq 240); do [ -b /dev/vda ] && [ -b /dev/vdb ] && break; sleep 1; done
say "disk $(cat /sys/block/vdb/serial)"
for round in $(seq 240); do
  dd if=/dev/urandom of=/tmp/data bs=64k count=16 2>/dev/null
  dd if=/tmp/data of=/dev/vdb bs=64k seek=$((round * 16)) conv=fsync 2>/dev/null || say "write failed"
  echo 3 >/proc/sys/vm/drop_caches
  dd if=/dev/vdb bs=64k skip=$((round * 16)) count=16 2>/dev/null | cmp -s - /tmp/data && say "round $round good" || say "round $round DIFFERS"
  [ -b /dev/vdb ] || break
  [ $round = 1 ] && first=$(md5sum </tmp/data)
  [ "$(dd if=/dev/vdb bs=64k skip=16 count=16 2>/dev/null | md5sum)" = "$first" ] || say "the first round DIFFERS"
done
GUEST
os network create "$tag-net" >/dev/null
os flavor create --ram 128 --vcpus 1 --disk 1 --property hanok:transport=vhost-user "$tag-flavor" >/dev/null
! os flavor set --property hanok:transport=pigeon "$tag-flavor" 2>"$work/refused" || die "pigeon was taken for a flavor's transport"
expect_in "the refusal" "$(cat "$work/refused")" "neither 'rbd' nor 'vhost-user'"
os subnet create --network "$tag-net" --subnet-range 10.73.0.0/24 --gateway none "$tag-net" >/dev/null
os server create --image cirros --flavor "$tag-flavor" --network "$tag-net" --user-data "$work/user-data" \
  --block-device "uuid=$volume,source_type=volume,destination_type=volume,boot_index=-1" "$tag-vm" >/dev/null
eventually 120 "the server to be ACTIVE" has_status ACTIVE server show "$tag-vm"

step "hanok-storage serves it, and the guest sees it by its id"
server=$(value id server show "$tag-vm")
is_served || die "hanok-storage does not serve it: $(storage volume.list)"
root_as_wanted
eventually 120 "the guest to see its disk" says "disk ${volume:0:20}"
eventually 60 "a round of writing" says "round 2 good"

step "kill -9 of hanok-storage while the guest writes, twice: the guest goes on, and all it had written is there"
for kill in 1 2; do
  before=$(os console log show "$tag-vm" | grep -c "vhost-volume: round")
  kill9 hanok-storage
  eventually 30 "hanok-storage to answer" storage_answers
  eventually 60 "the guest to go on after kill $kill" says "round $((before + 3)) good"
done
expect "rounds that differ" "$(os console log show "$tag-vm" | grep -c "DIFFERS\|failed" || true)" 0

step "Detached: hanok-storage lets it go, and the volume is free"
os server remove volume "$tag-vm" "$tag-volume"
eventually 60 "the volume to be available" has_status available volume show "$tag-volume"
eventually 30 "the end of the export" not_served

step "Attached while the server runs: by QEMU's driver; by hanok-storage after a reboot"
os server add volume "$tag-vm" "$tag-volume" >/dev/null
eventually 60 "the volume to be in use" has_status in-use volume show "$tag-volume"
not_served || die "a running guest was given a disk that could not survive a restart of hanok-storage"
os server reboot --hard --wait "$tag-vm" >/dev/null
eventually 60 "hanok-storage to serve it" is_served

step "An image of the root disk while the server runs, and the server rebuilt from it"
os server image create --wait --name "$tag-image" "$tag-vm" >/dev/null
eventually 60 "the image" has_status active image show "$tag-image"
os server rebuild --wait --image "$tag-image" "$tag-vm" >/dev/null
eventually 60 "the server to be ACTIVE" has_status ACTIVE server show "$tag-vm"
root_as_wanted
is_served || die "hanok-storage does not serve the volume after the rebuild: $(storage volume.list)"

step "The server deleted: nothing is left served"
os server delete --wait "$tag-vm"
eventually 30 "the end of the export" not_served
eventually 30 "the end of the root disk's export" serves_not "$server"
os image delete "$tag-image"
eventually 30 "the volume to be available" has_status available volume show "$tag-volume"
os volume delete "$tag-volume"
gone 30 volume show "$tag-volume"
os volume type delete "$tag-type"
os network delete "$tag-net"
os flavor delete "$tag-flavor"
printf '\na guest on hanok-storage: killed twice, nothing lost\n'
