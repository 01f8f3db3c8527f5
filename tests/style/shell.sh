#!/usr/bin/env bash
# Every shell script, the guest's among them, passes shellcheck (.shellcheckrc).
# shellcheck source=sources.sh
. "$(dirname "$0")/sources.sh"
mapfile -t files < <(sources . | while IFS= read -r file; do
  if [[ $file == *.sh ]] || head -c 40 "$file" | head -n 1 | grep -aqE '^#!.*(/bash|/sh|env bash)$'; then printf '%s\n' "$file"; fi
done)
some_found "shell scripts" "${files[@]}"
shellcheck "${files[@]}"
echo "${#files[@]} scripts are clean"
