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

# Free pages are nobody's for the kernel. What a node was promised and does not use yet is written here, one file per node,
# so that two nodes that start together are not promised the same pages.
HUGEPAGES_PROMISES=/run/hanok-hugepages

hugepages_promise() { echo "$HUGEPAGES_PROMISES/$(name_tag "$RUN")"; }

# One node at a time counts pages and changes their number; fd 8 holds the lock.
hugepages_lock() {
  mkdir -p "$HUGEPAGES_PROMISES"
  exec 8>"$HUGEPAGES_PROMISES/lock"
  flock 8
}
hugepages_unlock() { exec 8>&-; }

# How many of the free pages are promised to other nodes, whose data planes do not have them yet.
hugepages_promised() {
  local file run wanted pid used sum=0
  for file in "$HUGEPAGES_PROMISES"/??????; do
    [[ -f $file && $file != "$(hugepages_promise)" ]] || continue
    read -r wanted run <"$file"
    if [[ ! -d $run ]]; then # a node that went without `down`
      rm -f "$file"
      continue
    fi
    used=0
    if pid=$(RUN=$run proc_pid hanok-dataplane); then
      used=$(awk '$1 == "HugetlbPages:" {print int($2 / 2048)}' "/proc/$pid/status" 2>/dev/null) || used=0
    fi
    ((wanted <= ${used:-0})) || sum=$((sum + wanted - ${used:-0}))
  done
  echo "$sum"
}

# hugepages_free FOLDER: what is free and promised to nobody else. Negative where somebody took pages that were promised: who
# comes next makes up for them, since it could not tell them from its own.
hugepages_free() { echo $(($(cat "$1/free_hugepages") - $(hugepages_promised))); }

# Adds what is missing of the pages that the node wants, and writes the promise down.
hugepages_reserve() {
  local folder=$1 wanted=$2 made=$3 free total added available
  free=$(hugepages_free "$folder")
  total=$(cat "$folder/nr_hugepages")
  added=$((wanted > free ? wanted - free : 0))
  if [[ ! -f $made ]] && ((added)); then # with it: a node that is up since before promises were written
    # The kernel would take what it can and squeeze everything else out: ask only for what is surely there.
    available=$(awk '$1 == "MemAvailable:" {print int($2 / 1024)}' /proc/meminfo)
    ((added * 2 < available * 8 / 10)) ||
      die "$added huge pages of 2 MiB are too many for $available MiB of available memory (--set hugepages=N)"
    hugepages_set "$((total + added))"
    free=$(hugepages_free "$folder")
    # what came, not what was asked for: `down` gives back exactly this
    echo "$(($(cat "$folder/nr_hugepages") - total))" >"$made"
    if ((free < wanted)); then
      hugepages_give_back "$folder" "$made"
      die "only $((free > 0 ? free : 0)) of $wanted huge pages could be reserved (--set hugepages=N, or free some memory)"
    fi
  fi
  printf '%s %s\n' "$wanted" "$RUN" >"$(hugepages_promise)"
}

hugepages_give_back() {
  local folder=$1 made=$2 total
  rm -f "$(hugepages_promise)"
  [[ -f $made ]] || return 0
  total=$(($(cat "$folder/nr_hugepages") - $(cat "$made")))
  echo "$((total > 0 ? total : 0))" >"$folder/nr_hugepages"
  rm -f "$made"
}

# Makes sure that as many pages as the node wants are there for it alone, and that a hugetlbfs is mounted.
hugepages_up() {
  local folder made=$RUN/made
  folder=$(hugepages_folder)
  mkdir -p "$made"
  [[ -d $folder ]] || die "this kernel has no 2 MiB pages"
  hugepages_lock
  [[ -f $(hugepages_promise) ]] || hugepages_reserve "$folder" "$(setting hugepages)" "$made/hugepages"
  hugepages_unlock
  if ! grep -q ' hugetlbfs .*pagesize=2M' /proc/mounts; then
    mkdir -p "$RUN/huge"
    mount -t hugetlbfs -o pagesize=2M,mode=0700 none "$RUN/huge"
    touch "$made/hugetlbfs"
  fi
  say "= $(cat "$folder/nr_hugepages") pages of 2 MiB, $(cat "$folder/free_hugepages") free"
}

hugepages_down() {
  local made=$RUN/made
  if [[ -f $made/hugetlbfs ]]; then
    umount "$RUN/huge" 2>/dev/null || warn "$RUN/huge is busy and stays mounted"
    rm -f "$made/hugetlbfs"
  fi
  hugepages_lock
  hugepages_give_back "$(hugepages_folder)" "$made/hugepages"
  hugepages_unlock
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
