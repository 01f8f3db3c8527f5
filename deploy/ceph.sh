# shellcheck shell=bash
# A real Ceph cluster on one machine: a monitor, a manager and some OSDs on sparse files, all under $STATE/ceph.

ceph_is_ours() { [[ -z $(setting ceph_conf) ]]; }

ceph_daemons() {
  local id
  say ceph-mon
  say ceph-mgr
  for ((id = 0; id < $(setting ceph_osds); id++)); do say "ceph-osd.$id"; done
}

ceph_write_conf() {
  local dir=$STATE/ceph fast_shutdown=true
  # memstore writes its content out only when it is asked to end in good order
  [[ $(setting ceph_store) == memstore ]] && fast_shutdown=false
  cat >"$dir/ceph.conf.new" <<CONF
[global]
fsid = $(cat "$dir/fsid")
mon host = [v2:$(setting ceph_address):$(setting ceph_mon_port)/0]
public addr = $(setting ceph_address)
cluster addr = $(setting ceph_address)
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = $dir/ceph.\$name.keyring
run dir = $RUN/ceph
ms bind msgr1 = false
ms async op threads = 1
osd crush chooseleaf type = 0
osd pool default size = $(ceph_replicas)
osd pool default min size = $((($(ceph_replicas) + 1) / 2))
osd pool default pg num = 16
osd pool default pgp num = 16
osd pool default pg autoscale mode = off
# builds and guests share the cores with the OSDs: a late heartbeat is no failure (a refused connection is, at once)
osd heartbeat grace = 60
log to stderr = false
err to stderr = true
# nobody's manager modules: each costs memory
mgr initial modules =

[mon]
admin socket = $RUN/ceph/\$name.asok
log file = $LOG/ceph-mon.log
mon data = $dir/mon
mon allow pool delete = true
mon data avail warn = 2
mon data avail crit = 1
auth allow insecure global id reclaim = false
mon warn on pool no redundancy = false
# one monitor has nobody to agree with: by default each snapshot waits up to a second for others to be proposed with
paxos propose interval = 0.02
paxos min wait = 0.001

[mgr]
admin socket = $RUN/ceph/\$name.asok
log file = $LOG/ceph-mgr.log
mgr data = $dir/mgr
# how soon the cluster's state is seen: 5 s by default
mgr stats period = 1
mgr tick period = 1

[osd]
admin socket = $RUN/ceph/\$name.asok
log file = $LOG/ceph-\$name.log
osd data = $dir/osd.\$id
osd objectstore = $(setting ceph_store)
osd fast shutdown = $fast_shutdown
osd op num shards = 2
bluestore block size = $(($(setting ceph_osd_gib) << 30))
bluestore cache autotune = false
bluestore cache size = 134217728
# An OSD that starts reads RocksDB's log again, twice: of up to 1 GiB by default, which takes busy cores 9 to 19 s.
# The rest is as it is by default.
bluestore rocksdb options = compression=kNoCompression,max_write_buffer_number=4,min_write_buffer_number_to_merge=1,recycle_log_file_num=4,write_buffer_size=33554432,writable_file_max_buffer_size=0,compaction_readahead_size=2097152,max_background_compactions=2,max_total_wal_size=134217728
memstore device bytes = $(($(setting ceph_osd_gib) << 30))
CONF
  mv "$dir/ceph.conf.new" "$dir/ceph.conf"
}

ceph_replicas() {
  local osds
  osds=$(setting ceph_osds)
  say "$((osds < 3 ? osds : 3))"
}

ceph_key() { ceph-authtool --gen-print-key; }

ceph_keyring() {
  local name=$1 file=$2 caps=$3
  printf '[%s]\n\tkey = %s\n%s' "$name" "$(ceph_key)" "$caps" >"$file"
}

# Keys of all daemons and of the two clients; the monitor imports them when its store is made.
ceph_create_keys() {
  local dir=$STATE/ceph id all=$'\tcaps mon = "allow *"\n\tcaps osd = "allow *"\n\tcaps mgr = "allow *"\n'
  (
    umask 077
    ceph_keyring mon. "$dir/ceph.mon.a.keyring" $'\tcaps mon = "allow *"\n'
    ceph_keyring client.admin "$dir/ceph.client.admin.keyring" "$all"
    ceph_keyring "client.$(setting ceph_client)" "$dir/ceph.client.$(setting ceph_client).keyring" \
      $'\tcaps mon = "profile rbd"\n\tcaps osd = "profile rbd"\n\tcaps mgr = "profile rbd"\n'
    ceph_keyring mgr.x "$dir/ceph.mgr.x.keyring" \
      $'\tcaps mon = "allow profile mgr"\n\tcaps osd = "allow *"\n\tcaps mds = "allow *"\n'
    for ((id = 0; id < $(setting ceph_osds); id++)); do
      ceph_keyring "osd.$id" "$dir/ceph.osd.$id.keyring" \
        $'\tcaps mon = "allow profile osd"\n\tcaps osd = "allow *"\n\tcaps mgr = "allow profile osd"\n'
    done
    cat "$dir"/ceph.*.keyring >"$dir/bootstrap.keyring"
  )
}

# All pools of a node: those for volumes, and the rest.
ceph_pools() { say "$(setting volume_pools | tr '|' ' ') images vms backups"; }

# Makes the cluster's identity and the monitor's store. A build that was cut off is started again: `complete` comes last.
ceph_create() {
  local dir=$STATE/ceph
  rm -rf "$dir"
  mkdir -p "$dir/mon" "$dir/mgr"
  cat /proc/sys/kernel/random/uuid >"$dir/fsid"
  ceph_create_keys
  ceph_write_conf
  monmaptool --create --clobber --fsid "$(cat "$dir/fsid")" \
    --addv a "[v2:$(setting ceph_address):$(setting ceph_mon_port)/0]" "$dir/monmap" >/dev/null
  ceph-mon -c "$dir/ceph.conf" -i a --mkfs --monmap "$dir/monmap" --keyring "$dir/bootstrap.keyring"
}

ceph_port_free() {
  ! ss -Hltn "src $(setting ceph_address) and sport = :$(setting ceph_mon_port)" 2>/dev/null | grep -q .
}

ceph_start_osd() {
  local id=$1 dir=$STATE/ceph
  if [[ ! -f $dir/osd.$id/ready ]]; then
    rm -rf "$dir/osd.$id"
    mkdir -p "$dir/osd.$id"
    ceph-osd -c "$dir/ceph.conf" -i "$id" --mkfs --osd-uuid "$(sed -n "$((id + 1))p" "$dir/osd-uuids")" \
      >>"$LOG/ceph-osd.$id.log" 2>&1 || return 1
  fi
  proc_start "ceph-osd.$id" ceph-osd -f -c "$dir/ceph.conf" -i "$id"
}

ceph_admin() { /usr/bin/python3 "$HERE/deploy/ceph_admin.py" "$STATE/ceph/ceph.conf" "$@"; }

ceph_up() {
  ceph_is_ours || {
    ceph_given_works
    return
  }
  local dir=$STATE/ceph id pids=() pid
  mkdir -p "$RUN/ceph"
  [[ -f $dir/complete ]] || {
    ceph_down
    ceph_port_free || die "ceph: $(setting ceph_address):$(setting ceph_mon_port) is in use by another program (--set ceph_mon_port=N)"
    ceph_create
    for ((id = 0; id < $(setting ceph_osds); id++)); do cat /proc/sys/kernel/random/uuid; done >"$dir/osd-uuids"
  }
  ceph_write_conf
  proc_alive ceph-mon || ceph_port_free || die "ceph: $(setting ceph_address):$(setting ceph_mon_port) is in use by another program"
  proc_start ceph-mon ceph-mon -f -c "$dir/ceph.conf" -i a
  proc_start ceph-mgr ceph-mgr -f -c "$dir/ceph.conf" -i x
  [[ -f $dir/complete ]] || {
    ceph_admin create-osds "$dir/osd-uuids"
  }
  for ((id = 0; id < $(setting ceph_osds); id++)); do
    ceph_start_osd "$id" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || die "ceph: an OSD does not start; logs: $LOG/ceph-osd.*.log"; done
  # A cluster of an older version lacks a pool.
  # shellcheck disable=SC2046 # names without spaces
  [[ $(cat "$dir/complete" 2>/dev/null) == "$(ceph_pools)" ]] || ceph_admin create-pools $(ceph_pools)
  ceph_admin wait-clean 120
  ceph_pools >"$dir/complete"
}

# A cluster that was given: we only check that our user can reach the pools.
ceph_given_works() {
  local pool
  for pool in $(ceph_pools); do
    timeout 20 rbd -c "$CEPH_CONF" -n "client.$(setting ceph_client)" ls "$pool" >/dev/null ||
      die "ceph: client.$(setting ceph_client) cannot list pool '$pool' of $CEPH_CONF"
  done
}

ceph_down() {
  ceph_is_ours || return 0
  local name
  for name in $(ceph_daemons | tac); do
    [[ $name == ceph-mon ]] || proc_signal "$name"
  done
  for name in $(ceph_daemons | tac); do proc_stop "$name" 30; done
}

ceph_status() {
  local name bad=0
  if ceph_is_ours; then
    for name in $(ceph_daemons); do
      status_process "$name" || bad=1
    done
    ((bad)) || ceph_admin health || bad=1
  else
    (ceph_given_works) && status_line ok ceph "$CEPH_CONF" || bad=1
  fi
  return "$bad"
}

# The keyring of the node's user: beside a given cluster's configuration file, under Ceph's usual name.
ceph_client_keyring() { say "$(dirname "$CEPH_CONF")/ceph.client.$(setting ceph_client).keyring"; }
