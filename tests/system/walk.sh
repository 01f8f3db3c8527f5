#!/usr/bin/env bash
# The whole walk that a user of the `openstack` client makes: identity, image, network, volume, server; each thing is made,
# listed, shown, used and removed. Needs a node that is up with its guest image and external network (./hanok up --bare).
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/lib.sh"

cleanup() {
  local status=$?
  # What a failed walk left; errors here hide nothing, the walk's own status is what counts.
  if ((status != 0)); then
    {
      os server delete --force --wait "$tag-vm" "$tag-volume-vm"
      os floating ip delete "${floating:-none}"
      os router remove subnet "$tag-router" "$tag-subnet"
      os router delete "$tag-router"
      os port delete "$tag-port"
      os network delete "$tag-net"
      os volume delete "$tag-volume" "$tag-root"
      os keypair delete "$tag-key"
      os security group delete "$tag-group"
      os image delete "$tag-image"
      os flavor delete "$tag-flavor"
      os user delete "$tag-user"
      os project delete "$tag-project"
    } >/dev/null 2>&1 || true
  fi
  rm -rf "$work"
  exit "$status"
}
trap cleanup EXIT

# as_user COMMAND...: as the walk's own user, with the password in the environment, as people do it.
as_user() {
  (
    auth_url=$(sed -n 's/^ *auth_url: *//p' "$OS_CLIENT_CONFIG_FILE" | head -1 | tr -d "\"'")
    unset OS_CLOUD OS_CLIENT_CONFIG_FILE
    export OS_AUTH_URL=$auth_url OS_USERNAME=$tag-user OS_PASSWORD=secret-$tag OS_PROJECT_NAME=$tag-project
    export OS_USER_DOMAIN_NAME=Default OS_PROJECT_DOMAIN_NAME=Default OS_IDENTITY_API_VERSION=3
    "$@"
  )
}

step "Identity: a token, the catalog, a project, a user, a role"
expect_in "token" "$(value id token issue)" gAAAAA
catalog=$(os catalog list -f value -c Name)
for service in keystone nova neutron cinder glance; do expect_in "catalog" "$catalog" "$service"; done
os project create "$tag-project" >/dev/null
os user create --project "$tag-project" --password "secret-$tag" "$tag-user" >/dev/null
os role create "$tag-role" >/dev/null
os role add --project "$tag-project" --user "$tag-user" member
expect_in "project list" "$(os project list -f value -c Name)" "$tag-project"
expect_in "user list" "$(os user list -f value -c Name)" "$tag-user"
expect_in "role list" "$(os role list -f value -c Name)" "$tag-role"
expect_in "a role assigned" "$(os role assignment list --names --project "$tag-project" -f value)" "$tag-user"
expect "the new user's own token is for its project" \
  "$(as_user value project_id token issue)" \
  "$(value id project show "$tag-project")"
os role delete "$tag-role"
os user delete "$tag-user"
os project delete "$tag-project"
gone 5 project show "$tag-project"

step "Compute: a flavor and a key pair"
os flavor create --ram 128 --vcpus 1 --disk 1 "$tag-flavor" >/dev/null
expect_in "flavor list" "$(os flavor list -f value -c Name)" "$tag-flavor"
expect "flavor ram" "$(value ram flavor show "$tag-flavor")" 128
ssh-keygen -q -t ed25519 -N '' -f "$work/key"
os keypair create --public-key "$work/key.pub" "$tag-key" >/dev/null
expect_in "keypair list" "$(os keypair list -f value -c Name)" "$tag-key"

step "Image: create from a file, list, show, save, delete"
head -c 3000000 /dev/urandom >"$work/image.raw"
os image create --disk-format raw --container-format bare --file "$work/image.raw" "$tag-image" >/dev/null
expect "image status" "$(value status image show "$tag-image")" active
expect "image size" "$(value size image show "$tag-image")" 3000000
expect_in "image list" "$(os image list -f value -c Name)" "$tag-image"
os image save --file "$work/saved.raw" "$tag-image"
cmp "$work/image.raw" "$work/saved.raw" || die "the saved image differs from what was uploaded"

step "Network: network, subnet, router to the external network, security group, port"
os network create "$tag-net" >/dev/null
os subnet create --network "$tag-net" --subnet-range 10.77.0.0/24 --dns-nameserver 203.0.113.53 "$tag-subnet" >/dev/null
os router create "$tag-router" >/dev/null
os router add subnet "$tag-router" "$tag-subnet"
os router set --external-gateway public "$tag-router"
expect_in "router's gateway" "$(value external_gateway_info router show "$tag-router")" 203.0.113.
os security group create "$tag-group" >/dev/null
os security group rule create --protocol icmp "$tag-group" >/dev/null
os security group rule create --protocol tcp --dst-port 22 "$tag-group" >/dev/null
expect "rules of the group (two made, two egress by default)" \
  "$(os security group rule list "$tag-group" -f value -c ID | wc -l)" 4
os port create --network "$tag-net" --fixed-ip subnet="$tag-subnet",ip-address=10.77.0.50 --security-group "$tag-group" \
  "$tag-port" >/dev/null
for kind in network subnet port router; do
  name=$tag-${kind/network/net}
  expect_in "$kind list" "$(os "$kind" list -f value -c Name)" "$name"
done

step "Server from an image, on the port, with key and group; it gets its address and answers"
os server create --image cirros --flavor "$tag-flavor" --port "$tag-port" --key-name "$tag-key" --wait "$tag-vm" >/dev/null
expect "server status" "$(value status server show "$tag-vm")" ACTIVE
expect_in "server addresses" "$(value addresses server show "$tag-vm")" 10.77.0.50
expect_in "server list" "$(os server list -f value -c Name -c Status)" "$tag-vm ACTIVE"
floating=$(value floating_ip_address floating ip create public)
os server add floating ip "$tag-vm" "$floating"
eventually 60 "ping of the floating IP" ip netns exec "$HANOK_EXT_NS" ping -c 1 -W 1 "$floating"
eventually 60 "ssh to the guest" guest_ssh "$floating" "$work/key" true
expect_in "address by DHCP" "$(guest_ssh "$floating" "$work/key" ip addr show)" "10.77.0.50/24"
expect_in "DNS by DHCP" "$(guest_ssh "$floating" "$work/key" cat /etc/resolv.conf)" 203.0.113.53
expect_in "the name by the config drive" "$(guest_ssh "$floating" "$work/key" hostname)" "$tag-vm"
metadata=http://169.254.169.254
expect_in "who it is, by the metadata address" \
  "$(guest_ssh "$floating" "$work/key" wget -qO- "$metadata/openstack/latest/meta_data.json")" "$(value id server show "$tag-vm")"
expect "its address, by the metadata address" \
  "$(guest_ssh "$floating" "$work/key" wget -qO- "$metadata/latest/meta-data/local-ipv4")" 10.77.0.50
guest_ssh "$floating" "$work/key" ping -c 2 -W 2 10.77.0.1 >/dev/null || die "the guest does not reach its gateway"
guest_ssh "$floating" "$work/key" ping -c 2 -W 2 203.0.113.1 >/dev/null ||
  die "the guest does not reach the external network through the router"
expect_in "console log" "$(os console log show "$tag-vm")" "address 10.77.0.50/24 gateway 10.77.0.1"

step "Volume: create, attach, write and read in the guest, extend under it, detach"
os volume create --size 1 "$tag-volume" >/dev/null
eventually 30 "the volume to be available" has_status available volume show "$tag-volume"
expect_in "volume list" "$(os volume list -f value -c Name)" "$tag-volume"
os server add volume "$tag-vm" "$tag-volume"
eventually 60 "the volume to be in use" has_status in-use volume show "$tag-volume"
eventually 30 "the disk to appear in the guest" guest_ssh "$floating" "$work/key" test -b /dev/vdb
guest_ssh "$floating" "$work/key" "dd if=/dev/urandom of=/tmp/data bs=64k count=16 2>/dev/null &&
  sudo dd if=/tmp/data of=/dev/vdb bs=64k conv=fsync 2>/dev/null && sync &&
  sudo sh -c 'echo 3 >/proc/sys/vm/drop_caches' &&
  sudo dd if=/dev/vdb bs=64k count=16 2>/dev/null | cmp - /tmp/data" || die "the volume does not give back what was written"
os --os-volume-api-version 3.42 volume set --size 2 "$tag-volume"
eventually 30 "the guest to see the larger disk" guest_ssh "$floating" "$work/key" grep -qx 4194304 /sys/block/vdb/size
os server remove volume "$tag-vm" "$tag-volume"
eventually 60 "the volume to be available again" has_status available volume show "$tag-volume"
os volume delete "$tag-volume"
gone 30 volume show "$tag-volume"

step "Server: stop, start, reboot"
os server stop "$tag-vm"
eventually 90 "the server to be off" has_status SHUTOFF server show "$tag-vm"
os server start "$tag-vm"
eventually 60 "the server to be on" has_status ACTIVE server show "$tag-vm"
eventually 60 "ping after the start" ip netns exec "$HANOK_EXT_NS" ping -c 1 -W 1 "$floating"
os server reboot --hard --wait "$tag-vm" >/dev/null
eventually 60 "ping after the reboot" ip netns exec "$HANOK_EXT_NS" ping -c 1 -W 1 "$floating"

step "Server from a volume that was made from an image, on a network"
os volume create --image cirros --size 1 --bootable "$tag-root" >/dev/null
eventually 60 "the root volume to be available" has_status available volume show "$tag-root"
os server create --volume "$tag-root" --flavor "$tag-flavor" --network "$tag-net" --security-group "$tag-group" \
  --key-name "$tag-key" --wait "$tag-volume-vm" >/dev/null
expect "status" "$(value status server show "$tag-volume-vm")" ACTIVE
eventually 60 "the guest's boot in its console" console_has "$tag-volume-vm" "guest: ready"

step "Everything is removed, and nothing stays"
os server delete --wait "$tag-vm" "$tag-volume-vm"
os floating ip delete "$floating"
os volume delete "$tag-root"
gone 30 volume show "$tag-root"
os router unset --external-gateway "$tag-router"
os router remove subnet "$tag-router" "$tag-subnet"
os router delete "$tag-router"
absent port show "$tag-port" || os port delete "$tag-port"
os subnet delete "$tag-subnet"
os network delete "$tag-net"
os security group delete "$tag-group"
os keypair delete "$tag-key"
os image delete "$tag-image"
os flavor delete "$tag-flavor"
for kind in server network router volume image; do
  [[ $(os "$kind" list -f value -c Name) != *"$tag"* ]] || die "a $kind of the walk stays"
done
printf '\nThe walk is done.\n'
