# shellcheck shell=bash
# What ./hanok says about itself.

cmd_help() {
  case ${1:-} in
    '') help_all ;;
    up) help_up ;;
    down) help_down ;;
    status) help_status ;;
    test) help_test ;;
    perf) help_perf ;;
    build) help_build ;;
    settings) help_settings ;;
    ceph | libvirt) help_parts ;;
    trace | metrics | capture) help_inspect ;;
    *) die "no help about '$1'" ;;
  esac
}

help_all() {
  cat <<'TEXT'
Hanok: an OpenStack-style networking and storage node on one machine.

  ./hanok up [--bare]          from nothing to a node that runs, and a first instance that is proved
  ./hanok down [--purge]       stop all that `up` started; with --purge also remove the state
  ./hanok status               what runs, where, and whether it is healthy (exit status 0: it is)
  ./hanok test [WHAT]          build and test; WHAT is unit, system, long, sanitize, tidy, interop or all
  ./hanok perf packet          measure the packet engine beside Open vSwitch
  ./hanok build [PRESET]       only build; PRESET is release (default), debug or asan
  ./hanok ceph|libvirt ACTION  up, down or status of one part alone
  ./hanok trace PORT K=V...    what each stage of the data plane decides about a described packet, and why
  ./hanok capture PORT         frames of a port as a pcap file
  ./hanok metrics              the data plane's counters in Prometheus' text format
  ./hanok help [COMMAND]       more about one of these; `help settings` lists what can be set

  --state DIR                  the node's folder (default /var/lib/hanok); each folder is a node of its own
  --set KEY=VALUE              a setting of the node; kept in its folder
TEXT
}

help_up() {
  cat <<'TEXT'
./hanok up [--bare] [--state DIR] [--set KEY=VALUE]...

Installs the Debian packages that are missing, builds, reserves huge pages, starts a one-machine Ceph, libvirt,
hanok-api, hanok-dataplane, hanok-storage and hanok-agent, loads a guest image, flavors and an external network, then boots a first
instance and proves it: address by DHCP, ping of its gateway and of the external network, a volume written and read.
--bare leaves the instance out. Safe to repeat: what runs is left alone, what is missing is started.

A second node on the same machine needs its own folder, name and ports:
  ./hanok up --state /var/lib/hanok2 --set name=hanok2 --set port_offset=10000 --set ceph_mon_port=3301
TEXT
}

help_down() {
  cat <<'TEXT'
./hanok down [--purge] [--state DIR]

Stops what `up` started, by process id: agent, API, guests (power button first), data plane, libvirt, Ceph; removes the
external network's namespace and gives the huge pages back. The state stays and `up` goes on with it; --purge removes
it: volumes, images and accounts are gone then.
TEXT
}

help_status() {
  cat <<'TEXT'
./hanok status [--state DIR]

One line per process, service and host, with `ok` or `bad`. Exit status 0 only if all is healthy.
TEXT
}

help_test() {
  cat <<'TEXT'
./hanok test                   builds, then unit and system tests; the last lines are ctest's, then how each failed one ended
./hanok test unit              only the unit tests: no root, no daemons
./hanok test system            only the system tests, against a node of their own in /var/lib/hanok-test
                               (HANOK_KEEP=1 keeps its folder; OS_CLIENT_CONFIG_FILE=FILE uses a node that runs)
./hanok test long              what takes longer, and is in none of the above: hundreds of kills, thousands of operations, every scenario
./hanok test all               all of the above
./hanok test sanitize          unit tests and fuzz targets under AddressSanitizer and UBSan, built by clang to build/asan;
                               each fuzz target takes its kept inputs (tests/fuzz/corpus) and 15 s of new ones
                               (HANOK_FUZZ_SECONDS=N)
./hanok test tidy [FILE...]    clang-tidy over all sources (an hour and more), or these; `changed`: what differs from main
./hanok test interop [REGEX]   the OpenInfra interoperability tests by tempest against the node of --state
CI (.ci/run) runs `./hanok test`.
TEXT
}

help_perf() {
  cat <<'TEXT'
./hanok perf packet|volume [--json FILE] [--quick]

Runs a performance suite beside its peers and prints a table; --json writes the document.
  packet   the packet engine beside Open vSwitch with DPDK; reserves huge pages and gives them back
  volume   on a node that is up: the volume API's own times, then hanok-storage beside fio's rbd engine and
           qemu-storage-daemon
`./hanok perf packet --help` and `./hanok perf volume --help` tell the scenarios and what else can be chosen. What the
figures mean: docs/performance.md and docs/storage-target.md.
TEXT
}

help_build() {
  cat <<'TEXT'
./hanok build [release|debug|asan]

Builds to build/PRESET, programs in build/PRESET/bin.
TEXT
}

help_inspect() {
  cat <<'TEXT'
./hanok trace PORT KEY=VALUE...

Runs a described packet, as if it came in by PORT (a port's or uplink's id, see `status` of hanok-dpctl), through the stages of
the data plane of this node, and says for each what it decided and which object was the cause. Nothing is sent or changed.
Keys: src_mac dst_mac src_ip dst_ip protocol (tcp, udp, icmp or a number) src_port dst_port; or frame=HEX.

  ./hanok trace PORT src_mac=fa:16:3e:00:00:01 dst_mac=fa:16:3e:00:00:02 src_ip=10.0.0.5 dst_ip=10.0.0.6 protocol=tcp dst_port=22

./hanok capture PORT [--count N] [--seconds S] [--bytes N] [--direction in|out] [--file FILE]

Frames that come in from PORT and go out to it, as the guest or the wire has them, as a pcap file (mode 0600) or to standard
output: `./hanok capture PORT | tcpdump -nr -`. One capture at a time; what finds no room in its 4 MiB is counted as missed.

./hanok metrics

All counters of the data plane in Prometheus' text format: per port and uplink with named drops, flows, memory. Nothing
listens for a scraper; write it to a file of node_exporter's textfile collector, for example.
TEXT
}

help_parts() {
  cat <<'TEXT'
./hanok ceph up|down|status      the one-machine Ceph of the node; its ceph.conf is DIR/ceph/ceph.conf
./hanok libvirt up|down|status   libvirt's daemon of the node; `status` prints its address
TEXT
}

# The defaults, with the comments they have in the source: one place to keep true.
help_settings() {
  say "Settings, with their defaults (./hanok up --set KEY=VALUE; kept in the node's folder as node.conf):"
  sed -n '/^declare -A SETTINGS/,/^)/s/^  \[\([a-z_]*\)\]=\("[^"]*"\|[^ ]*\) *#* */  \1=\2  /p' "$HERE/deploy/lib.sh" |
    awk '{key = $1; $1 = ""; printf "  %-34s %s\n", key, $0}'
}

how_to_go_on() {
  node_is_controller || return 0
  say ""
  say "The node is up. Go on with:"
  say "    export OS_CLIENT_CONFIG_FILE=$STATE/clouds.yaml OS_CLOUD=hanok"
  say "    openstack server list"
  if [[ -z $1 ]] && external_is_ours; then
    say "    ip netns exec $(external_namespace) ssh -i $STATE/ssh/id cirros@ADDRESS   # the floating address of the server"
  fi
  say "    ./hanok status${STATE_FLAG:-}      ./hanok down${STATE_FLAG:-}"
}
