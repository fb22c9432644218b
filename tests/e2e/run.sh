#!/usr/bin/env bash
# Runs the end-to-end tests: real server, real sandboxes, real Codex CLI and SDKs from npm.
# Usage: tests/e2e/run.sh [FILE...]
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
npm ci --silent --no-progress || { echo "npm ci failed: is the npm registry reachable?" >&2; exit 1; }
files=("$@")
[ ${#files[@]} -gt 0 ] || files=(./*.test.mjs)
# One data directory for all files: the host image and the codex snapshot are made once.
work=$(mktemp -d /tmp/cove-e2e-XXXXXX)
chmod 711 "$work"  # the front, which is not root, passes through it
trap 'rm -rf "$work"' EXIT
# What a file that failed has left holds our output open, and whoever reads that would wait for it.
end_what_is_left() {
  local environ
  env -u COVE_TEST_DATA grep -lzxF "COVE_TEST_DATA=$COVE_TEST_DATA" /proc/[0-9]*/environ 2>/dev/null | while read -r environ; do
    environ=${environ#/proc/}
    kill -KILL "${environ%%/*}" 2>/dev/null || true
  done || true  # grep is not content where a process has ended meanwhile
}
export COVE_TEST_DATA=${COVE_TEST_DATA:-$work/data}
node --test --test-reporter=spec ../model/
# One file at a time: each starts a server of its own on that directory. The longest takes 150 s.
failed=()
for file in "${files[@]}"; do
  timeout --kill-after=30 900 node --test --test-reporter=spec "$file" || {
    failed+=("$file")
    end_what_is_left
  }
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}" >&2; exit 1; }
