# shellcheck shell=bash disable=SC2034 # sourced: its variables are used by the tests
# What the system tests share. A test is a story: `step` says what is done, `expect` fails with the reason.
# The runner (./hanok test) gives:
#   OS_CLIENT_CONFIG_FILE  clouds.yaml of the node under test    HANOK_STATE, HANOK_RUN  its folders
#   HANOK_BIN              the programs that were built          HANOK_EXT_NS            namespace of the external network
set -euo pipefail

: "${OS_CLIENT_CONFIG_FILE:?run this through ./hanok test, or set it to the clouds.yaml of a node that is up}"
export OS_CLOUD=${OS_CLOUD:-hanok}
HANOK_STATE=${HANOK_STATE:-$(dirname "$OS_CLIENT_CONFIG_FILE")}
export PATH=/usr/bin:/usr/sbin:/bin:/sbin # Debian's python3, not another one

tag=t$$ # in every name, so that tests can run beside each other and beside a person's own resources
work=$(mktemp -d)

step() { printf '\n== %s\n' "$*"; }
die() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

# expect WHAT ACTUAL EXPECTED
expect() { [[ $2 == "$3" ]] || die "$1: '$2', expected '$3'"; }
# expect_in WHAT TEXT PART
expect_in() { [[ $2 == *"$3"* ]] || die "$1: no '$3' in: $2"; }

os() { openstack "$@" </dev/null; }
# The cinder shell knows no clouds.yaml: it gets the node's openrc.
cinder() {
  # shellcheck disable=SC2016 # for the inner shell
  env -u OS_CLOUD -u OS_CLIENT_CONFIG_FILE bash -c '. "$1" && shift && exec cinder --os-volume-api-version 3.60 "$@"' - "$HANOK_STATE/openrc" "$@" </dev/null
}
# value COLUMN COMMAND...: one column of a show-like command.
value() {
  local column=$1
  shift
  os "$@" -f value -c "$column"
}

# eventually SECONDS WHAT COMMAND...: until the command succeeds.
eventually() {
  local seconds=$1 what=$2 deadline
  shift 2
  deadline=$((SECONDS + seconds))
  until "$@" >"$work/eventually" 2>&1; do
    if ((SECONDS >= deadline)); then
      tail -5 "$work/eventually" >&2
      die "$what did not happen within $seconds s"
    fi
    sleep 0.5
  done
}

# gone SECONDS COMMAND...: until a show command fails because the resource is no longer there.
gone() {
  local seconds=$1
  shift
  eventually "$seconds" "the end of: $*" absent "$@"
}
absent() { ! os "$@" >/dev/null 2>&1; }

# restore BACKUP [VOLUME]: this client's own printing of a restore that was accepted fails ("cannot unpack").
restore() {
  local out
  out=$(os volume backup restore --force "$@" 2>&1) || expect_in "restore" "$out" "cannot unpack non-iterable"
}

# has_status STATUS COMMAND...
has_status() {
  local wanted=$1 status
  shift
  status=$(os "$@" -f value -c status)
  printf '%s\n' "$status"
  [[ $status == "$wanted" ]]
}
console_has() { [[ $(os console log show "$1") == *"$2"* ]]; }

# guest_ssh ADDRESS KEY COMMAND...: as cirros, from the external network's namespace.
guest_ssh() {
  local address=$1 key=$2
  shift 2
  ip netns exec "$HANOK_EXT_NS" ssh -i "$key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o ConnectTimeout=5 -o LogLevel=ERROR -o BatchMode=yes "cirros@$address" "$@" </dev/null
}

# ---- killing -------------------------------------------------------------------------------------------------------
# $HANOK_RUN/pid/NAME holds "PID START_TIME" (deploy/lib.sh).

pid_of() { cut -d' ' -f1 "$HANOK_RUN/pid/$1"; }

# kill9 NAME: kills it with -9, and waits until hanok-keeper has started it again.
kill9() {
  local name=$1 pid
  pid=$(pid_of "$name")
  kill -9 "$pid"
  eventually 20 "$name started again" another_lives "$name" "$pid"
}
another_lives() {
  local pid
  pid=$(pid_of "$1")
  [[ $pid != "$2" && -e /proc/$pid/stat && $(cut -d' ' -f3 "/proc/$pid/stat") != Z ]]
}
