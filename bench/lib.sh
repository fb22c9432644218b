# What the rows of the benchmark share: a scratch folder, the peers, the server. Sourced by run.sh.
# Everything started here is ended at exit, whatever happens. COVE_BENCH_DATA names a data directory
# to use again: the host image is captured once there, which takes a minute.

work='' docker_up='' url='' runner=''
pids=()

finish() {
  set +e
  local p m
  [ -n "$url" ] && delete_all
  command -v runc >/dev/null && [ -d "$work/runc" ] && runc --root "$work/runc" delete --force live 2>/dev/null
  [ -n "$docker_up" ] && docker rm --force cove-bench-live >/dev/null 2>&1
  for p in "${pids[@]}"; do kill -TERM "$p" 2>/dev/null && wait "$p" 2>/dev/null; done
  # What a daemon leaves mounted below the folder, innermost first.
  for m in $(awk -v w="$work/" 'index($5, w) == 1 { print $5 }' /proc/self/mountinfo | sort -r); do
    umount "$m" 2>/dev/null
  done
  rm -rf "$work"
}

begin() {
  work=$(mktemp -d "${COVE_BENCH_DIR:-/tmp}/cove-bench-XXXXXX")
  chmod 711 "$work"  # the front, which is not root, passes through it to the data directory
  trap finish EXIT
}

listening() {  # listening PORT [SECONDS]
  local i
  for ((i = 0; i < ${2:-20} * 20; i++)); do
    [ -n "$(ss -Hltn "sport = :$1")" ] && return
    sleep 0.05
  done
  echo "nothing listens on $1; see $work" >&2
  return 1
}
filled() {  # filled FILE: waits until something stands in it
  local i
  for ((i = 0; i < 400; i++)); do
    [ -s "$1" ] && return
    sleep 0.05
  done
  echo "$1 stays empty" >&2
  return 1
}

machine() {
  echo "$(nproc) CPUs ($(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1))," \
    "$(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo), kernel $(uname -r)," \
    "load $(cut -d' ' -f1-3 /proc/loadavg), $(date -u +%F)"
}

# The peers' root: Debian's static busybox, so that none waits for a dynamic linker.
make_root() {
  [ -d "$work/root" ] && return
  mkdir -p "$work/root/bin" "$work/root/proc" "$work/root/dev" "$work/root/tmp"
  cp "$(command -v busybox)" "$work/root/bin/busybox"
  local name
  for name in echo sleep sh; do ln -s busybox "$work/root/bin/$name"; done
}

bwrap_command() {
  echo "bwrap --unshare-all --ro-bind $work/root / --proc /proc --dev /dev --tmpfs /tmp /bin/echo x"
}

runc_bundle() {  # runc_bundle NAME ARGS-AS-JSON
  mkdir "$work/$1"
  (cd "$work/$1" && runc spec)
  sed -i -e 's|"terminal": true|"terminal": false|' -e "s|\"sh\"|$2|" \
    -e "s|\"path\": \"rootfs\"|\"path\": \"$work/root\"|" "$work/$1/config.json"
}

# docker's daemon, on sockets and folders of its own; false where there is none.
start_docker() {
  command -v dockerd >/dev/null || return 1
  mkdir -p "$work/docker"
  dockerd --data-root "$work/docker/data" --exec-root "$work/docker/exec" --pidfile "$work/docker/pid" \
    --host "unix://$work/docker.sock" --bridge none --iptables=false --ip6tables=false \
    >"$work/dockerd.log" 2>&1 &
  pids+=($!)
  export DOCKER_HOST=unix://$work/docker.sock
  local i
  for ((i = 0; i < 300; i++)); do docker version >/dev/null 2>&1 && break; sleep 0.1; done
  if ! docker version >/dev/null 2>&1; then
    echo "docker's daemon did not start; its log ends:" >&2
    tail -n 5 "$work/dockerd.log" >&2
    return 1
  fi
  docker_up=yes
  tar -C "$work/root" -c . | docker import - cove-bench >/dev/null
}

export COVE_ADMIN_KEY=cove_bench_key_0123456789abcdef0123

start_cove() {  # start_cove [CONFIG-TEXT]
  printf '%s\n' "${1:-}" >"$work/cove.toml"
  data=${COVE_BENCH_DATA:-$work/data}
  : >"$work/out"
  setsid build/bin/cove serve --listen 127.0.0.1:0 --data "$data" --config "$work/cove.toml" \
    >"$work/out" 2>"$work/log" </dev/null &
  runner=$!
  pids+=("$runner")
  local i
  for ((i = 0; i < 1200; i++)); do
    grep -q '^ready ' "$work/out" && break
    kill -0 "$runner" 2>/dev/null || break
    sleep 0.05
  done
  url=$(sed -n 's/^ready //p' "$work/out")
  [ -n "$url" ] || { cat "$work/log" >&2; exit 1; }
}

api() {  # api METHOD PATH: the body of the answer
  curl -s -X "$1" -H "Authorization: Bearer $COVE_ADMIN_KEY" "$url$2"
}

# Sandboxes that an interrupted row left behind would outlive the server.
delete_all() {
  local ids id
  while ids=$(api GET '/api/sandbox?limit=200' | grep -o '"id":"[^"]*"' | cut -d'"' -f4); do
    [ -n "$ids" ] || return 0
    for id in $ids; do api DELETE "/api/sandbox/$id" >/dev/null; done
  done
}

row() {  # row NAME ARGS...
  build/release/bin/cove_bench "$1" --url "$url" --key "$COVE_ADMIN_KEY" --runner "$runner" \
    --data "$data" "${@:2}"
}
