#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# machine.sh [--arch ARCH] [--kernel SUITE] [--seconds N] COMMAND [ARGUMENT...]: runs the command as root in a virtual machine
# with cgroup v2, in a copy of what this repository's tests need (/memgap), with the cloud kernel of a Debian suite (bookworm).
# stdout, stderr and the exit status are the command's; stdin is empty. Nothing that it writes there is kept. No KVM: all is
# emulated, and slow. ARCH is x86_64, or aarch64 for what was cross-built (make arm64).
#
#	bullseye 5.10   bookworm 6.1   bookworm-backports, trixie 6.12   trixie-backports 7.3
#
# Exit status 69 (EX_UNAVAILABLE): there is no such machine to be had here; 70 (EX_SOFTWARE): it died, or was still running
# after N (300) seconds. stderr says why.
set -euo pipefail

readonly UNAVAILABLE=69 DIED=70 MEMORY=1G SWAP=512M PAYLOAD=1G
here=$(dirname "$(readlink -f "$0")")
repository=$(readlink -f "$here/../..")

# shellcheck source=tests/vm/hardware.sh
. "$here/hardware.sh"

fail() {
	echo "machine: ${*:2}" >&2
	exit "$1"
}

usage() {
	fail 2 "usage: machine.sh [--arch x86_64|aarch64] [--kernel SUITE] [--seconds N] COMMAND [ARGUMENT...]"
}

make_initramfs() {
	local root=$work/initramfs
	mkdir -p "$root"/{bin,dev,sys,root}
	cp "$busybox" "$root/bin/busybox"
	cp "$here/initramfs-init.sh" "$root/init"
	(cd "$root" && find . | cpio -o -H newc -R 0:0 --quiet) >"$work/initramfs.cpio"
}

# What the suites need of the repository: the tests, what was built, and the libraries of other releases that are there.
# Copies are links.
make_payload() {
	local payload=$work/payload
	mkdir "$payload"
	(
		shopt -s nullglob
		cd "$repository"
		cp -al --parents tests deploy "$payload"
		mkdir "$payload/build"
		cd "$built"
		cp -al --parents memgap workload tests/*/ go/workload-*{normal,stripped,pie,cgo} \
			packages/*/lib{c6,gcc-s1,stdc++6,jemalloc2,tcmalloc-minimal4{,t64},mimalloc{2.0,3}} \
			packages/*/golang-github-containers-common/usr/share/containers "$payload/build"
	)
	printf '%q ' exec "$@" >"$payload/.command"
	mke2fs -q -t ext4 -O ^has_journal -d "$payload" "$work/payload.ext4" "$PAYLOAD" >"$work/log" 2>&1 ||
		fail "$DIED" "no image of what was built: $(cat "$work/log")"
}

# drive N FILE: an NVMe namespace; nothing that is written to it reaches the file
drive() {
	echo "-drive if=none,id=drive$1,file=$2,format=raw,snapshot=on -device nvme-ns,drive=drive$1,nsid=$1"
}

boot() {
	mkfifo "$work/stdout" "$work/stderr"
	cat "$work/stdout" &
	cat "$work/stderr" >&2 &
	# shellcheck disable=SC2046
	timeout --kill-after=5 "$seconds" "${qemu[@]}" -smp 2 -m "$MEMORY" -nodefaults \
		-display none -no-reboot -kernel "$kernel" -initrd "$work/initramfs.cpio" \
		-append "console=$console quiet loglevel=3 panic=-1 mitigations=off nokaslr" \
		-device nvme,serial=memgap $(drive 1 "$root") $(drive 2 "$work/payload.ext4") $(drive 3 "$work/swap") \
		</dev/null >"$work/qemu" 2>&1 &
	emulator=$!
	wait "$emulator" || ended=$?
	emulator=
	# had it failed before it opened them, they would still be waited for
	: <>"$work/stdout" <>"$work/stderr"
	wait
}

report() {
	local status
	status=$(cat "$work/status" 2>/dev/null || true)
	[ -z "$status" ] || exit "$status"
	cat "$work/qemu" >&2
	# from where it began: what follows a first oops tells little
	awk '/BUG:|Oops|protection fault|Kernel panic|WARNING:/ { begun = 1 } begun && n++ < 60' "$work/console" >&2
	tail -n 10 "$work/console" >&2
	[ "$ended" != 124 ] || fail "$DIED" "still running after $seconds seconds"
	fail "$DIED" "the machine died"
}

# shellcheck disable=SC2317 # called by the trap
clean_up() {
	[ -z "$emulator" ] || kill "$emulator" 2>/dev/null || true
	rm -rf --one-file-system "$work"
}

main() {
	arch=x86_64 suite=bookworm seconds=300 built=$repository/build
	while [ $# -gt 0 ]; do
		case $1 in
		--arch) arch=${2:-} ;;
		--kernel) suite=${2:-} ;;
		--seconds) seconds=${2:-} ;;
		-*) usage ;;
		*) break ;;
		esac
		[ $# -ge 2 ] || usage
		shift 2
	done
	[ $# -gt 0 ] || usage

	[[ $arch == @(x86_64|aarch64) ]] || usage
	[ "$arch" = x86_64 ] || built+=/$arch
	needs cpio mke2fs
	mkdir -p "$repository/build/vm"
	work=$(mktemp -d "$repository/build/vm/run.$$.XXXXXX")
	emulator='' ended=0
	trap clean_up EXIT
	trap 'exit 130' INT TERM HUP
	"choose_$arch"
	make_initramfs
	make_payload "$@"
	truncate -s "$SWAP" "$work/swap"
	boot
	report
}

main "$@"
