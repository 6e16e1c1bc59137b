#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# make demo-container: the seed workload in a container with a 200 MiB limit and half a CPU, and memgap in a privileged
# sidecar that has it trimmed at 100 MiB. Without memgap the workload would be killed after some 20 seconds.
# Ends by itself and leaves nothing behind but the images.
set -euo pipefail

engine=tests/container/engine
name=memgap-demo-$$

[ "$(id -u)" = 0 ] || { echo "the demo needs root: sudo make demo-container" >&2; exit 3; }
tests/prepare.sh
directory=$(mktemp -d)
mkfifo "$directory/go"
trap '$engine rm -f "$name" >/dev/null 2>&1; rm -rf "$directory"' EXIT

# The shell waits until memgap is there, then becomes the workload: watched from its first instruction.
$engine run -d --name "$name" --network=none --memory 200m --cpus 0.5 -v "$directory:/demo" --entrypoint sh \
	memgap-workload -c 'read -r _ </demo/go; exec workload seed' >/dev/null
pid=$($engine inspect --format '{{.State.Pid}}' "$name")
# "4:memory:/path" on cgroup v1, "0::/path" on v2
cgroup=$(sed -n 's/^[0-9]*:\([^:]*,\)\{0,1\}memory\(,[^:]*\)\{0,1\}://p' "/proc/$pid/cgroup")
cgroup=${cgroup:-$(sed -n 's/^0:://p' "/proc/$pid/cgroup")}

echo "\$ memgap watch -c ${cgroup:0:40}... --trim-at 100MiB --force --cooldown 5s     # in a sidecar"
$engine sidecar --rm --network=none memgap watch -c "$cgroup" --trim-at 100MiB --force --cooldown 5s -N 25 | {
	IFS= read -r first
	echo go >"$directory/go"
	printf '%s\n' "$first"
	cat
}
echo "the container is $($engine inspect --format '{{.State.Status}}' "$name")"
