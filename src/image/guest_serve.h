// The text of /usr/local/bin/cove-serve: starts a server inside a sandbox so that it outlives the
// agent's tool call. A tool kills its process group when it returns, so the command gets a session
// of its own; the script waits until it listens (or has died) and says so.
#pragma once

#include <string_view>

namespace cove::image {

inline constexpr std::string_view kCoveServe = R"SH(#!/bin/sh
# cove-serve [--port N] [--name NAME] [--wait SECONDS] [--] COMMAND [ARG...]
# Starts COMMAND detached, waits until it listens (or died), and says where its log is.
# Exit: 0 it runs (and listens, when a port was named or seen), 1 it died or does not listen, 2 usage.
usage() {
  echo "usage: cove-serve [--port N] [--name NAME] [--wait SECONDS] [--] COMMAND [ARG...]" >&2
  exit 2
}
number() { case "$1" in ''|*[!0-9]*) usage ;; esac; }

port= name= wait=15
while [ $# -gt 0 ]; do
  case "$1" in
    --port) [ $# -ge 2 ] || usage; number "$2"; port=$2; shift 2 ;;
    --port=*) port=${1#*=}; number "$port"; shift ;;
    --name) [ $# -ge 2 ] || usage; name=$2; shift 2 ;;
    --name=*) name=${1#*=}; shift ;;
    --wait) [ $# -ge 2 ] || usage; number "$2"; wait=$2; shift 2 ;;
    --wait=*) wait=${1#*=}; number "$wait"; shift ;;
    -h|--help) usage ;;
    --) shift; break ;;
    -*) usage ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || usage
[ -n "$name" ] || name=$(basename -- "$1")${port:+-$port}
case "$name" in
  .*|*[!A-Za-z0-9._-]*) echo "cove-serve: a name holds only letters, digits, '.', '_', '-'" >&2; exit 2 ;;
esac

dir=${HOME:-/tmp}/.cove/serve
mkdir -p "$dir" || exit 1
log=$dir/$name.log pidfile=$dir/$name.pid
rm -f "$pidfile"
: >"$log" || exit 1

# Listening TCP ports, one a line, in decimal.
listening() {
  for table in /proc/net/tcp /proc/net/tcp6; do
    [ -r "$table" ] || continue
    while read -r _ local _ state _; do
      [ "$state" = 0A ] && echo "$((0x${local##*:}))"
    done <"$table"
  done 2>/dev/null | sort -un
}
before=$(listening)
if [ -n "$port" ] && echo "$before" | grep -qx "$port"; then
  echo "cove-serve: port $port is taken already; stop what listens there first" >&2
  exit 1
fi

# A new session, and a parent that exits at once: nothing ties the command to the caller.
COVE_PIDFILE=$pidfile setsid sh -c '
  pidfile=$COVE_PIDFILE; unset COVE_PIDFILE
  (trap "" HUP; sh -c "echo \$PPID" >"$pidfile"; exec "$@") &
' cove-serve "$@" </dev/null >>"$log" 2>&1

pid= tick=0 limit=$((wait * 5))
while [ $tick -lt 25 ]; do
  [ -s "$pidfile" ] && read -r pid <"$pidfile" && [ -n "$pid" ] && break
  sleep 0.2; tick=$((tick + 1))
done
alive() { [ -n "$pid" ] && [ -d "/proc/$pid" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null; }

tick=0 found=
while [ $tick -lt "$limit" ]; do
  if ! alive; then
    echo "cove-serve: '$*' ended at once; the end of $log:" >&2
    tail -n 30 "$log" >&2
    exit 1
  fi
  now=$(listening)
  if [ -n "$port" ]; then
    echo "$now" | grep -qx "$port" && found=$port
  else
    for p in $now; do
      echo "$before" | grep -qx "$p" || found="${found:+$found }$p"
    done
  fi
  [ -n "$found" ] && break
  sleep 0.2; tick=$((tick + 1))
done

echo "pid $pid"
echo "log $log"
if [ -n "$found" ]; then
  echo "listening on port $found"
  echo "Cove announces the preview link to the user; there is nothing more to do to share it."
  exit 0
fi
if [ -n "$port" ]; then
  echo "cove-serve: it runs, but port $port is not open after ${wait}s; the end of its log:" >&2
  tail -n 30 "$log" >&2
  exit 1
fi
echo "running; no listening port seen after ${wait}s"
)SH";

}  // namespace cove::image
