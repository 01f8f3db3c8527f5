# shellcheck shell=bash
# The guest image and what virtualisation the machine really offers; both cached in the state folder.

# Only what the image is made of counts: it is built again when these files change, not when Debian updates a package.
guest_hash() {
  (cd "$HERE/deploy/guest" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum) | sha256sum | cut -c1-16
}

guest_image() { say "$STATE/guest/cirros-$(guest_hash).img"; }

# For the controller's first image, and for the trial of KVM.
guest_is_needed() { node_is_controller || [[ $(setting virt) == auto ]]; }

guest_up() {
  local image
  image=$(guest_image)
  mkdir -p "$STATE/guest"
  if [[ ! -s $image ]]; then
    apt-cache show linux-image-cloud-amd64 >/dev/null 2>&1 || apt-get -q update
    "$HERE/deploy/guest/build" "$image.new" "$STATE/guest/work"
    mv "$image.new" "$image"
    find "$STATE/guest" -name 'cirros-*.img' ! -path "$image" -delete
  fi
  say "= $image, $(du -m "$image" | cut -f1) MiB"
}

# kvm or tcg, by settings or by trying; the trial is made once per boot of the machine and image.
virt_up() {
  local wanted known=$STATE/guest/virt key
  wanted=$(setting virt)
  mkdir -p "$STATE/guest"
  if [[ $wanted != auto ]]; then
    say "$wanted" >"$known"
  else
    key="$(cat /proc/sys/kernel/random/boot_id) $(guest_hash)"
    if [[ $(cat "$known.key" 2>/dev/null) != "$key" ]]; then
      "$HERE/deploy/kvm-probe" "$(guest_image)" >"$known"
      say "$key" >"$known.key"
    fi
  fi
  say "= guests run under $(cat "$known")"
}

# As libvirt calls it.
virt_type() { if [[ $(cat "$STATE/guest/virt" 2>/dev/null) == kvm ]]; then say kvm; else say qemu; fi; }
