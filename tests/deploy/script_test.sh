#!/usr/bin/env bash
# What a person sees who calls ./hanok the wrong way, asks for help, or has no node.
# shellcheck source=check.sh disable=SC1091
. "$(dirname "$0")/check.sh"
hanok=$ROOT/hanok

for command in up down status test perf build settings ceph; do
  text=$("$hanok" help "$command")
  ((${#text} > 60)) || fail "help about $command says nothing"
done
expect_in "--help" "$("$hanok" up --help)" "./hanok up [--bare]"
expect_in "settings" "$("$hanok" help settings)" "port_offset=0"

refused "an unknown command" "unknown command 'fly'" "$hanok" fly --state "$work/none"
refused "an unknown word" "unknown word '--force'" "$hanok" up --force --state "$work/none"
refused "an unknown setting" "unknown setting 'x=1'" "$hanok" status --state "$work/none" --set x=1
refused "a folder with spaces" "no spaces" "$hanok" status --state "$work/a b"
refused "status without a node" "there is no node" "$hanok" status --state "$work/none"
refused "an unknown suite" "packet, volume or api" "$hanok" perf cpu
refused "an unknown kind of test" "not 'speed'" "$hanok" test speed
expect_in "down without a node" "$("$hanok" down --state "$work/none")" "there is no node"
[[ ! -e $work/none ]] || fail "a refused call left a folder behind"

# A step that fails stops everything, names itself and shows the end of its output.
cat >"$work/steps" <<SCRIPT
set -euo pipefail
LOG=$work
. "$ROOT/deploy/lib.sh"
. "$ROOT/deploy/step.sh"
good() { say "hidden"; say "= shown"; }
bad() { say "the true cause"; false; say "never"; }
step "good one" good
step "bad one" bad
step "later" good
SCRIPT
if output=$(bash "$work/steps" 2>&1); then fail "a failing step did not stop the run"; fi
expect_in "failing step" "$output" 'the step "bad one" failed'
expect_in "failing step" "$output" "the true cause"
expect_in "good step" "$output" "shown"
[[ $output != *hidden* && $output != *never* && $output != *later* ]] || fail "too much was said: $output"
