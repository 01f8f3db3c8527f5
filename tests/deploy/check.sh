# shellcheck shell=bash disable=SC2034 # sourced: its variables are used by the tests
# Shared by the tests of ./hanok: a scratch folder that goes away, and checks that say what is wrong.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'cleanup; rm -rf "$work"' EXIT
cleanup() { :; }

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}
# expect WHAT ACTUAL EXPECTED
expect() { [[ $2 == "$3" ]] || fail "$1: '$2', expected '$3'"; }
# expect_in WHAT TEXT PART
expect_in() { [[ $2 == *"$3"* ]] || fail "$1: no '$3' in: $2"; }
# refused WHAT PART COMMAND...: the command must fail and say PART.
refused() {
  local what=$1 part=$2 output
  shift 2
  if output=$("$@" 2>&1); then fail "$what was accepted: $output"; fi
  expect_in "$what" "$output" "$part"
}
