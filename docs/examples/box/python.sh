#!/bin/sh
# The packages of requirements.txt in a virtual environment below the environment directory.
# Needs pypi.org and files.pythonhosted.org among the allowed domains.
set -eu
if [ ! -f requirements.txt ]; then
  echo "[sandbox] no requirements.txt: no Python packages"
  exit 0
fi
venv=$SANDBOX_ENV_DIR/.venv
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
if ! cmp -s requirements.txt "$venv/installed.txt"; then
  echo "[sandbox] installing requirements.txt"
  "$venv/bin/pip" install --disable-pip-version-check --quiet -r requirements.txt
  cp requirements.txt "$venv/installed.txt"
fi
echo "[sandbox] Python packages are in $venv"
