# shellcheck shell=bash
# Building, testing, measuring.

# build_up PRESET [TARGET...]: configures when it must, builds what has changed; everything, or only the targets.
build_up() {
  local preset=$1 began=$SECONDS
  shift
  cd "$HERE" || return
  [[ -f build/$preset/build.ninja ]] || cmake --preset "$preset"
  cmake --build "build/$preset" -j "$(nproc)" ${1:+--target "$@"}
  say "= build/$preset in $((SECONDS - began)) s"
}

cmd_build() {
  local preset=${1:-release} missing wanted groups=(build)
  [[ $preset != asan ]] || groups+=(sanitize)
  mapfile -t wanted < <(packages_of "${groups[@]}")
  mapfile -t missing < <(packages_missing "${wanted[@]}")
  ((${#missing[@]} == 0)) || packages_up "${groups[@]}"
  build_up "$preset"
}

# ---- tests ----------------------------------------------------------------------------------------------------------

cmd_test() {
  local what=${1:-usual}
  case $what in
    unit) test_ctest unit ;;
    system) test_ctest system ;;
    long) test_ctest long ;;
    usual) test_ctest 'unit|system' ;;
    all) test_ctest 'unit|system|long' ;;
    sanitize) test_sanitize ;;
    tidy)
      shift
      test_tidy "$@"
      ;;
    interop)
      shift
      test_interop "$@"
      ;;
    *) die "test: nothing for the usual ones, or unit, system, long, all, sanitize, tidy [FILE...], interop [REGEX]; not '$what'" ;;
  esac
}

# Unit tests need nothing; those labelled `system` or `long_node` run against a node of their own, which goes away afterwards.
test_ctest() {
  local label=$1 node=
  packages_up build run guest test
  # shellcheck disable=SC2153 # set by ./hanok
  build_up "$PRESET"
  cd "$HERE/build/$PRESET" || return
  if [[ $label != unit && $(ctest -N -L 'system|long_node' | awk '/^Total Tests:/ {print $3}') != 0 ]]; then
    if [[ -z ${OS_CLIENT_CONFIG_FILE:-} ]]; then
      node=yes
      test_node up --bare || {
        test_node down >/dev/null
        die "the node for the system tests does not come up; its logs: $TEST_STATE/log"
      }
      trap test_node_end EXIT
      export OS_CLIENT_CONFIG_FILE=$TEST_STATE/clouds.yaml
      export HANOK_STATE=$TEST_STATE HANOK_RUN=/run/hanok-test HANOK_EXT_NS=hanok-test-ext
    fi
  fi
  export HANOK_BIN=$HERE/build/$PRESET/bin HANOK_SOURCE=$HERE
  local code=0
  ctest -L "$label" --output-on-failure --no-tests=error -j "$(nproc)" || code=$?
  [[ $code == 0 ]] || test_failures
  if [[ -n $node ]]; then
    trap - EXIT
    test_node_end >"$HERE/build/$PRESET/test-node-down.log" 2>&1 || true
  fi
  return "$code"
}

# How each failed test ended, once more, for who sees only the end of a long output.
test_failures() {
  awk -v lines=20 '
    /^[0-9]+\/[0-9]+ Testing: / { name = $3; count = 0; inside = 0 }
    /^Output:$/ { inside = 1; next }
    /^<end of output>$/ { inside = 0 }
    inside { kept[count++ % lines] = $0 }
    /^Test Failed/ {
      print "\n== " name " failed; its last lines:"
      for (i = count > lines ? count - lines : 0; i < count; i++) print "  " kept[i % lines]
    }' Testing/Temporary/LastTest.log
}

# The unit tests and the fuzz targets under AddressSanitizer (with its leak check) and UndefinedBehaviorSanitizer. They
# have a build folder of their own. Tests of scripts have nothing to sanitize.
test_sanitize() {
  packages_up build sanitize
  build_up asan unit_tests fuzzers
  cd "$HERE/build/asan" || return
  export ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-14 UBSAN_OPTIONS=print_stacktrace=1
  ctest -L unit -E '^(deploy|style)_' --output-on-failure --no-tests=error -j "$(nproc)"
  "$HERE/tests/fuzz/run" "$HERE/build/asan/fuzz" "${HANOK_FUZZ_SECONDS:-15}"
}

# clang-tidy over all sources, or over those named; `changed` stands for what differs from the branch main. It reads each file
# alone, so the flags come from a build folder whose files share no units (nothing is compiled there).
test_tidy() {
  packages_up build tidy
  cd "$HERE" || return
  cmake --preset "$PRESET" -B build/tidy -DHANOK_UNITY=0 >/dev/null
  "$HERE/tests/style/clang_tidy.sh" "$HERE/build/tidy" "$@"
}

TEST_STATE=/var/lib/hanok-test

# The test node lives beside a person's own: other folder, ports, namespace and cluster.
test_node() {
  "$HERE/hanok" "$@" --state "$TEST_STATE" --set name=hanok-test --set run=/run/hanok-test --set port_offset=20000 \
    --set ceph_mon_port=3310
}

test_node_end() { if [[ -n ${HANOK_KEEP:-} ]]; then test_node down; else test_node down --purge; fi; }

test_interop() {
  packages_up build run guest test interop
  [[ -f $STATE/clouds.yaml ]] || "$HERE/hanok" up --bare --state "$STATE"
  exec "$HERE/tests/interop/run" --clouds "$STATE/clouds.yaml" --work "$STATE/interop" "$@"
}

# ---- performance ----------------------------------------------------------------------------------------------------

cmd_perf() {
  local suite=${1:-}
  case $suite in
    packet | volume | api) ;;
    *) die "perf: packet, volume or api? (see: ./hanok help perf)" ;;
  esac
  [[ -x $HERE/perf/$suite/run ]] || die "perf: the $suite suite is not part of this version"
  shift
  packages_up build run guest test
  (packages_up perf) || say "= the peers that are not there are left out"
  build_up "$PRESET" perf_programs
  exec "$HERE/perf/$suite/run" --state "$STATE" "$@"
}
