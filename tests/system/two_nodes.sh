#!/usr/bin/env bash
# Two compute hosts, each with its own agent, data plane, libvirt and state folder; each data plane in a network namespace of
# its own, joined by one wire. One guest on each host, with a leg in a VXLAN network and a leg in a VLAN network: they reach
# each other over both, the wire carries the right VNI and the right tag, a data plane that was killed comes back, and a network
# moves from one kind of segment to the other under its guests.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

source=${HANOK_SOURCE:?the clone, as ./hanok test sets it}
vni=7001 vlan=701 moved=702
hosts=(a b)
declare -A vtep=([a]=192.0.2.1 [b]=192.0.2.2)

host_name() { printf '%s-%s' "$tag" "$1"; }
namespace() { printf 'h%s-%s' "$tag" "$1"; }
host_run() { printf '/run/hanok-%s-%s' "$tag" "$1"; } # short: sockets live there

# host HOST COMMAND...: ./hanok for one of the two.
host() {
  local host=$1
  shift
  "$source/hanok" "$@" --state "$work/$host"
}

host_up() {
  host "$1" up --set "name=$(host_name "$1")" --set "run=$(host_run "$1")" --set virt=tcg \
    --set "controller=unix:$HANOK_RUN/agent.sock" --set "controller_token=$HANOK_STATE/secrets/agent.token" \
    --set "ceph_conf=$HANOK_STATE/ceph/ceph.conf" --set "roles=network|compute" --set external_device=none \
    --set "dataplane_netns=$(namespace "$1")" --set hugepages=128 --set dataplane_huge_mib=256 --set "vtep=${vtep[$1]}" \
    --set "uplinks=wire=net_af_packet0,iface=wire;physical_network=physnet1;address=${vtep[$1]}/24" >"$work/up-$1" 2>&1
}

cleanup() {
  local status=$? host
  if ((status != 0)); then
    for host in "${hosts[@]}"; do
      printf -- '--- host %s\n' "$host"
      tail -n 5 "$work/up-$host" "$work/$host/log/hanok-agent.log" "$work/$host/log/hanok-dataplane.log"
      os console log show --lines 20 "$tag-$host"
    done >&2 2>/dev/null || true
  fi
  {
    os server delete --force --wait "$tag-a" "$tag-b"
    os port delete "$tag-vxlan-a" "$tag-vxlan-b" "$tag-vlan-a" "$tag-vlan-b"
    os network delete "$tag-vxlan" "$tag-vlan"
    os security group delete "$tag-group"
    os flavor delete "$tag-flavor"
  } >/dev/null 2>&1 || true
  [[ -z ${capture:-} ]] || kill "$capture" 2>/dev/null || true
  for host in "${hosts[@]}"; do
    # Nothing else is to be put on a host that is about to go.
    os compute service set --disable "$(host_name "$host")" nova-compute >/dev/null 2>&1 || true
    [[ ! -e $work/$host ]] || host "$host" down --purge >/dev/null 2>&1 || true
    ip netns del "$(namespace "$host")" 2>/dev/null || true
  done
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT

host_is_up() { [[ $(os compute service list --host "$(host_name "$1")" --service nova-compute -f value -c State) == up ]]; }

# pings HOST NETWORK: how often the guest has reached its peer there, as it says on its console.
pings() { os console log show "$tag-$1" | grep -c "two-nodes: $2 ok" || true; }
# pings_more HOST NETWORK COUNT: more than COUNT by now.
pings_more() { (($(pings "$1" "$2") > $3)); }

# The capture is written while it is read: what must be there is waited for.
seen_on_wire() { (($(on_wire "$1") >= 2)); }
# on_wire FILTER: how many captured frames match the filter of tcpdump.
on_wire() { tcpdump -nn -r "$work/wire.pcap" "$1" 2>/dev/null | wc -l; }

step "A wire between two namespaces, and a compute host in each"
for host in "${hosts[@]}"; do ip netns add "$(namespace "$host")"; done
ip -n "$(namespace a)" link add wire type veth peer name wire netns "$(namespace b)"
for host in "${hosts[@]}"; do
  ip netns exec "$(namespace "$host")" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 # its own chatter is not ours
  ip -n "$(namespace "$host")" link set wire mtu 1600 up
done
for host in "${hosts[@]}"; do host_up "$host" || die "host $host does not come up"; done
for host in "${hosts[@]}"; do eventually 60 "host $host to be known" host_is_up "$host"; done
host a status >"$work/status" || die "host a is not healthy: $(cat "$work/status")"
ip netns exec "$(namespace a)" tcpdump -i wire -U -w "$work/wire.pcap" >/dev/null 2>"$work/tcpdump" &
capture=$!
eventually 10 "the capture" grep -q listening "$work/tcpdump"

step "A VXLAN network with VNI $vni, a VLAN network with tag $vlan, and a guest on each host with a leg in both"
os flavor create --ram 128 --vcpus 1 --disk 1 "$tag-flavor" >/dev/null
os security group create "$tag-group" >/dev/null
os security group rule create --protocol icmp "$tag-group" >/dev/null
os network create --provider-network-type vxlan --provider-segment $vni "$tag-vxlan" >/dev/null
os network create --provider-network-type vlan --provider-physical-network physnet1 --provider-segment $vlan "$tag-vlan" >/dev/null
os subnet create --network "$tag-vxlan" --subnet-range 10.71.0.0/24 --gateway none "$tag-vxlan" >/dev/null
os subnet create --network "$tag-vlan" --subnet-range 10.72.0.0/24 --gateway none "$tag-vlan" >/dev/null
declare -A octet=([a]=11 [b]=12) peer=([a]=12 [b]=11)
for host in "${hosts[@]}"; do
  for leg in vxlan:10.71.0 vlan:10.72.0; do
    os port create --network "$tag-${leg%%:*}" --fixed-ip "ip-address=${leg#*:}.${octet[$host]}" --security-group "$tag-group" \
      "$tag-${leg%%:*}-$host" >/dev/null
  done
  cat >"$work/user-data-$host" <<GUEST
#!/bin/sh
# Bounded: the test is long over when this ends.
for round in \$(seq 300); do
  ping -c 1 -W 1 10.71.0.${peer[$host]} >/dev/null && echo "two-nodes: vxlan ok"
  ping -c 1 -W 1 10.72.0.${peer[$host]} >/dev/null && echo "two-nodes: vlan ok"
  sleep 1
done
GUEST
  os server create --image cirros --flavor "$tag-flavor" --port "$tag-vxlan-$host" --port "$tag-vlan-$host" \
    --availability-zone "nova:$(host_name "$host")" --user-data "$work/user-data-$host" "$tag-$host" >/dev/null
done
for host in "${hosts[@]}"; do
  eventually 120 "server $host to be ACTIVE" has_status ACTIVE server show "$tag-$host"
  expect "host of server $host" "$(value OS-EXT-SRV-ATTR:host server show "$tag-$host")" "$(host_name "$host")"
done

step "Each guest reaches the other, over VXLAN and over VLAN"
for leg in vxlan vlan; do
  for host in "${hosts[@]}"; do eventually 120 "a ping from guest $host over $leg" pings_more "$host" $leg 0; done
done

step "The wire has carried VNI $vni between the two VTEPs, tag $vlan, and no guest's frame in any other way"
between="host ${vtep[a]} and host ${vtep[b]} and udp port 4789"
# The VXLAN header follows the 8 bytes of UDP; its bytes 4 to 6 are the VNI (RFC 7348).
eventually 20 "VXLAN frames with VNI $vni" seen_on_wire "$between and udp[12:4] >> 8 == $vni"
expect "VXLAN frames with another VNI" "$(on_wire "udp port 4789 and udp[12:4] >> 8 != $vni")" 0
eventually 20 "ICMP with tag $vlan" seen_on_wire "vlan $vlan and icmp and host 10.72.0.11 and host 10.72.0.12"
expect "frames with another tag" "$(on_wire "ether[12:2] == 0x8100 and ether[14:2] & 0xfff != $vlan")" 0
expect "guests' packets without segment" "$(on_wire "ip and (net 10.71.0.0/24 or net 10.72.0.0/24)")" 0

step "kill -9 of the data plane of host b: it comes back, and the guests reach each other again"
HANOK_RUN=$(host_run b) kill9 hanok-dataplane
declare -A before=([vxlan]=$(pings a vxlan) [vlan]=$(pings a vlan))
for leg in vxlan vlan; do eventually 120 "pings over $leg again" pings_more a $leg "${before[$leg]}"; done

step "The VXLAN network moves to VLAN tag $moved under its guests: a segment more, a segment less"
os network segment create --network "$tag-vxlan" --network-type vlan --physical-network physnet1 --segment $moved "$tag-wire" >/dev/null
overlay=$(os network segment list --network "$tag-vxlan" -f value -c ID -c "Network Type" | sed -n 's/ vxlan$//p')
os network segment delete "$overlay"
expect "the network's type" "$(value provider:network_type network show "$tag-vxlan")" vlan
eventually 30 "ICMP with tag $moved" seen_on_wire "vlan $moved and icmp and host 10.71.0.11 and host 10.71.0.12"
for host in "${hosts[@]}"; do
  seen=$(pings "$host" vxlan)
  eventually 120 "a ping from guest $host by the new segment" pings_more "$host" vxlan "$seen"
done

step "The hosts go, and leave nothing"
os server delete --wait "$tag-a" "$tag-b" >/dev/null
os port delete "$tag-vxlan-a" "$tag-vxlan-b" "$tag-vlan-a" "$tag-vlan-b"
os network delete "$tag-vxlan" "$tag-vlan"
os security group delete "$tag-group"
os flavor delete "$tag-flavor"
for host in "${hosts[@]}"; do
  os compute service set --disable "$(host_name "$host")" nova-compute
  host "$host" down --purge >"$work/down-$host" 2>&1 || die "host $host does not go down: $(tail -3 "$work/down-$host")"
  [[ ! -e $(host_run "$host") ]] || die "$(host_run "$host") stays"
done
printf '\ntwo hosts, two segments: reached, and seen on the wire\n'
