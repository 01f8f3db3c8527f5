# shellcheck shell=bash
# What every part of the deployment shares: messages, settings, processes, waiting. Sourced by ./hanok.

# ---- messages -------------------------------------------------------------------------------------------------------

say() { printf '%s\n' "$*"; }
note() { printf '    %s\n' "$*"; }
warn() { printf 'hanok: warning: %s\n' "$*" >&2; }
die() {
  printf 'hanok: %s\n' "$*" >&2
  exit 1
}

# ---- settings -------------------------------------------------------------------------------------------------------
# A node is a state folder. Its settings are lines KEY=VALUE in $STATE/node.conf; what is not there has the default below.
# Values hold no spaces and no quotes, so the file is read without running it.

declare -A SETTINGS=(
  [name]=hanok            # node name: host name of the agent, prefix of namespaces and interfaces
  [run]=""                 # folder of sockets and pid files; empty: derived from the state folder
  [listen]=127.0.0.1      # address of the API
  [port_offset]=0         # added to every API port
  [ceph_conf]=""           # use this cluster instead of starting one (with ceph_client's keyring beside it)
  [ceph_client]=hanok     # cephx user of the node
  [ceph_address]=127.0.0.1
  [ceph_mon_port]=3300
  [ceph_store]=bluestore  # or memstore: fast, forgets everything when killed
  [volume_pools]="volumes|volumes-2" # pools that volumes may be in, by their type; "volumes" is one of them
  [ceph_osds]=3
  [ceph_osd_gib]=8        # size of each OSD's sparse file
  [hugepages]=512         # 2 MiB pages to reserve
  [public_host]=""        # host name or address in the service catalog; empty: the listen address
  [agent_listen]=""       # ADDRESS:PORT where agents of other hosts may come in; empty: none
  [controller]=""         # only run a compute host of this controller: unix:/run/hanok/agent.sock or http://ADDRESS:PORT
  [controller_token]=""   # file with that controller's agent token
  [roles]="network|compute|volume"
  [virt]=auto             # kvm, tcg, or auto: what really boots a guest
  [external_cidr]=203.0.113.0/24
  [external_gateway]=203.0.113.1
  [external_device]=""     # DPDK device of the external uplink; empty: a veth pair into a namespace of our own; none: no external uplink
  [vtep]=127.0.0.1        # address of this node's tunnel end point
  [uplinks]=""             # further uplinks, "name=device;physical_network=..;address=..", separated by |
  [dataplane_netns]=""    # network namespace in which the data plane runs; empty: the machine's
  [dataplane_lcores]=0    # CPUs of its workers, one each, separated by |
  [dataplane_huge_mib]=512
  [dataplane_idle_us]=100
  [log_level]=info
)

setting() { printf '%s' "${SETTINGS[$1]}"; }

# Reads KEY=VALUE lines; an unknown key is an error, so that a typing mistake does not go unseen.
settings_read() {
  local file=$1 line key
  [[ -f $file ]] || return 0
  while IFS= read -r line; do
    [[ -z $line || $line == \#* ]] && continue
    key=${line%%=*}
    [[ -v SETTINGS[$key] ]] || die "$file: unknown setting '$key'"
    SETTINGS[$key]=${line#*=}
  done <"$file"
}

settings_write() {
  local file=$1 key
  {
    say "# Settings of this node: KEY=VALUE. Change while the node is down."
    for key in "${!SETTINGS[@]}"; do say "$key=${SETTINGS[$key]}"; done | sort
  } >"$file.new"
  mv "$file.new" "$file"
}

# Sets SETTINGS, STATE, RUN, LOG, NODE, CEPH_CONF from the state folder's name and the KEY=VALUE overrides that follow it.
node_open() {
  STATE=$1
  shift
  local override key
  settings_read "$STATE/node.conf"
  for override in "$@"; do
    key=${override%%=*}
    [[ $override == *=* && -v SETTINGS[$key] ]] || die "unknown setting '$override' (see: ./hanok help settings)"
    [[ ${override#*=} != *[[:space:]\'\"]* ]] || die "setting '$key': no spaces and no quotes"
    SETTINGS[$key]=${override#*=}
  done
  NODE=$(setting name)
  [[ $NODE =~ ^[a-z][a-z0-9-]{0,30}$ ]] || die "node name '$NODE': lower-case letters, digits and '-', 31 at most"
  RUN=$(setting run)
  if [[ -z $RUN ]]; then
    # Socket paths are limited to 107 bytes: a short folder, not one under the state folder.
    if [[ $STATE == /var/lib/hanok ]]; then RUN=/run/hanok; else RUN=/run/hanok-$(name_tag "$STATE"); fi
  fi
  LOG=$STATE/log
  CEPH_CONF=$(setting ceph_conf)
  CEPH_CONF=${CEPH_CONF:-$STATE/ceph/ceph.conf}
}

node_create() {
  mkdir -p "$STATE" "$LOG" "$RUN" "$RUN/pid"
  chmod 0700 "$STATE" "$RUN"
  settings_write "$STATE/node.conf"
}

# Six characters that stand for a longer name where the kernel allows 15.
name_tag() { printf '%s' "$1" | sha256sum | cut -c1-6; }

# ---- one caller at a time -------------------------------------------------------------------------------------------

node_lock() {
  exec 9>"$STATE/lock"
  flock -n 9 || {
    say "another ./hanok works on $STATE: waiting for it"
    flock 9
  }
}

# ---- waiting --------------------------------------------------------------------------------------------------------

# wait_for SECONDS WHAT COMMAND...: until the command succeeds; fails, and says so, when the time is over.
wait_for() {
  local seconds=$1 what=$2 deadline
  shift 2
  deadline=$((SECONDS + seconds))
  until "$@"; do
    if ((SECONDS >= deadline)); then
      warn "waited $seconds s for $what in vain"
      return 1
    fi
    sleep 0.2
  done
}

# ---- processes ------------------------------------------------------------------------------------------------------
# $RUN/pid/NAME holds "PID START": the start time (field 22 of /proc/PID/stat) tells our process from another one that
# got the same pid later. Nothing is ever stopped by name.

proc_start_time() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  stat=${stat##*) } # the command name may hold spaces and parentheses
  read -ra stat <<<"$stat"
  [[ ${stat[0]} != Z ]] || return 1 # a zombie has ended
  printf '%s' "${stat[19]}"
}

# Prints the pid of the named process if it runs.
proc_pid() {
  local pid started
  read -r pid started 2>/dev/null <"$RUN/pid/$1" || return 1
  [[ -n $started && $(proc_start_time "$pid") == "$started" ]] || return 1
  printf '%s' "$pid"
}

proc_alive() { proc_pid "$1" >/dev/null; }

proc_remember() {
  local started
  started=$(proc_start_time "$2") || return 1
  printf '%s %s\n' "$2" "$started" >"$RUN/pid/$1"
}

# proc_start NAME COMMAND...: starts it in a session of its own with its log in $LOG/NAME.log, unless it runs already.
proc_start() {
  local name=$1 pid
  shift
  proc_alive "$name" && return 0
  setsid "$@" </dev/null >>"$LOG/$name.log" 2>&1 9>&- &
  pid=$!
  proc_remember "$name" "$pid" || {
    warn "$name ended at once; its log: $LOG/$name.log"
    return 1
  }
}

# proc_stop NAME [SECONDS]: asks, waits, then kills.
proc_stop() {
  local name=$1 seconds=${2:-20} pid
  if pid=$(proc_pid "$name"); then
    kill "$pid" 2>/dev/null || true
    wait_for "$seconds" "$name to end" proc_gone "$name" || {
      kill -9 "$pid" 2>/dev/null || true
      wait_for 10 "$name to be gone" proc_gone "$name" || return 1
    }
  fi
  rm -f "$RUN/pid/$name"
}

# proc_signal NAME: asks it to end and does not wait.
proc_signal() {
  local pid
  if pid=$(proc_pid "$1"); then kill "$pid" 2>/dev/null || true; fi
}

proc_gone() { ! proc_alive "$1"; }

# ---- secrets --------------------------------------------------------------------------------------------------------

# secret_create FILE: 32 random characters, readable by root alone; kept if there is one.
secret_create() {
  [[ -s $1 ]] && return 0
  (
    umask 077
    head -c 24 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n' >"$1.new"
  )
  mv "$1.new" "$1"
}

# ---- status lines ---------------------------------------------------------------------------------------------------

# status_line ok|bad NAME TEXT
status_line() { printf '  %-8s %-18s %s\n' "$1" "$2" "$3"; }

# One line about a process; fails if it does not run.
status_process() {
  local name=$1 pid
  if pid=$(proc_pid "$name"); then
    status_line ok "$name" "pid $pid, $(awk '/^VmRSS/ {printf "%d MiB", $2 / 1024}' "/proc/$pid/status" 2>/dev/null)"
  else
    status_line bad "$name" "does not run; log: $LOG/$name.log"
    return 1
  fi
}
