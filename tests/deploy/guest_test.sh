#!/usr/bin/env bash
# The guest image boots under TCG and does what a cloud guest does: DHCP, config drive, SSH key, user data, a disk that
# is plugged in later, the power button.
# shellcheck source=check.sh disable=SC1091
. "$(dirname "$0")/check.sh"

image=$(find "${HANOK_STATE:-/nonexistent}/guest" -name 'cirros-*.img' 2>/dev/null | head -n 1 || true)
[[ -n $image ]] || {
  "$ROOT/deploy/guest/build" "$work/guest.img" "$work/build"
  image=$work/guest.img
}

ssh-keygen -q -t rsa -N '' -f "$work/key"
mkdir -p "$work/drive/openstack/latest"
printf '{"uuid": "5f0c", "meta": {"list": [1, {"a": "}"}]}, "hostname": "guest-one.novalocal", "public_keys": {"k": "%s\\n"}}' \
  "$(cat "$work/key.pub")" >"$work/drive/openstack/latest/meta_data.json"
# shellcheck disable=SC2016 # for the guest's shell
printf '#!/bin/sh\necho user data as $(whoami)\n' >"$work/drive/openstack/latest/user_data"
genisoimage -quiet -R -J -V config-2 -o "$work/drive.iso" "$work/drive"
truncate -s 64M "$work/volume"

(exec qemu-system-x86_64 -accel tcg -m 128 -nodefaults -display none -snapshot -serial "file:$work/console" \
  -global virtio-net-pci.vectors=0 -drive "file=$image,format=raw,if=virtio" \
  -drive "file=$work/drive.iso,format=raw,if=virtio,readonly=on" \
  -netdev user,id=net,hostfwd=tcp:127.0.0.1:0-:22 -device virtio-net-pci,netdev=net \
  -monitor "unix:$work/monitor,server=on,wait=off") &
qemu=$!
cleanup() { kill -9 "$qemu" 2>/dev/null || true; }

until_true() {
  local seconds=$1 what=$2 deadline
  shift 2
  deadline=$((SECONDS + seconds))
  until "$@"; do
    ((SECONDS < deadline)) || fail "$what: not within $seconds s; console: $(cat "$work/console" 2>/dev/null)"
    sleep 0.2
  done
}
console_has() { grep -qs -- "$1" "$work/console"; }
monitor() { printf '%s\n' "$@" | nc -U -N "$work/monitor"; }
inside() {
  ssh -q -i "$work/key" -p "$port" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ConnectTimeout=5 \
    -o BatchMode=yes cirros@127.0.0.1 "$@" </dev/null
}

until_true 60 "boot" console_has '^guest: ready in'
sed -n 's/^guest: //p' "$work/console"
console_has '^guest: eth0: address 10.0.2.15/24 gateway 10.0.2.2 dns 10.0.2.3' || fail "no address by DHCP on the console"
console_has '^guest: instance 5f0c name guest-one keys 1' || fail "the metadata was not understood"
until_true 10 "user data" console_has '^user data as cirros'

port=$(monitor "info usernet" | awk '$1 ~ /TCP\[HOST_FORWARD\]/ {print $4; exit}')
until_true 20 "SSH" inside true
expect "host name" "$(inside hostname)" guest-one
expect "sudo" "$(inside 'sudo -n id -u')" 0
inside 'command -v ping dd cat sha256sum' >/dev/null || fail "a tool is missing"
! ssh -q -p "$port" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o BatchMode=yes -o IdentityFile=/dev/null \
  cirros@127.0.0.1 true </dev/null || fail "SSH without the key was let in"

monitor "drive_add 0 if=none,id=v,file=$work/volume,format=raw,snapshot=off" "device_add virtio-blk-pci,drive=v,id=vv,serial=abc-123" >/dev/null
until_true 10 "the plugged disk" inside '[ -b /dev/disk/by-id/virtio-abc-123 ]'
inside 'echo written >/tmp/x && dd if=/tmp/x of=/dev/disk/by-id/virtio-abc-123 conv=fsync 2>/dev/null'
expect "what the guest wrote" "$(head -c 7 "$work/volume")" written
monitor "device_del vv" >/dev/null
until_true 10 "the pulled disk to be gone" inside '[ ! -e /dev/disk/by-id/virtio-abc-123 ]'

monitor system_powerdown >/dev/null
off() { ! kill -0 "$qemu" 2>/dev/null; }
until_true 15 "power off" off
