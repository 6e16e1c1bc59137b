#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# root-image.sh [aarch64]: makes the root of the virtual machines, an ext4 image in build/vm, when it is missing; prints its file.
# It is made with debootstrap (root, a minute) from this machine's own Debian: what was built here runs there; that for arm64 of
# what is cross-built with (tests/arm64-root.sh). Exit status 69: it cannot be had.
set -euo pipefail

work=''
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg UNAVAILABLE=69 SIZE=2G
# What the suites run. The libraries of build/memgap and of the tests come by way of the packages whose names stay when a
# soname changes.
readonly PACKAGES=(python3 gcc libc6-dev binutils bpftool strace procps iproute2 perl redis-server musl libstdc++6
	libbpf-dev libelf-dev zlib1g-dev libzydis-dev libcurl4-openssl-dev libjansson-dev libmicrohttpd-dev libcmocka-dev)

here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/lib/mirror.sh
. "$here/../lib/mirror.sh"

unavailable() {
	echo "root-image: $*" >&2
	exit "$UNAVAILABLE"
}

clean_up() {
	[ -z "$work" ] || rm -rf --one-file-system "$work"
}

# In namespaces of its own, so that neither a mount nor a process of debootstrap outlives this script.
make_root() {
	local mirror
	command -v debootstrap >/dev/null || unavailable "debootstrap is missing: make deps"
	mirror=$(mirror_uri Debian) || unavailable "apt on this machine has no mirror of Debian"
	unshare --mount --pid --fork --kill-child debootstrap --variant=minbase --force-check-gpg --keyring="$KEYRING" \
		--include="$(IFS=, && echo "${PACKAGES[*]},ca-certificates")" "$suite" "$work/root" "$mirror" >"$work/log" 2>&1 ||
		unavailable "debootstrap failed: $(tail -n 3 "$work/log" | sed -E 's,[a-z+]+://[^ ]*,the mirror,g' | tr '\n' ' ')"
	rm -rf "$work"/root/var/{cache,lib}/apt/* "$work"/root/usr/share/{doc,man,locale,info}/*
	mkdir "$work/root/memgap" # where the payload is mounted
}

arch=${1:-x86_64}
if [ "$arch" = aarch64 ]; then
	"$here/../arm64-root.sh"
	suite=arm64 made_by=$here/../arm64-root.sh
else
	suite=$(own_suite Debian)
	[ -n "$suite" ] || unavailable "this machine is no Debian: what is built here would not run there"
	made_by=$here/root-image.sh
fi
mkdir -p "$here/../../build/vm"
directory=$(readlink -f "$here/../../build/vm")
image=$directory/root-$suite-$(sha256sum <"$made_by" | cut -c 1-12).ext4
exec 9>"$directory/.lock"
flock 9
if [ ! -e "$image" ]; then
	[ "$(id -u)" = 0 ] || unavailable "making $image needs root"
	work=$(mktemp -d "$directory/root.XXXXXX")
	trap clean_up EXIT
	trap 'exit 130' INT TERM HUP
	if [ "$arch" = aarch64 ]; then
		root=$directory/../aarch64/root
	else
		make_root
		root=$work/root
	fi
	# no journal: each machine writes to a copy of its own
	mke2fs -q -t ext4 -O ^has_journal -d "$root" "$work/image" "$SIZE" >/dev/null 2>"$work/log" || {
		cat "$work/log" >&2
		exit 1
	}
	rm -f "$directory/root-$suite-"*.ext4 # made by another version of this script
	mv "$work/image" "$image"
fi
echo "$image"
