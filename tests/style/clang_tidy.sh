#!/usr/bin/env bash
# clang_tidy.sh BUILD [FILE...|changed]: clang-tidy (.clang-tidy) over the sources that BUILD compiles; `changed`: those
# that differ from the branch main, where a header stands for the sources beside it that include it.
build=$(realpath "$1")
shift
# shellcheck source=sources.sh
. "$(dirname "$0")/sources.sh"
if [[ ${1:-} == changed ]]; then
  mapfile -t changed < <(git -c safe.directory='*' diff --name-only --diff-filter=d main -- '*.cc' '*.h')
  set --
  for file in "${changed[@]}"; do
    if [[ $file == *.cc ]]; then
      set -- "$@" "$file"
    else
      mapfile -t users < <(grep -lF "#include \"$file\"" "${file%/*}"/*.cc)
      set -- "$@" "${users[@]}"
    fi
  done
  (($#)) || {
    echo "nothing differs from main"
    exit 0
  }
elif (($# == 0)); then
  mapfile -t all < <(sources '*.cc')
  set -- "${all[@]}"
fi
# What this build does not compile (the fuzz targets, say) has no flags to be read with.
mapfile -t files < <(for file in "$@"; do
  if grep -qF "\"file\": \"$PWD/$file\"" "$build/compile_commands.json"; then printf '%s\n' "$file"; fi
done | sort -u)
some_found "compiled sources" "${files[@]}"
# In C++20 clang 14 refuses a comparison in Ceph's headers (buffer.h: which of two operators?); it reads a copy where the types say it.
ceph=$build/ceph
mkdir -p "$ceph"
cp -r /usr/include/rados /usr/include/rbd "$ceph"
sed -i 's/ it == end() ?/ it == const_iterator(end()) ?/' "$ceph/rados/buffer.h"
echo "clang-tidy: ${#files[@]} files"
printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" nice clang-tidy-14 --quiet -p "$build" --extra-arg-before="-isystem$ceph" 2>/dev/null
echo "${#files[@]} files are clean"
