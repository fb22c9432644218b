#!/usr/bin/env bash
# ./dev bench create [ROUNDS]: create -> first byte of a command's output, Cove beside bwrap, runc
# and docker, in turn in one run. docker's daemon is started here, on sockets and folders of its
# own, and stopped at the end.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
rounds=${1:-200}
work=$(mktemp -d /tmp/cove-bench-XXXXXX)
chmod 711 "$work"  # the front, which is not root, passes through it to the data directory
pids=()
cleanup() {
  local p
  for p in "${pids[@]}"; do kill -TERM "$p" 2>/dev/null && wait "$p" 2>/dev/null; done
  umount -R "$work"/docker/* 2>/dev/null
  rm -rf "$work"
}
trap cleanup EXIT

ninja -C build/release --quiet create_bench

# The peers' root: Debian's static busybox, so that none waits for a dynamic linker.
mkdir -p "$work/root/bin" "$work/root/proc" "$work/root/dev" "$work/root/tmp"
cp "$(command -v busybox)" "$work/root/bin/busybox"
ln -s busybox "$work/root/bin/echo"
mkdir "$work/bundle"
(cd "$work/bundle" && runc spec)
sed -i -e 's|"terminal": true|"terminal": false|' -e 's|"sh"|"/bin/echo", "x"|' \
  -e "s|\"path\": \"rootfs\"|\"path\": \"$work/root\"|" "$work/bundle/config.json"

peers=(--peer "bwrap --unshare-all=bwrap --unshare-all --ro-bind $work/root / --proc /proc --dev /dev --tmpfs /tmp /bin/echo x"
  --peer "runc run=runc --root $work/runc run --bundle $work/bundle cove-bench")
peers[1]=${peers[1]/bwrap --unshare-all=/bwrap=}

if command -v dockerd >/dev/null; then
  mkdir -p "$work/docker"
  dockerd --data-root "$work/docker/data" --exec-root "$work/docker/exec" --pidfile "$work/docker/pid" \
    --host "unix://$work/docker.sock" --bridge none --iptables=false --ip6tables=false \
    >"$work/dockerd.log" 2>&1 &
  pids+=($!)
  export DOCKER_HOST=unix://$work/docker.sock
  for _ in $(seq 300); do docker version >/dev/null 2>&1 && break; sleep 0.1; done
  if docker version >/dev/null 2>&1; then
    tar -C "$work/root" -c . | docker import - cove-bench >/dev/null
    peers+=(--peer "docker run=docker run --rm --network none cove-bench /bin/echo x")
  else
    echo "docker's daemon did not start; its log ends:" >&2
    tail -n 5 "$work/dockerd.log" >&2
  fi
fi

export COVE_ADMIN_KEY=cove_bench_key_0123456789abcdef0123
: >"$work/cove.toml"
setsid build/bin/cove serve --listen 127.0.0.1:0 --data "$work/data" --config "$work/cove.toml" \
  >"$work/out" 2>"$work/log" </dev/null &
pids+=($!)
for _ in $(seq 1200); do grep -q '^ready ' "$work/out" && break; sleep 0.05; done
url=$(sed -n 's/^ready //p' "$work/out")
[ -n "$url" ] || { cat "$work/log" >&2; exit 1; }

echo "$(nproc) CPUs ($(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1)), kernel $(uname -r), load $(cut -d' ' -f1-3 /proc/loadavg), $(date -u +%F)"
echo
build/release/bin/create_bench --url "$url" --key "$COVE_ADMIN_KEY" --rounds "$rounds" "${peers[@]}"
