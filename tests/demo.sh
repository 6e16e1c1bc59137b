#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# make demo: installs what is missing, builds, runs the seed workload in a memory cgroup of its own and watches that
# cgroup with a trim at 100 MiB; then has a workload trimmed whose allocator retains memory. Ends by itself after some 25 seconds
# and leaves nothing behind.
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

# The shell waits in the cgroup until it may go on, then becomes the workload: watched from its first instruction.
start_workload() { # pattern
	sh -c 'echo $$ >"$0/cgroup.procs"; echo joined >"$1/go"; read -r _ <"$1/go"; exec build/workload "$2"' \
		"$cgroup" "$directory" "$1" >"$directory/output" &
	workload=$!
	read -r _ <"$directory/go"
}

start_workload seed
echo "\$ memgap watch -c $(basename "$cgroup") --trim-at 100MiB --force --cooldown 5s"
echo "  (the workload allocates 10 MiB a second, and seen from outside all of it is in use: --force asks it all the same; on SIGUSR1 it"
echo "  frees what it does not need any more)"
build/memgap watch -c "$cgroup" --trim-at 100MiB --force --cooldown 5s -N 19 | {
	IFS= read -r first
	echo go >"$directory/go" # memgap is there
	printf '%s\n' "$first"
	cat
}
kill "$workload"
wait "$workload" 2>/dev/null || true

start_workload retain
echo go >"$directory/go"
until [ -s "$directory/output" ]; do sleep 0.1; done # it has allocated, and freed, 96 MiB
echo
echo "\$ memgap trim -c $(basename "$cgroup")"
echo "  (this workload has freed nearly all that it had, but its allocator retains it)"
build/memgap trim -c "$cgroup"
