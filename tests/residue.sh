#!/usr/bin/env bash
# tests/residue.sh record | check
#
# A test run leaves nothing behind. `record` notes what the machine has before it; `check` fails and
# shows what is there afterwards that was not: processes of ours or of a sandbox's uid range, mounts,
# network namespaces, cgroups, sockets, directories, loop devices, firewall rules.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
state=build/residue
mkdir -p build

inventory() {
  ps -eo pid=,uid=,comm= | awk '$3 ~ /^(cove|cove-front|cove-shell|cove-toolbox|bwrap|runc|dockerd|containerd)$/ || $2 >= 1000000000 || $2 == 61800 {print "process " $3 " uid " $2}'
  awk '$5 !~ "^/proc/" {print "mount " $5}' /proc/self/mountinfo
  for p in /proc/[0-9]*; do readlink "$p/ns/net" 2>/dev/null || true; done | sort -u | sed 's/^/netns /'
  ls /run/netns 2>/dev/null | sed 's/^/named netns /' || true
  find /sys/fs/cgroup -maxdepth 3 -type d -name '*cove*' 2>/dev/null | sed 's/^/cgroup /' || true
  find /tmp /run /var/tmp /dev/shm -maxdepth 1 \( -name 'cove*' -o -name 'tmp.*' \) 2>/dev/null | sed 's/^/path /' || true
  awk '$8 ~ /cove|box-/ {print "socket " $8}' /proc/net/unix
  losetup -a 2>/dev/null | sed 's/^/loop /' || true
  if command -v nft >/dev/null; then nft list tables 2>/dev/null | sed 's/^/firewall /' || true; fi
}

case ${1:-} in
  record) inventory | sort -u >"$state.before" ;;
  check)
    # The kernel tears namespaces and cgroups down in the background: wait for that, with an end.
    left=''
    for _ in $(seq 100); do
      inventory | sort -u >"$state.after"
      left=$(comm -13 "$state.before" "$state.after")
      [ -z "$left" ] && { echo "nothing left behind"; exit 0; }
      sleep 0.1
    done
    printf 'left behind by the tests:\n%s\n' "$left" >&2
    exit 1
    ;;
  *) echo "usage: tests/residue.sh record|check" >&2; exit 2 ;;
esac
