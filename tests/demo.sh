#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# make demo: installs what is missing, builds, runs the seed workload in a memory cgroup of its own and watches that
# cgroup with a trim at 100 MiB. Ends by itself after some 20 seconds and leaves nothing behind.
set -euo pipefail

[ "$(id -u)" = 0 ] || { echo "the demo needs root: sudo make demo" >&2; exit 3; }
tests/deps.sh build
make --no-print-directory -s all
tests/prepare.sh

# The memory controller's hierarchy: v1's where the host has one, else v2 (with the controller enabled for children).
if [ -d /sys/fs/cgroup/memory ]; then
	root=/sys/fs/cgroup/memory
else
	root=/sys/fs/cgroup
	echo +memory >"$root/cgroup.subtree_control"
fi
cgroup=$root/memgap-demo-$$
directory=$(mktemp -d)
mkfifo "$directory/go"
mkdir "$cgroup"

clean_up() {
	[ -z "${workload:-}" ] || kill "$workload" 2>/dev/null || true
	wait 2>/dev/null || true
	rmdir "$cgroup" 2>/dev/null || true
	rm -rf "$directory"
}
trap clean_up EXIT

# The shell waits in the cgroup until memgap is there, then becomes the workload: watched from its first instruction.
sh -c 'echo $$ >"$0/cgroup.procs"; echo joined >"$1/go"; read -r _ <"$1/go"; exec build/workload seed' \
	"$cgroup" "$directory" >/dev/null &
workload=$!
read -r _ <"$directory/go"

echo "\$ memgap watch -c $(basename "$cgroup") --trim-at 100MiB --cooldown 5s"
echo "  (the workload allocates 10 MiB a second; on SIGUSR1 it frees what it does not need any more)"
build/memgap watch -c "$cgroup" --trim-at 100MiB --cooldown 5s -N 19 | {
	IFS= read -r first
	echo go >"$directory/go" # memgap is there
	printf '%s\n' "$first"
	cat
}
