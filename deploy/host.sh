# shellcheck shell=bash
# What a node needs of the machine: packages, huge pages, the external network's namespace. What is changed here is
# written down under $RUN/made, so that `down` takes back exactly that.

# ---- packages -------------------------------------------------------------------------------------------------------

packages_of() {
  awk -v groups=" $* " 'NF == 2 && $1 !~ /^#/ && index(groups, " " $1 " ") {print $2}' "$HERE/deploy/packages.txt"
}

packages_missing() {
  local wanted=("$@")
  comm -23 <(printf '%s\n' "${wanted[@]}" | sort -u) \
    <(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "${wanted[@]}" 2>/dev/null | awk '$1 == "ii" {print $2}' | sort -u)
}

# packages_up GROUP...: installs what is missing of these groups.
packages_up() {
  local wanted missing
  mapfile -t wanted < <(packages_of "$@")
  mapfile -t missing < <(packages_missing "${wanted[@]}")
  ((${#missing[@]})) || {
    say "= all ${#wanted[@]} are there"
    return 0
  }
  ((EUID == 0)) || die "packages are missing, and only root can install them: ${missing[*]}"
  say "= installs ${#missing[@]} of ${#wanted[@]}"
  policy_no_daemons
  apt_install "${missing[@]}" || {
    apt-get -q update
    apt_install "${missing[@]}"
  } || {
    policy_restore
    die "apt-get could not install: ${missing[*]}"
  }
  policy_restore
}

apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=600 install --no-install-recommends "$@"
}

# The packages of Ceph and libvirt would start daemons of their own; ours run from the state folder.
policy_no_daemons() {
  POLICY_MADE=
  [[ -e /usr/sbin/policy-rc.d ]] && return 0
  printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
  chmod 0755 /usr/sbin/policy-rc.d
  POLICY_MADE=yes
}

policy_restore() { [[ -z ${POLICY_MADE:-} ]] || rm -f /usr/sbin/policy-rc.d; }

# ---- huge pages -----------------------------------------------------------------------------------------------------

hugepages_folder() { echo /sys/kernel/mm/hugepages/hugepages-2048kB; }

hugepages_set() {
  local count=$1 file
  file=$(hugepages_folder)/nr_hugepages
  echo "$count" >"$file"
  if (($(cat "$file") < count)); then # memory is in pieces: ask the kernel to tidy up
    sync
    echo 3 >/proc/sys/vm/drop_caches
    echo 1 >/proc/sys/vm/compact_memory
    echo "$count" >"$file"
  fi
}

# Makes sure that as many pages as the node wants are free for it, and that a hugetlbfs is mounted.
hugepages_up() {
  local wanted folder free total added available made=$RUN/made
  wanted=$(setting hugepages)
  folder=$(hugepages_folder)
  mkdir -p "$made"
  [[ -d $folder ]] || die "this kernel has no 2 MiB pages"
  if [[ ! -f $made/hugepages ]]; then
    free=$(cat "$folder/free_hugepages")
    total=$(cat "$folder/nr_hugepages")
    added=$((wanted > free ? wanted - free : 0))
    if ((added)); then
      # The kernel would take what it can and squeeze everything else out: ask only for what is surely there.
      available=$(awk '$1 == "MemAvailable:" {print int($2 / 1024)}' /proc/meminfo)
      ((added * 2 < available * 8 / 10)) ||
        die "$added huge pages of 2 MiB are too many for $available MiB of available memory (--set hugepages=N)"
      hugepages_set "$((total + added))"
      free=$(cat "$folder/free_hugepages")
      # what came, not what was asked for: `down` gives back exactly this
      echo "$(($(cat "$folder/nr_hugepages") - total))" >"$made/hugepages"
      if ((free < wanted)); then
        hugepages_down
        die "only $free of $wanted huge pages could be reserved (--set hugepages=N, or free some memory)"
      fi
    fi
  fi
  if ! grep -q ' hugetlbfs .*pagesize=2M' /proc/mounts; then
    mkdir -p "$RUN/huge"
    mount -t hugetlbfs -o pagesize=2M,mode=0700 none "$RUN/huge"
    touch "$made/hugetlbfs"
  fi
  say "= $(cat "$folder/nr_hugepages") pages of 2 MiB, $(cat "$folder/free_hugepages") free"
}

hugepages_down() {
  local folder made=$RUN/made total
  folder=$(hugepages_folder)
  if [[ -f $made/hugetlbfs ]]; then
    umount "$RUN/huge" 2>/dev/null || warn "$RUN/huge is busy and stays mounted"
    rm -f "$made/hugetlbfs"
  fi
  if [[ -f $made/hugepages ]]; then
    total=$(($(cat "$folder/nr_hugepages") - $(cat "$made/hugepages")))
    echo "$((total > 0 ? total : 0))" >"$folder/nr_hugepages"
    rm -f "$made/hugepages"
  fi
}

hugepages_status() {
  local folder total
  folder=$(hugepages_folder)
  total=$(cat "$folder/nr_hugepages")
  ((total >= $(setting hugepages))) || {
    status_line bad "huge pages" "$total of $(setting hugepages)"
    return 1
  }
  status_line ok "huge pages" "$total, $(cat "$folder/free_hugepages") free"
}

# ---- external network -----------------------------------------------------------------------------------------------
# Unless external_device names another: a namespace with the gateway's address, and a veth pair whose near end is the
# data plane's uplink. Nothing leaves the machine.

external_is_ours() { [[ -z $(setting external_device) ]]; }

external_namespace() { say "$NODE-ext"; }

# Interface names are limited to 15 characters.
external_interface() {
  if ((${#NODE} <= 11)); then say "$NODE-ext"; else say "h$(name_tag "$NODE")-ext"; fi
}

external_device() {
  if external_is_ours; then say "net_af_packet0,iface=$(external_interface)"; else setting external_device; fi
}

external_up() {
  external_is_ours || return 0
  local namespace interface made=$RUN/made
  namespace=$(external_namespace)
  interface=$(external_interface)
  mkdir -p "$made"
  if [[ ! -f $made/external ]]; then
    ! ip netns list | grep -qw "^$namespace" || die "there is a network namespace $namespace that this node did not make"
    ! ip link show "$interface" >/dev/null 2>&1 || die "there is an interface $interface that this node did not make"
    touch "$made/external"
  fi
  ip netns list | grep -qw "^$namespace" || ip netns add "$namespace"
  if ! ip link show "$interface" >/dev/null 2>&1; then
    ip link add "$interface" type veth peer name uplink netns "$namespace"
  fi
  # The data plane sees frames as they are on the wire: no checksums or segments left for hardware that is not there.
  local features=(tx off rx off sg off tso off gso off gro off)
  ethtool -K "$interface" "${features[@]}" >/dev/null 2>&1 || true
  ip netns exec "$namespace" ethtool -K uplink "${features[@]}" >/dev/null 2>&1 || true
  echo 1 >"/proc/sys/net/ipv6/conf/$interface/disable_ipv6" 2>/dev/null || true
  ip link set "$interface" up promisc on
  ip -n "$namespace" link set lo up
  ip -n "$namespace" link set uplink up
  ip -n "$namespace" addr replace "$(setting external_gateway)/$(setting external_cidr | cut -d/ -f2)" dev uplink
  say "= namespace $namespace, $(setting external_gateway) behind $interface"
}

external_down() {
  [[ -f $RUN/made/external ]] || return 0
  ip link del "$(external_interface)" 2>/dev/null || true
  ip netns del "$(external_namespace)" 2>/dev/null || true
  rm -f "$RUN/made/external"
}

external_status() {
  if external_is_ours; then
    ip -n "$(external_namespace)" -br addr show dev uplink 2>/dev/null | grep -q "$(setting external_gateway)/" || {
      status_line bad "external network" "namespace $(external_namespace) or its address is gone"
      return 1
    }
    status_line ok "external network" "$(setting external_cidr) in namespace $(external_namespace)"
  else
    status_line ok "external network" "$(setting external_cidr) on $(setting external_device)"
  fi
}
