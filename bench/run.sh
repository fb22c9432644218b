#!/usr/bin/env bash
# ./dev bench NAME [N]: one row of the speed table (docs/performance.md), Cove beside its peers, in
# turn in one run. N replaces the row's number of rounds (seconds for churn). `all` runs every row
# with few rounds, on one data directory.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
. bench/lib.sh

rows=(create pool exec burst churn delete idle transfer pty cycles egress ai)

name=${1:-}
if [ "$name" = all ]; then
  scratch=$(mktemp -d /tmp/cove-bench-XXXXXX)
  chmod 711 "$scratch"
  trap 'rm -rf "$scratch"' EXIT
  export COVE_BENCH_DATA=${COVE_BENCH_DATA:-$scratch/data} COVE_BENCH_MANY=${COVE_BENCH_MANY:-100}
  for row in create:50 pool:50 exec:50 burst:3 churn:5 delete:50 idle:20 transfer:2 pty:500 cycles:500; do
    bench/run.sh "${row%:*}" "${row#*:}"
    echo
  done
  COVE_BENCH_SECONDS=3 COVE_BENCH_ROUNDS=2 bench/run.sh egress 50
  echo
  COVE_BENCH_SECONDS=1 bench/run.sh ai 50
  exit
fi
[ "$name" = egress ] && exec bench/egress/run.sh "${2:-200}"
[ "$name" = ai ] && exec bench/ai/run.sh "${2:-500}"
case $name in
  create) n=1000 ;;
  pool) n=1000 ;;
  exec) n=500 ;;
  burst) n=10 ;;
  churn) n=20 ;;
  delete) n=300 ;;
  idle) n=100 ;;
  transfer) n=5 ;;
  pty) n=2000 ;;
  cycles) n=10000 ;;
  *) printf 'the rows: %s\n' "${rows[*]}" >&2; exit 2 ;;
esac
n=${2:-$n}
# Cold means that nothing was made ahead.
pool=0
[ "$name" = pool ] && pool=${COVE_BENCH_POOL:-4}

begin
peers=()
peer() { peers+=(--peer "$1=$2"); }

case $name in
  create)
    make_root
    peer 'echo on the host' '/bin/echo x'  # the command by itself: what is beneath every other line
    peer 'bwrap --unshare-all' "$(bwrap_command)"
    runc_bundle bundle '"/bin/echo", "x"'
    peer 'runc run' "runc --root $work/runc run --bundle $work/bundle cove-bench"
    start_docker && peer 'docker run' 'docker run --rm --network none cove-bench /bin/echo x'
    ;;
  exec)
    make_root
    peer 'echo on the host' '/bin/echo x'
    peer 'bash on the host' '/bin/bash -c echo'
    peer 'bwrap, one shot' "$(bwrap_command)"
    runc_bundle live '"/bin/sleep", "100000"'
    runc --root "$work/runc" run --detach --bundle "$work/live" live </dev/null >"$work/live.out" 2>&1
    peer 'runc exec' "runc --root $work/runc exec live /bin/echo x"
    if start_docker; then
      docker run --detach --network none --name cove-bench-live cove-bench /bin/sleep 100000 >/dev/null
      peer 'docker exec' 'docker exec cove-bench-live /bin/echo x'
    fi
    ;;
  transfer)
    make_root
    if start_docker; then
      docker run --detach --network none --name cove-bench-live cove-bench /bin/sleep 100000 >/dev/null
      truncate -s "${COVE_BENCH_MIB:-1024}M" "$work/big"
      peer 'docker cp, in' "docker cp -q $work/big cove-bench-live:/big"
      peer 'docker cp, out' "docker cp -q cove-bench-live:/big $work/back"
    fi
    ;;
esac
# A hundred or a thousand sandboxes of 1 GiB are promised more than the machine has; they use little.
start_cove "[pool]
size = $pool
[limits]
memory_overcommit = 1000
disk_overcommit = 1000"

echo "## $name"
machine
echo
case $name in
  churn) row churn --seconds "$n" ;;
  transfer) row transfer --rounds "$n" --mib "${COVE_BENCH_MIB:-1024}" "${peers[@]}" ;;
  pool) row pool --pool "$pool" --rounds "$n" ;;
  idle) row idle --rounds "$n" --many "${COVE_BENCH_MANY:-1000}" --seconds "${COVE_BENCH_SECONDS:-30}" ;;
  burst) row burst --rounds "$n" --many "${COVE_BENCH_MANY:-100}" ;;
  *) row "$name" --rounds "$n" --pause "${COVE_BENCH_PAUSE:-10}" "${peers[@]}" ;;
esac
