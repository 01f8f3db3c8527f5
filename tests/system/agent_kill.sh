#!/usr/bin/env bash
# kill -9 of hanok-agent in the middle of `server create` and of `server delete`: after its restart it finishes both, and
# leaves no domain, disk or port behind. Each round kills a little later.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

rounds=${ROUNDS:-4}
export LIBVIRT_DEFAULT_URI=${LIBVIRT_DEFAULT_URI:-qemu:///system?socket=$HANOK_RUN/libvirt/libvirt-sock}

disks() { rbd -c "$HANOK_STATE/ceph/ceph.conf" --id hanok -p vms ls 2>/dev/null; }

cleanup() {
  local status=$?
  if ((status != 0)); then
    {
      for ((round = 1; round <= rounds; round++)); do os server delete --force "$tag-$round"; done
      os network delete "$tag-net"
      os flavor delete "$tag-flavor"
    } >/dev/null 2>&1 || true
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT

os flavor create --ram 128 --vcpus 1 --disk 1 "$tag-flavor" >/dev/null
os network create "$tag-net" >/dev/null
os subnet create --network "$tag-net" --subnet-range 10.78.0.0/24 "$tag-subnet" >/dev/null
before=$(disks | sort)

for ((round = 1; round <= rounds; round++)); do
  name=$tag-$round
  pause=0.$((round * 2))

  step "round $round: the agent is killed $pause s after the create was accepted"
  id=$(value id server create --image cirros --flavor "$tag-flavor" --network "$tag-net" "$name")
  sleep "$pause" # the point of the kill, not a wait for something
  kill9 hanok-agent
  eventually 60 "the server to be ACTIVE" has_status ACTIVE server show "$id"
  expect "domain state" "$(virsh -q domstate "instance-$id")" running

  step "round $round: the agent is killed $pause s after the delete was accepted"
  os server delete "$id"
  sleep "$pause"
  kill9 hanok-agent
  gone 60 server show "$id"
  ! virsh -q domstate "instance-$id" >/dev/null 2>&1 || die "the domain of $id stays"
  expect "ports of the server" "$(os port list --device-id "$id" -f value -c ID)" ""
done

expect "disks in the pool vms" "$(disks | sort)" "$before"
os network delete "$tag-net"
os flavor delete "$tag-flavor"
printf '\n%s kills in create and %s in delete: all finished, nothing stays.\n' "$rounds" "$rounds"
