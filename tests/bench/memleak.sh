#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# memleak.sh DIRECTORY: memleak for the benchmark, where this release's libbpf-tools have none (Debian 12).
#
# It is taken from Debian 13, with the libc that it needs, by an apt whose lists are not the system's. Nothing is
# installed: it is unpacked in DIRECTORY, where `memleak` starts it. If that fails, the benchmark goes on without.
set -euo pipefail

readonly SUITE=trixie SECONDS_AT_MOST=120
readonly PACKAGES=(libbpf-tools libelf1t64 libc6 zlib1g libzstd1)
into=$1
PATH+=:/usr/sbin

private_apt() {
	timeout "$SECONDS_AT_MOST" "$1" -qq -o "Dir::Etc::SourceList=$PWD/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o "Dir::State::Lists=$PWD/lists" -o "Dir::Cache=$PWD/cache" -o APT::Sandbox::User=root "${@:2}"
}

# From the mirror that this machine's own apt has.
mirror() {
	# shellcheck disable=SC2016 # apt expands these
	apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' |
		awk -F'|' '$1 == "Debian" && $2 == "Debian" && $3 == "main" && !n++ { print $4 }'
}

fetch() {
	mkdir -p lists/partial cache/archives/partial root
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) $SUITE main" >sources.list
	private_apt apt-get update
	private_apt apt-get download "${PACKAGES[@]/%//$SUITE}"
	for package in *.deb; do dpkg-deb -x "$package" root; done
	rm -rf ./*.deb lists cache sources.list
}

write_starter() {
	local loader libc
	loader=$(find "$PWD"/root/usr/lib* -name 'ld-linux*' -print -quit)
	libc=$(find "$PWD/root" -name libc.so.6 -print -quit)
	printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' "$loader" "$(dirname "$libc")" \
		"$PWD/root/usr/sbin/memleak-libbpf" >memleak.new
	chmod +x memleak.new
	mv memleak.new memleak
}

command -v memleak-libbpf memleak >/dev/null && exit
[ ! -x "$into/memleak" ] || exit 0
# shellcheck disable=SC1091
[ "$(. /etc/os-release && echo "$ID")" = debian ] || exit 0
echo "fetching memleak from Debian's $SUITE"
rm -rf "$into"
mkdir -p "$into"
(cd "$into" && fetch && write_starter) || echo "memleak.sh: cannot fetch it; the benchmark goes on without" >&2
