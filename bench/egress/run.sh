#!/usr/bin/env bash
# run.sh [N]: the egress row: the door out beside squid, tinyproxy and nginx, all in one network
# namespace of its own whose loopback also has the origin's address. N: rounds of the latency part.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
if [ "${COVE_BENCH_INSIDE:-}" != yes ]; then
  COVE_BENCH_INSIDE=yes exec unshare --net -- "$0" "$@"
fi
. bench/lib.sh
n=${1:-200} seconds=${COVE_BENCH_SECONDS:-10} many=${COVE_BENCH_MANY:-10000} mib=${COVE_BENCH_MIB:-256}
bin=build/bin/cove_bench_egress
begin
ip link set lo up
ip address add 203.0.113.20/32 dev lo
ulimit -n "$(ulimit -Hn)"

certificate() {  # certificate NAMES: an authority of its own; origin.pem, leaf.pem, leaf.key
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=origin \
    -addext "subjectAltName=$1" -keyout "$work/leaf.key" -out "$work/leaf.pem" 2>/dev/null
  local door
  for door in door door2 door3; do
    mkdir "$work/$door"
    cp "$work/leaf.pem" "$work/$door/origin.pem"
  done
}
daemon() {  # daemon LOG COMMAND...: kept running in the background
  "${@:2}" >"$work/$1.log" 2>&1 &
  pids+=($!)
}
gateway() {  # gateway DIR: sets opaque, inspect, proxy
  daemon "$1" "$bin" gateway "$work/$1"
  filled "$work/$1.log"
  eval "$(cat "$work/$1.log")"
}

certificate DNS:opaque.test,DNS:inspect.test
mkdir -p "$work/www"
printf 'x%.0s' {1..1024} >"$work/www/small"
truncate -s "${mib}M" "$work/www/big"
common="daemon off; pid $work/PID; error_log stderr crit; worker_rlimit_nofile 20000;
  events { worker_connections 9000; } "
tls="ssl_certificate $work/leaf.pem; ssl_certificate_key $work/leaf.key;"
cat >"$work/origin.conf" <<END
${common/PID/origin.pid} worker_processes 1; user root;
http { access_log off; keepalive_requests 1000000; $tls
  server { listen 203.0.113.20:443 ssl http2; root $work/www; } }
END
cat >"$work/peer.conf" <<END
load_module modules/ngx_stream_module.so;
${common/PID/peer.pid} worker_processes 1; user root;
stream { map \$ssl_preread_server_name \$to { opaque.test 203.0.113.20:443; }
  server { listen 127.0.0.1:8443; ssl_preread on; proxy_pass \$to; } }
http { access_log off; keepalive_requests 1000000; $tls
  upstream origin { server 203.0.113.20:443; keepalive 64; }
  server { listen 127.0.0.1:8444 ssl http2;
    location / { proxy_pass https://origin; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host inspect.test; proxy_ssl_server_name on; proxy_ssl_name inspect.test;
      proxy_ssl_verify on; proxy_ssl_trusted_certificate $work/leaf.pem; } } }
END
printf '203.0.113.20 opaque.test inspect.test\n127.0.0.1 localhost\n' >"$work/hosts"
cat >"$work/squid.conf" <<END
http_port 127.0.0.1:3129
acl allowed dstdomain opaque.test
http_access allow allowed
http_access deny all
hosts_file $work/hosts
access_log none
cache_log /dev/null
cache deny all
pid_filename none
max_filedescriptors 20000
shutdown_lifetime 0 seconds
END
cat >"$work/tinyproxy.conf" <<END
Port 8888
Listen 127.0.0.1
MaxClients 1000
ConnectPort 443
FilterDefaultDeny Yes
Filter "$work/filter"
LogLevel Critical
END
echo '^opaque\.test$' >"$work/filter"
daemon origin nginx -c "$work/origin.conf"
listening 443
gateway door
paths=(--peer direct=direct --peer "Cove, transparent=transparent:$opaque" --peer "Cove, CONNECT=connect:$proxy")
if command -v nginx >/dev/null; then
  daemon peer nginx -c "$work/peer.conf"
  listening 8443
  paths+=(--peer 'nginx stream, by SNI=transparent:8443')
fi
if command -v squid >/dev/null; then
  daemon squid squid -n "bench$$" -N -f "$work/squid.conf"
  listening 3129
  paths+=(--peer squid=connect:3129)
fi
if command -v tinyproxy >/dev/null; then
  # It has no file of hosts of its own: a mount namespace gives it one.
  daemon tinyproxy unshare --mount sh -c "mount --bind $work/hosts /etc/hosts && exec tinyproxy -d -c $work/tinyproxy.conf"
  listening 8888
  paths+=(--peer tinyproxy=connect:8888)
fi

echo "## egress"
machine
echo
"$bin" latency --rounds "$n" "${paths[@]}"
echo
"$bin" throughput --rounds "${COVE_BENCH_ROUNDS:-5}" --mib "$mib" "${paths[@]}"
echo
rate() {  # rate NAME PORT FLAGS...
  printf -- '- %s: %s\n' "$1" "$(h2load -D "$seconds" -c 32 -t 1 "${@:3}" --connect-to="127.0.0.1:$2" \
    https://inspect.test/small | sed -n 's/^finished in [^,]*, \([0-9.]* req\/s\).*/\1/p')"
}
if command -v h2load >/dev/null; then
  rate 'inspected, HTTP/1.1 on 32 connections, Cove' "$inspect" --h1
  rate 'inspected, HTTP/1.1 on 32 connections, nginx' 8444 --h1
  rate 'inspected, HTTP/2 on 32 connections x 4 streams, Cove' "$inspect" -m 4
  rate 'inspected, HTTP/2 on 32 connections x 4 streams, nginx' 8444 -m 4
fi
# The idle tunnels: two doors, because a process may hold 20 000 descriptors and a tunnel is two.
for p in "${pids[@]}"; do kill -TERM "$p" 2>/dev/null && wait "$p" 2>/dev/null || true; done
pids=()
daemon hold "$bin" hold
listening 443
gateway door2
first=$opaque one=${pids[-1]}
gateway door3
"$bin" tunnels --many "$many" --peer "a=transparent:$first" --a "$one" --peer "b=transparent:$opaque" --b "${pids[-1]}"
