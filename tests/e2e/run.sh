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
export COVE_TEST_DATA=${COVE_TEST_DATA:-$work/data}
node --test --test-reporter=spec ../model/
# One file at a time: each starts a server of its own on that directory.
failed=()
for file in "${files[@]}"; do
  node --test --test-reporter=spec "$file" || failed+=("$file")
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}" >&2; exit 1; }
