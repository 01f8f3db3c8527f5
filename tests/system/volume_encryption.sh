#!/usr/bin/env bash
# Encrypted volumes, LUKS 2 by QEMU's own driver and LUKS 1 by hanok-storage, in a guest that writes and reads them: what is in the
# cluster is LUKS and holds nothing in the clear; a clone, an extension, a backup and an image have the same bytes; nobody is shown a key.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

cleanup() {
  local status=$?
  if ((status != 0)); then
    {
      tail -n 20 "$HANOK_STATE/log/hanok-agent.log"
      os console log show "$tag-vm" | tail -n 20
    } >&2 || true
    {
      os server delete --wait "$tag-vm"
      os volume backup delete "$tag-backup"
      os image delete "$tag-image"
      os volume delete "$tag-qemu" "$tag-storage" "$tag-clone" "$tag-restored"
      sleep 5
      os volume type delete "$tag-qemu" "$tag-storage"
      os flavor delete "$tag-flavor"
    } >/dev/null 2>&1 || true
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT

marker="HANOK-$tag-MARKER"
says() { console_has "$tag-vm" "encrypted: $1"; }
api_says() { os --os-volume-api-version 3.60 volume show "$1" -f value -c encrypted; }
# raw VOLUME: "LUKS VERSION clear|encrypted" of the image: its first bytes, and whether the marker can be found anywhere in it.
raw() {
  CEPH_CONF=$HANOK_STATE/ceph/ceph.conf /usr/bin/python3 - "volume-$1" "$marker" <<'PYTHON'
import os, sys
import rados, rbd
name, marker = sys.argv[1], sys.argv[2].encode()
cluster = rados.Rados(conffile=os.environ["CEPH_CONF"], rados_id="hanok")
cluster.connect()
with cluster.open_ioctx("volumes") as io, rbd.Image(io, name, read_only=True) as image:
    head = image.read(0, 8)
    seen = []
    image.diff_iterate(0, image.size(), None, lambda at, length, there: seen.append(marker in image.read(at, length)) if there else None)
    print(head[:4].decode("latin1"), head[7], "clear" if any(seen) else "encrypted", len(seen) > 0)
cluster.shutdown()
PYTHON
}

step "Types with encryption; what cannot be is refused"
os volume type create --encryption-provider luks2 --encryption-cipher aes-xts-plain64 --encryption-key-size 256 \
  --encryption-control-location front-end "$tag-qemu" >/dev/null
os volume type create --encryption-provider luks --encryption-key-size 128 --property hanok:transport=vhost-user "$tag-storage" >/dev/null
! os volume type create --encryption-provider luks --encryption-cipher rot13 "$tag-bad" 2>"$work/refused" || die "rot13 was taken for a cipher"
expect_in "the refusal" "$(cat "$work/refused")" "cipher"
os volume type delete "$tag-bad" 2>/dev/null || true
expect_in "the type" "$(os volume type show --encryption-type "$tag-qemu")" "aes-xts-plain64"

step "Volumes of them"
declare -A id
for name in qemu storage; do
  os volume create --size 1 --type "$tag-$name" "$tag-$name" >/dev/null
  id[$name]=$(value id volume show "$tag-$name")
done
for name in qemu storage; do
  eventually 120 "volume $name" has_status available volume show "$tag-$name"
  expect "encrypted" "$(api_says "$tag-$name")" True
done
! os volume set --type rbd --retype-policy on-demand "$tag-qemu" 2>"$work/refused" || die "a retype took the encryption away"

step "A guest writes to both, and another reads it"
cat >"$work/user-data" <<GUEST
#!/bin/sh
say() { echo "encrypted: \$*"; }
for round in \$(seq 240); do [ -b /dev/vdb ] && [ -b /dev/vdc ] && break; sleep 1; done
for disk in vdb vdc; do
  say "\$disk has \$(cat /sys/block/\$disk/size) sectors"
  say "\$disk found \$(dd if=/dev/\$disk bs=4096 skip=2560 count=1 2>/dev/null | head -c ${#marker})"
  (printf %s "$marker"; head -c 8192 /dev/urandom) >/tmp/data
  dd if=/tmp/data of=/dev/\$disk bs=4096 seek=2560 conv=fsync 2>/dev/null || say "\$disk failed"
  echo 3 >/proc/sys/vm/drop_caches
  [ "\$(dd if=/dev/\$disk bs=4096 skip=2560 count=2 2>/dev/null | md5sum)" = "\$(head -c 8192 /tmp/data | md5sum)" ] && say "\$disk good"
done
for round in \$(seq 600); do s=\$(cat /sys/block/vdb/size); [ "\$s" = "\$last" ] || say "vdb now \$s"; last=\$s; sleep 1; done
GUEST
boot() { # VDB VDC
  os --os-compute-api-version 2.60 server create --image cirros --flavor "$tag-flavor" --network none --user-data "$work/user-data" --config-drive True \
    --block-device "uuid=$1,source_type=volume,destination_type=volume,boot_index=-1,device_name=/dev/vdb" \
    --block-device "uuid=$2,source_type=volume,destination_type=volume,boot_index=-1,device_name=/dev/vdc" "$tag-vm" >/dev/null
  eventually 180 "the server to be ACTIVE" has_status ACTIVE server show "$tag-vm"
}
leave() {
  os server delete --wait "$tag-vm"
  local name
  for name in qemu storage; do eventually 60 "volume $name to be free" has_status available volume show "$tag-$name"; done
}
os flavor create --ram 128 --vcpus 1 --disk 1 "$tag-flavor" >/dev/null
boot "${id[qemu]}" "${id[storage]}"
for disk in vdb vdc; do
  eventually 180 "the guest to write to $disk" says "$disk good"
  says "$disk has 2097152 sectors" || die "$disk is not 1 GiB"
done
expect "LUKS 2 by QEMU" "$(raw "${id[qemu]}")" "LUKS 2 encrypted True"
expect "LUKS 1 by hanok-storage" "$(raw "${id[storage]}")" "LUKS 1 encrypted True"
leave
boot "${id[qemu]}" "${id[storage]}" # a guest runs its user data once
for disk in vdb vdc; do eventually 180 "$disk to be read by the next guest" says "$disk found $marker"; done

step "Nobody is shown a key"
virsh=(virsh -c "$(sed -n 's/^libvirt-uri = "\(.*\)"/\1/p' "$HANOK_STATE/conf/hanok-agent.toml")")
! "${virsh[@]}" secret-get-value "${id[qemu]}" >"$work/key" 2>/dev/null || die "libvirt shows the key"
"${virsh[@]}" dumpxml --security-info "instance-$(value id server show "$tag-vm")" >"$work/xml"
expect_in "the definition" "$(cat "$work/xml")" "engine='librbd'"
! /usr/bin/python3 "$HANOK_SOURCE/deploy/rpc.py" "$HANOK_RUN/storage.sock" volume.list | grep -q passphrase || die "hanok-storage shows the key"
expect "mode of what hanok-storage keeps" "$(stat -c %a "$HANOK_STATE"/storage/*"${id[storage]}".json)" 600
expect "mode of the master key" "$(stat -c %a "$HANOK_STATE/secrets/volume.key")" 600
key=$(sed -n 's/.*"passphrase":"\([^"]*\)".*/\1/p' "$HANOK_STATE"/storage/*"${id[storage]}".json)
[[ ${#key} -ge 32 ]] || die "no key where hanok-storage keeps it"
! grep -rqF -- "$key" "$HANOK_STATE/log" "$HANOK_STATE/api" "$work/xml" || die "the key is in the clear in a log, the database or the definition"
! grep -aqF -- "$key" /proc/[0-9]*/cmdline 2>/dev/null || die "the key is in the arguments of a program"

step "It grows in the running guest by whole GiB, no more"
os --os-volume-api-version 3.42 volume set --size 2 "$tag-qemu"
eventually 60 "the guest to see 2 GiB" says "vdb now 4194304"
leave

step "A clone, a backup that is restored, and an image"
os volume create --source "$tag-qemu" "$tag-clone" >/dev/null
os volume backup create --name "$tag-backup" "$tag-storage" >/dev/null
eventually 120 "the clone" has_status available volume show "$tag-clone"
eventually 120 "the backup" has_status available volume backup show "$tag-backup"
eventually 60 "the end of the backup" has_status available volume show "$tag-storage"
cinder upload-to-image --disk-format raw --container-format bare "$tag-storage" "$tag-image" >/dev/null
backup=$(value id volume backup show "$tag-backup")
restore "$backup"
restored=$(value id volume show "restore_backup_$backup")
os volume set --name "$tag-restored" "$restored"
eventually 120 "the restored volume" has_status available volume show "$tag-restored"
expect "the clone is encrypted" "$(api_says "$tag-clone") $(raw "$(value id volume show "$tag-clone")")" "True LUKS 2 encrypted True"
expect "the restored volume is encrypted" "$(api_says "$tag-restored") $(raw "$restored")" "True LUKS 1 encrypted True"
boot "$(value id volume show "$tag-clone")" "$restored"
for disk in vdb vdc; do eventually 180 "$disk to be read by another guest" says "$disk found $marker"; done
says "vdb has 4194304 sectors" || die "the clone is not 2 GiB"
eventually 120 "the image" has_status active image show "$tag-image"
os image save --file "$work/image" "$tag-image"
expect "the marker in the image, in the clear" "$(dd if="$work/image" bs=4096 skip=2560 count=1 2>/dev/null | head -c ${#marker})" "$marker"
expect "the image's size" "$(stat -c %s "$work/image")" $((1 << 30))

step "An encrypted volume with an image's bytes"
os volume create --size 1 --type "$tag-qemu" --image "$tag-image" "$tag-from-image" >/dev/null
eventually 180 "the volume from the image" has_status available volume show "$tag-from-image"
expect "nothing of it in the clear" "$(raw "$(value id volume show "$tag-from-image")")" "LUKS 2 encrypted True"

step "All goes"
os server delete --wait "$tag-vm"
eventually 60 "the clone to be free" has_status available volume show "$tag-clone"
os image delete "$tag-image"
os volume backup delete "$tag-backup"
gone 60 volume backup show "$tag-backup"
for name in qemu storage clone restored from-image; do os volume delete "$tag-$name"; done
for name in qemu storage clone restored from-image; do gone 120 volume show "$tag-$name"; done
os volume type delete "$tag-qemu" "$tag-storage"
os flavor delete "$tag-flavor"
printf '\nEncrypted volumes: read and written by guests, nothing in the clear.\n'
