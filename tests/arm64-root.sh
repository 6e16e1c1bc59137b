#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# arm64-root.sh: makes build/aarch64/root when it is missing: Debian for arm64, unpacked and not configured, as nothing of it runs
# here. It is what memgap for arm64 is linked with (make CROSS=aarch64) and the root of the machine that it is tested in
# (tests/vm/machine.sh --arch aarch64). debootstrap (root, half a minute). Exit status 69: it cannot be had.
set -euo pipefail

readonly SUITE=bookworm KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg UNAVAILABLE=69
# what is linked with; what the suites run
readonly PACKAGES=(libc6-dev libbpf-dev libelf-dev zlib1g-dev libzydis-dev libcurl4-openssl-dev libjansson-dev libmicrohttpd-dev
	libgnutls28-dev libcrypt-dev libzstd-dev libncurses-dev libcmocka-dev libstdc++6
	python3 procps iproute2 perl strace binutils ca-certificates)

work=''
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/lib/mirror.sh
. "$here/lib/mirror.sh"

unavailable() {
	echo "arm64-root: $*" >&2
	exit "$UNAVAILABLE"
}

clean_up() {
	[ -z "$work" ] || rm -rf --one-file-system "$work"
}

# debootstrap settles what depends on what and fetches it; what it leaves for a second stage, on arm64, is unpacked.
unpack() {
	unshare --mount --pid --fork --kill-child debootstrap --foreign --arch=arm64 --variant=minbase --force-check-gpg \
		--keyring="$KEYRING" --include="$(IFS=, && echo "${PACKAGES[*]}")" "$SUITE" "$work/root" "$mirror" >"$work/log" 2>&1 ||
		unavailable "debootstrap failed: $(tail -n 3 "$work/log" | sed -E 's,[a-z+]+://[^ ]*,the mirror,g' | tr '\n' ' ')"
	for package in "$work"/root/var/cache/apt/archives/*.deb; do
		# as dpkg does: a link to a directory stays one
		dpkg-deb --fsys-tarfile "$package" | tar -x -C "$work/root" --keep-directory-symlink
	done
	rm -rf "$work"/root/debootstrap "$work"/root/var/{cache,lib}/apt/* "$work"/root/usr/share/{doc,man,locale,info}
}

# The least of what configuring would have done.
complete() {
	cp "$work"/root/usr/share/base-passwd/passwd.master "$work/root/etc/passwd"
	cp "$work"/root/usr/share/base-passwd/group.master "$work/root/etc/group"
	ln -sf mawk "$work/root/usr/bin/awk"
	rm "$work/root/proc" # a link to this machine's
	mkdir "$work/root/proc" "$work/root/memgap" # where the payload is mounted
}

# A linker that is given a sysroot follows links as they are.
make_links_relative() {
	local link target
	find "$work/root/usr/lib" -type l -lname '/*' -print0 | while IFS= read -r -d '' link; do
		target=$(readlink "$link")
		ln -sfn -r "$work/root$target" "$link"
	done
}

mkdir -p "$here/../build/aarch64"
directory=$(readlink -f "$here/../build/aarch64")
version=$(sha256sum <"$here/arm64-root.sh" | cut -c 1-12)
exec 9>"$directory/.lock"
flock 9
[ "$(cat "$directory/root/.version" 2>/dev/null)" != "$version" ] || exit 0
[ "$(id -u)" = 0 ] || unavailable "making $directory/root needs root"
command -v debootstrap >/dev/null || unavailable "debootstrap is missing: make deps"
mirror=$(mirror_uri Debian) || unavailable "apt on this machine has no mirror of Debian"
work=$(mktemp -d "$directory/root.XXXXXX")
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
unpack
complete
make_links_relative
echo "$version" >"$work/root/.version"
rm -rf --one-file-system "$directory/root"
mv -T "$work/root" "$directory/root"
