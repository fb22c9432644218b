#!/bin/sh
# The packages of package.json. Needs registry.npmjs.org among the allowed domains.
set -eu
if [ ! -f package.json ]; then
  echo "[sandbox] no package.json: no Node packages"
  exit 0
fi
stamp=node_modules/.cove-installed
if ! cmp -s package.json "$stamp"; then
  echo "[sandbox] npm install"
  npm install --no-audit --no-fund --loglevel=error >/dev/null
  mkdir -p node_modules
  cp package.json "$stamp"
fi
echo "[sandbox] Node packages are there"
