# shellcheck shell=bash
# Steps with a timeline: each step's output goes to a log; the person sees its name, its seconds and its "= " lines.

STEP_NAMES=()
STEP_SECONDS=()
STEPS_BEGAN=

now_ms() { date +%s%3N; }
seconds_of() { printf '%d.%d' "$(($1 / 1000))" "$(($1 % 1000 / 100))"; }

# step NAME COMMAND...: stops the program, and says why, when the command fails.
step() {
  local name=$1 began file pid code=0 spent
  shift
  began=$(now_ms)
  STEPS_BEGAN=${STEPS_BEGAN:-$began}
  file=$LOG/step-${name//[^a-zA-Z0-9]/-}.log
  # A process group of its own, so that Ctrl-C ends the step and what it runs; daemons have sessions of theirs.
  set -m
  (
    set +m
    "$@"
  ) </dev/null >"$file" 2>&1 &
  pid=$!
  set +m
  # shellcheck disable=SC2064 # this pid, now
  trap "kill -TERM -- -$pid 2>/dev/null; step_cut_off '$name'" INT TERM
  step_progress "$name" "$pid" "$file" "$began"
  wait "$pid" || code=$?
  trap - INT TERM
  spent=$(($(now_ms) - began))
  STEP_NAMES+=("$name")
  STEP_SECONDS+=("$spent")
  if ((code)); then
    printf '%8s s  %-22s FAILED\n' "$(seconds_of "$spent")" "$name"
    sed 's/^/              /' "$file" | tail -n 15
    printf 'hanok: the step "%s" failed; its whole log: %s\n' "$name" "$file" >&2
    exit 1
  fi
  printf '%8s s  %s\n' "$(seconds_of "$spent")" "$name"
  sed -n 's/^= /              /p' "$file"
}

step_cut_off() {
  printf '\nhanok: cut off in step "%s"; call it again to go on, or ./hanok down\n' "$1" >&2
  exit 130
}

# A step that takes long says every 10 seconds where it is.
step_progress() {
  local name=$1 pid=$2 file=$3 began=$4 said
  said=$began
  while kill -0 "$pid" 2>/dev/null; do
    if (($(now_ms) - said >= 10000)); then
      said=$(now_ms)
      printf '    ...     %s, %d s: %.90s\n' "$name" "$(((said - began) / 1000))" "$(tail -n 1 "$file" 2>/dev/null | tr -d '\r')"
    fi
    sleep 0.1
  done
}

steps_done() {
  printf '%8s s  in all\n' "$(seconds_of "$(($(now_ms) - STEPS_BEGAN))")"
}
