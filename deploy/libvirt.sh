# shellcheck shell=bash
# libvirt's daemon for one node, without systemd. libvirtd's folders are compiled in, so it runs in a mount namespace
# of its own where they are folders of the node: two nodes on one machine do not see each other's domains.
#
#   /etc/libvirt -> $STATE/libvirt/etc   /var/lib/libvirt -> $STATE/libvirt/lib   /var/cache/libvirt -> $STATE/libvirt/cache
#   /run/libvirt -> $RUN/libvirt         (so the socket is $RUN/libvirt/libvirt-sock from outside)

libvirt_uri() { printf 'qemu:///system?socket=%s/libvirt/libvirt-sock' "$RUN"; }

libvirt_virsh() { virsh -q -c "$(libvirt_uri)" "$@" </dev/null; }

libvirt_write_conf() {
  local dir=$STATE/libvirt
  mkdir -p "$dir/etc" "$dir/lib" "$dir/cache" "$RUN/libvirt"
  [[ -s $dir/host_uuid ]] || cat /proc/sys/kernel/random/uuid >"$dir/host_uuid"
  cat >"$dir/etc/libvirtd.conf" <<CONF
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_ro_perms = "0700"
unix_sock_rw_perms = "0700"
host_uuid = "$(cat "$dir/host_uuid")"
log_outputs = "2:stderr"
CONF
  # No cgroups, no security labels, no namespaces: the node's guests are confined by nothing but QEMU itself.
  cat >"$dir/etc/qemu.conf" <<CONF
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
CONF
}

libvirt_up() {
  libvirt_write_conf
  # shellcheck disable=SC2016 # $1 and $2 are the inner shell's
  proc_start libvirtd unshare --mount --propagation private bash -c '
    set -e
    mkdir -p /etc/libvirt /var/lib/libvirt /var/cache/libvirt /run/libvirt
    mount --bind "$1/etc" /etc/libvirt
    mount --bind "$1/lib" /var/lib/libvirt
    mount --bind "$1/cache" /var/cache/libvirt
    mount --bind "$2" /run/libvirt
    exec libvirtd --config /etc/libvirt/libvirtd.conf --pid-file /run/libvirt/libvirtd.pid' \
    libvirtd "$STATE/libvirt" "$RUN/libvirt"
  wait_for 30 "libvirt's daemon to answer" libvirt_answers || die "libvirtd does not answer; log: $LOG/libvirtd.log"
  libvirt_define_secret
}

libvirt_answers() { libvirt_virsh version >/dev/null 2>&1; }

# The cephx key under which guests reach their disks. Its id is kept in the state folder; the agent names it in domains.
libvirt_define_secret() {
  local id_file=$STATE/libvirt/ceph_secret_uuid id keyring key
  [[ -s $id_file ]] || cat /proc/sys/kernel/random/uuid >"$id_file"
  id=$(cat "$id_file")
  keyring=$(ceph_client_keyring)
  [[ -r $keyring ]] || return 0
  key=$(awk '$1 == "key" {print $3}' "$keyring")
  (
    umask 077
    printf '<secret ephemeral="no" private="yes"><uuid>%s</uuid><usage type="ceph"><name>client.%s %s</name></usage></secret>' \
      "$id" "$(setting ceph_client)" "$NODE" >"$RUN/secret.xml"
    printf '%s' "$key" >"$RUN/secret.key"
  )
  # defined anew: the node or the user may have been renamed since
  libvirt_virsh secret-undefine "$id" >/dev/null 2>&1 || true
  if ! libvirt_virsh secret-define "$RUN/secret.xml" >/dev/null ||
    ! libvirt_virsh secret-set-value "$id" --file "$RUN/secret.key" >/dev/null; then
    die "libvirt refuses the cephx secret; log: $LOG/libvirtd.log"
  fi
  rm -f "$RUN/secret.xml" "$RUN/secret.key"
}

# Guests first get the power button, so that their file systems end clean; then the plug.
libvirt_stop_guests() {
  libvirt_answers || {
    libvirt_kill_orphans
    return
  }
  local domains domain
  mapfile -t domains < <(libvirt_virsh list --uuid | grep -v '^$')
  for domain in "${domains[@]}"; do libvirt_virsh shutdown "$domain" --mode acpi >/dev/null 2>&1 || true; done
  ((${#domains[@]} == 0)) || wait_for 15 "guests to power off" libvirt_no_guests || true
  for domain in "${domains[@]}"; do libvirt_virsh destroy "$domain" >/dev/null 2>&1 || true; done
}

libvirt_no_guests() { [[ -z $(libvirt_virsh list --uuid) ]]; }

# QEMU processes whose libvirtd is gone: found by the pid files it left, and by the folder in their command line.
libvirt_kill_orphans() {
  local file pid
  for file in "$RUN"/libvirt/qemu/*.pid; do
    [[ -f $file ]] || continue
    pid=$(cat "$file")
    if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q 'qemu-system.*-name guest='; then kill "$pid" || true; fi
    rm -f "$file"
  done
}

libvirt_down() { proc_stop libvirtd 20; }

libvirt_status() {
  status_process libvirtd || return 1
  libvirt_answers || {
    status_line bad libvirt "does not answer on $RUN/libvirt/libvirt-sock"
    return 1
  }
  status_line ok libvirt "$(libvirt_virsh list --uuid | grep -c . || true) guests run; virsh -c '$(libvirt_uri)'"
}
