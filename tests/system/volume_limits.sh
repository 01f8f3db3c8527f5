#!/usr/bin/env bash
# Limits on a volume that a running server has: fio writes to it all the while, and is heard to go faster and slower within
# 2 s after the QoS specs were changed and after a retype.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

fio_pid=
cleanup() {
  local status=$?
  [[ -z $fio_pid ]] || kill "$fio_pid" 2>/dev/null || true
  if ((status != 0)); then
    {
      os server delete --force --wait "$tag-vm"
      os volume delete --purge "$tag-volume"
      os volume type delete "$tag-slow" "$tag-other"
      os volume qos delete "$tag-slow" "$tag-other"
      os flavor delete "$tag-flavor"
    } >/dev/null 2>&1 || true
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT

# iops FROM TO: mean of fio's log between two points of time, in ms since the epoch.
iops() { awk -F '[, ]+' -v from="$1" -v to="$2" '$1 >= from && $1 < to {sum += $2; count++} END {print count ? int(sum / count) : -1}' "$work"/fio_iops.*log; }
now() { date +%s%3N; }

# limited WHAT IOPS: what is allowed from 2 s after now on; fio writes its log when it ends, so the next 2 s are marked for later.
windows=()
limited() {
  local from=$(($(now) + 2000))
  windows+=("$from $2 $1")
  sleep 4.2 # measured in this time
}
# At most a tenth more, at least four fifths.
judge() {
  local from=$1 allowed=$2 got
  shift 2
  got=$(iops "$from" $((from + 2000)))
  printf '%s: %s requests/s, allowed %s\n' "$*" "$got" "$allowed"
  ((got <= allowed * 11 / 10)) || die "$*: $got requests/s where $allowed are allowed"
  ((got >= allowed * 8 / 10)) || die "$*: only $got requests/s where $allowed are allowed"
}

step "Two types, a volume of the first, a server that has it"
declare -A limit=([slow]=50 [other]=150)
for name in slow other; do
  os volume qos create --property total_iops_sec="${limit[$name]}" "$tag-$name" >/dev/null
  os volume type create "$tag-$name" >/dev/null
  os volume qos associate "$tag-$name" "$tag-$name"
done
os volume create --size 1 --type "$tag-slow" "$tag-volume" >/dev/null
eventually 60 "the volume to be available" has_status available volume show "$tag-volume"
volume=$(value id volume show "$tag-volume")
os flavor create --ram 128 --vcpus 1 --disk 1 "$tag-flavor" >/dev/null
os --os-compute-api-version 2.60 server create --image cirros --flavor "$tag-flavor" --network none --wait "$tag-vm" >/dev/null
os server add volume "$tag-vm" "$tag-volume" >/dev/null
eventually 60 "the volume to be in use" has_status in-use volume show "$tag-volume"

step "fio writes to it, 4 KiB, 16 at a time"
CEPH_CONF=$HANOK_STATE/ceph/ceph.conf fio --name=j --ioengine=rbd --pool=volumes --rbdname="volume-$volume" --clientname=hanok \
  --rw=randwrite --bs=4096 --iodepth=16 --time_based --runtime=120 --thread --write_iops_log="$work/fio" --log_avg_msec=100 \
  --log_unix_epoch=1 --per_job_logs=0 >"$work/fio.out" 2>&1 </dev/null &
fio_pid=$!
writes() { rbd -c "$HANOK_STATE/ceph/ceph.conf" --id hanok -p volumes lock ls "volume-$volume" 2>/dev/null | grep -q client; }
eventually 30 "fio's first write" writes
limited "the type's limit" 50

step "The specs are changed, up and down"
os volume qos set --property total_iops_sec=300 "$tag-slow"
limited "after 300 were allowed" 300
os volume qos set --property total_iops_sec=30 "$tag-slow"
limited "after 30 were allowed" 30

step "The volume gets another type"
os volume set --type "$tag-other" --retype-policy never "$tag-volume"
limited "after the retype" 150

step "What fio got"
kill "$fio_pid"
wait "$fio_pid" || true
fio_pid=
for window in "${windows[@]}"; do
  # shellcheck disable=SC2086 # time, limit, words
  judge $window
done

step "Everything is removed"
os server delete --wait "$tag-vm"
eventually 60 "the volume to be available" has_status available volume show "$tag-volume"
os volume delete "$tag-volume"
gone 90 volume show "$tag-volume"
os volume type delete "$tag-slow" "$tag-other"
os volume qos delete "$tag-slow" "$tag-other"
os flavor delete "$tag-flavor"
printf '\nLimits follow within 2 s.\n'
