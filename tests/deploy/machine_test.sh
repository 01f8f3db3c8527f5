#!/usr/bin/env bash
# What a node changes on the machine, it takes back: huge pages and the external network's namespace.
# shellcheck source=check.sh disable=SC1091
. "$(dirname "$0")/check.sh"
for part in lib host; do
  # shellcheck source=/dev/null
  . "$ROOT/deploy/$part.sh"
done
cleanup() {
  external_down
  for RUN in "$work/run" "$work/other" "$work/third"; do hugepages_down; done
}

tag=t$$
node_open "$work/node" name="$tag" run="$work/run" hugepages=8 external_cidr=198.51.100.0/24 external_gateway=198.51.100.1
node_create
# Promises of the machine's nodes are theirs.
# shellcheck disable=SC2034 # read by hugepages_up
HUGEPAGES_PROMISES=$work/promises
pages() { cat "$(hugepages_folder)/nr_hugepages"; }

# More than is free now, so that some must be added.
# shellcheck disable=SC2154
SETTINGS[hugepages]=$(($(cat "$(hugepages_folder)/free_hugepages") + 8))
before=$(pages)
hugepages_up >/dev/null
expect "reserved pages" "$(pages)" "$((before + 8))"
hugepages_up >/dev/null
expect "reserved pages, asked twice" "$(pages)" "$((before + 8))"

# Free pages that another node was promised are not for this one, though its data plane has not come for them yet.
other() {
  (
    # shellcheck disable=SC2034 # read by hugepages_up
    RUN=$work/other
    "$@" >/dev/null
  )
}
# Two that start together, and one after them: each gets its own.
RUN=$work/third hugepages_up >/dev/null &
third=$!
other hugepages_up
wait "$third" || fail "the third node gets no pages"
expect "pages of three nodes" "$(pages)" "$((before + 8 + 2 * SETTINGS[hugepages]))"
other hugepages_down
RUN=$work/third hugepages_down
expect "pages after two went" "$(pages)" "$((before + 8))"
# Pages that somebody took from those promised are missing to neither.
echo "$((before + 4))" >"$(hugepages_folder)/nr_hugepages"
other hugepages_up || fail "pages that somebody else took are missing to the next node"
expect "pages after some were taken" "$(pages)" "$((before + 8 + SETTINGS[hugepages]))"
other hugepages_down
echo "$((before + 8))" >"$(hugepages_folder)/nr_hugepages"
# A node that is gone without a word takes its promise with it.
other hugepages_up
rm -rf "$work/other"
expect "pages promised to a node that is gone" "$(hugepages_promised)" 0
echo "$((before + 8))" >"$(hugepages_folder)/nr_hugepages"
hugepages_down
expect "pages after down" "$(pages)" "$before"
# shellcheck disable=SC2034 # read by setting()
SETTINGS[hugepages]=10000000
refused "more pages than there is memory" "are too many for" hugepages_up
hugepages_down
expect "pages after a refusal" "$(pages)" "$before"

external_up >/dev/null
external_up >/dev/null
external_status >/dev/null || fail "the external network is not healthy"
expect_in "address" "$(ip -n "$tag-ext" -br addr show dev uplink)" 198.51.100.1/24
expect_in "checksum offload" "$(ethtool -k "$tag-ext" | grep '^tx-checksumming')" "off"
ip -n "$tag-ext" addr flush dev uplink
! external_status >/dev/null || fail "a lost address counts as healthy"
external_down
! ip netns list | grep -qw "$tag-ext" || fail "the namespace is left"
! ip link show "$tag-ext" >/dev/null 2>&1 || fail "the interface is left"

# What somebody else made is not touched.
ip netns add "$tag-ext"
refused "a stranger's namespace" "did not make" external_up
external_down
ip netns list | grep -qw "$tag-ext" || fail "a stranger's namespace was removed"
ip netns del "$tag-ext"
