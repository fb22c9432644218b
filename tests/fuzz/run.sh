#!/usr/bin/env bash
# run.sh BINARY NAME SECONDS [DIR]: fuzzes from the corpus of tests/fuzz/NAME. What is new is kept in
# DIR, else nowhere; an input that fails is left there too, else in the build's folder.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
binary=$1 name=$2 seconds=$3
scratch=${4:-}
if [ -z "$scratch" ]; then
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  artifacts=$(dirname "$binary")/$name-
else
  mkdir -p "$scratch"
  artifacts=$scratch-
fi
"$binary" -max_total_time="$seconds" -timeout="${FUZZ_TIMEOUT:-25}" -rss_limit_mb=2048 -max_len=4096 -print_final_stats=1 \
  -verbosity=0 -artifact_prefix="$artifacts" "$scratch" "$here/$name"
