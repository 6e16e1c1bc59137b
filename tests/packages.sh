#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# packages.sh [--arch arm64] SUITE PACKAGE...: Debian's packages of an architecture (amd64), unpacked each into
# build/packages/SUITE/PACKAGE (build/aarch64/packages/SUITE/PACKAGE) and nowhere else: nothing is installed. A file .depends in each says what it depends on, in Debian's words. apt verifies them as always, in a
# state of its own; the mirror is that of this machine's apt. What is there already is not fetched again, and each is there
# whole or not at all.
#
# Exit status 69 (EX_UNAVAILABLE, sysexits.h): the suite or a package cannot be had; stderr says why.
set -euo pipefail

readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg UNAVAILABLE=69
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/lib/mirror.sh
. "$here/lib/mirror.sh"

unavailable() {
	echo "packages: $suite: $*" | sed -E 's,[a-z+]+://[^ ]*,the mirror,g' >&2
	exit "$UNAVAILABLE"
}

# This machine's way to a mirror (a proxy), but none of its hooks, pins or sources. A mirror may be a snapshot of long ago: what was
# signed is taken all the same.
settings() {
	apt-config dump --format '%F "%v";%n' Acquire
	cat <<-END
		APT::Architecture "$architecture";
		APT::Architectures { "$architecture"; };
		APT::Sandbox::User "root";
		Acquire::Check-Valid-Until "false";
		Dir::State "$state";
		Dir::State::status "/dev/null";
		Dir::Cache "$state/cache";
		Dir::Cache { srcpkgcache ""; };
		Dir::Etc "$state/etc";
	END
}

# An index that has just been fetched names what the mirror has: a suite may have moved on since the last time.
update() {
	local mirror signed=
	mirror=$(mirror_uri Debian) || unavailable "apt on this machine has no mirror of Debian"
	[ ! -e "$KEYRING" ] || signed=signed-by=$KEYRING
	rm -f "$state/updated"
	mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state"/etc/{apt.conf,preferences,sources.list}.d
	settings >"$state/apt.conf"
	echo "deb [arch=$architecture target=Packages $signed] $mirror $suite main" >"$state/etc/sources.list"
	APT_CONFIG=$state/apt.conf apt-get update -qq --error-on=any >"$state/log" 2>&1 || unavailable "$(grep -m 1 -E '^[EW]:' "$state/log")"
	touch "$state/updated"
}

has_just_been_updated() {
	[ -n "$(find "$state/updated" -mmin -30 2>/dev/null)" ]
}

download() { # package, directory
	(cd "$2" && rm -f ./*.deb && APT_CONFIG=$state/apt.conf apt-get download -qq "$1") >"$state/log" 2>&1
}

fetch() {
	local package=$1 part=$suite_directory/.$1.part
	rm -rf "$part"
	mkdir -p "$part/root"
	has_just_been_updated || update
	download "$package" "$part" || { update && download "$package" "$part"; } || unavailable "$package: $(grep -m 1 ^E: "$state/log")"
	dpkg-deb -x "$part"/*.deb "$part/root"
	dpkg-deb -f "$part"/*.deb Depends >"$part/root/.depends"
	mv -T "$part/root" "$suite_directory/$package"
	rm -rf "$part"
}

architecture=amd64 directory=$here/../build
if [ "${1:-}" = --arch ]; then
	architecture=${2:-}
	shift 2 || true
fi
case $architecture in
amd64) ;;
arm64) directory+=/aarch64 ;;
*) set -- ;;
esac
[ $# -ge 2 ] || {
	echo "usage: packages.sh [--arch amd64|arm64] SUITE PACKAGE..." >&2
	exit 2
}
suite=$1
shift
suite_directory=$directory/packages/$suite
mkdir -p "$suite_directory"
suite_directory=$(readlink -f "$suite_directory")
state=$suite_directory/.apt
exec 9>"$suite_directory/.lock"
flock 9

for package in "$@"; do
	[ -d "$suite_directory/$package" ] || fetch "$package"
done
