#!/usr/bin/env bash
# Port forwarding and QoS as a user of the `openstack` client makes, lists, shows, changes and removes them. Needs a node that is
# up with its external network (./hanok up --bare); no guest is started.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

cleanup() {
  local status=$?
  if ((status != 0)); then
    {
      os floating ip delete "${floating:-none}"
      os router remove subnet "$tag-router" "$tag-subnet"
      os router delete "$tag-router"
      os port delete "$tag-port"
      os network delete "$tag-net"
      os network qos policy delete "$tag-policy"
    } >/dev/null 2>&1 || true
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT

# batch COMMAND...: several commands in one client, which saves its start; what went wrong shows in what follows.
batch() { printf '%s\n' "$@" | openstack >"$work/batch" 2>&1; }

batch "network create $tag-net" \
  "subnet create $tag-subnet --network $tag-net --subnet-range 10.78.0.0/24" \
  "router create $tag-router --external-gateway public" \
  "router add subnet $tag-router $tag-subnet" \
  "port create $tag-port --network $tag-net --fixed-ip ip-address=10.78.0.50"
floating=$(value floating_ip_address floating ip create public)

# Ports of a floating IP.
forwarding=$(value id floating ip port forwarding create "$floating" --port "$tag-port" --internal-ip-address 10.78.0.50 \
  --internal-protocol-port 22 --external-protocol-port 2222 --protocol tcp --description shell)
expect_in "the list of forwardings" "$(os floating ip port forwarding list "$floating" -f value)" "$forwarding"
expect_in "a forwarding" "$(os floating ip port forwarding show "$floating" "$forwarding" -f json)" '"internal_port": 22'
os floating ip port forwarding set "$floating" "$forwarding" --external-protocol-port 2223
expect_in "the changed forwarding" "$(os floating ip port forwarding show "$floating" "$forwarding" -f json)" '"external_port": 2223'
expect_in "the floating IP's status" "$(os floating ip show "$floating" -f value -c status)" ACTIVE
os floating ip port forwarding delete "$floating" "$forwarding"
expect_in "the floating IP's status without any" "$(os floating ip show "$floating" -f value -c status)" DOWN

# A policy and its rules; a port, a network and a floating IP that go by it.
policy=$(value id network qos policy create "$tag-policy" --share)
rule=$(value id network qos rule create --type bandwidth-limit --max-kbps 20000 --max-burst-kbits 2000 --egress "$tag-policy")
os network qos rule create --type dscp-marking --dscp-mark 46 "$tag-policy" >/dev/null
os network qos rule set "$tag-policy" "$rule" --max-kbps 30000
expect_in "the rules" "$(os network qos rule list "$tag-policy" -f value)" 30000
expect_in "a rule" "$(os network qos rule show "$tag-policy" "$rule" -f value -c direction)" egress
expect_in "the rule types" "$(os network qos rule type list -f value)" dscp_marking
batch "port set $tag-port --qos-policy $tag-policy" "network set $tag-net --qos-policy $tag-policy" \
  "floating ip set $floating --qos-policy $tag-policy"
expect_in "the port's policy" "$(os port show "$tag-port" -f value -c qos_policy_id)" "$policy"
expect_in "the floating IP's policy" "$(os floating ip show "$floating" -f value -c qos_policy_id)" "$policy"
if os network qos policy delete "$tag-policy" 2>/dev/null; then die "a policy in use was removed"; fi
batch "port unset $tag-port --qos-policy" "network set $tag-net --no-qos-policy" "floating ip unset $floating --qos-policy" \
  "network qos rule delete $tag-policy $rule" "network qos policy delete $tag-policy"
batch "floating ip delete $floating" "router remove subnet $tag-router $tag-subnet" "router delete $tag-router" \
  "port delete $tag-port" "network delete $tag-net"
for what in "network qos policy" router network; do
  # shellcheck disable=SC2086 # several words on purpose
  [[ $(os $what list -f value) != *"$tag"* ]] || die "a $what is left: $(cat "$work/batch")"
done
echo "port forwarding and QoS by the openstack client: all done"
