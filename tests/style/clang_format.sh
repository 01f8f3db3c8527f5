#!/usr/bin/env bash
# Every C++ file is as clang-format leaves it (.clang-format; `clang-format-14 -i FILE` mends it).
# shellcheck source=sources.sh
. "$(dirname "$0")/sources.sh"
mapfile -t files < <(sources '*.cc' '*.h' '*.cc.in')
some_found "C++ files" "${files[@]}"
clang-format-14 --dry-run -Werror "${files[@]}"
echo "${#files[@]} files are formatted"
