# shellcheck shell=bash
# Sourced by the tests of style: which files of the tree are meant.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# sources PATTERN...: tracked files and new ones that are not ignored; not those that are deleted.
sources() {
  local file
  git -c safe.directory='*' ls-files --cached --others --exclude-standard -- "$@" | while IFS= read -r file; do
    [[ ! -f $file ]] || printf '%s\n' "$file"
  done
}

# some_found WHAT FILE...: a test over no files would always pass.
some_found() {
  local what=$1
  shift
  (($#)) || {
    echo "FAILED: no $what found in $PWD" >&2
    exit 1
  }
}
