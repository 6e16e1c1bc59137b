#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# base-image.sh: makes sure that `FROM debian:bookworm-slim` resolves without an image registry.
#
# If the container engine has the image, nothing happens. Else it is made from Debian's packages with
# debootstrap (root, half a minute). The mirrors, and whether old Release files are accepted, are those of
# this machine's own apt. The image appears whole or not at all: a run killed in the middle leaves at most
# a folder in TMPDIR, and another run starts afresh.
#
# With a registry this is not needed: `docker pull debian:bookworm-slim` gives the real one.
set -euo pipefail

readonly IMAGE=docker.io/library/debian:bookworm-slim SUITE=bookworm
readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
here=$(dirname "$(readlink -f "$0")")
readonly here
# shellcheck source=tests/lib/mirror.sh
. "$here/../lib/mirror.sh"

die() {
	echo "base-image: $*" >&2
	exit 1
}

apt_sources() {
	printf 'deb %s main\n' "$mirror $SUITE" "$mirror $SUITE-updates" "$security $SUITE-security"
}

# A frozen mirror, or a clock that is off, needs the date settings; the image then needs them too. The rest
# keeps apt's caches (80 MB) and package archives out of the layers, as Debian's own image does.
apt_settings() {
	apt-config dump --format '%f "%v";%n' Acquire::Check-Valid-Until Acquire::Check-Date
	echo 'Dir::Cache { pkgcache ""; srcpkgcache ""; };'
	echo 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb"; };'
}

# What Debian's own slim images leave out, here and in every package installed later.
leave_out_documentation() {
	local path
	for path in doc groff info lintian locale man; do
		echo "path-exclude /usr/share/$path/*"
		find "$1/usr/share/$path" ! -type d ! -name copyright -delete 2>/dev/null || true
	done >"$1/etc/dpkg/dpkg.cfg.d/slim"
	echo 'path-include /usr/share/doc/*/copyright' >>"$1/etc/dpkg/dpkg.cfg.d/slim"
}

# In namespaces of its own, so that neither a mount nor a process of debootstrap outlives this script.
make_root() {
	local include=()
	[[ $mirror$security != *https:* ]] || include=(--include=ca-certificates)
	unshare --mount --pid --fork --kill-child debootstrap --variant=minbase --force-check-gpg \
		--keyring="$KEYRING" "${include[@]}" "$SUITE" "$1" "$mirror" >"$work/log" 2>&1 &
	builder=$!
	wait "$builder" || die "debootstrap failed: $(tail -n 5 "$work/log")"
	builder=
	apt_sources >"$1/etc/apt/sources.list"
	apt_settings >"$1/etc/apt/apt.conf.d/90base-image"
	leave_out_documentation "$1"
	rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/* "$1"/var/log/*
}

clean_up() {
	if [[ -n $builder ]]; then
		# Killing the namespace's first process kills them all; unshare then ends, and nothing writes on.
		pkill -KILL -P "$builder" || true
		wait "$builder" || true
	fi
	[[ -z $work ]] || rm -rf --one-file-system "$work"
}

builder='' work=''
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

if "$here/engine" image inspect "$IMAGE" >/dev/null 2>&1; then
	echo "base-image: $IMAGE is there"
	exit 0
fi
[[ $EUID -eq 0 ]] || die "$IMAGE is missing: run as root to make it, or pull it from a registry"
command -v debootstrap >/dev/null || die "$IMAGE is missing: install debootstrap, or pull it from a registry"
unlabelled="apt has no source labelled so: run apt-get update, or pull $IMAGE from a registry"
mirror=$(mirror_uri Debian) || die "Debian: $unlabelled"
security=$(mirror_uri Debian-Security) || die "Debian-Security: $unlabelled"
work=$(mktemp -d "${TMPDIR:-/var/tmp}/memgap-base-image.XXXXXX")
make_root "$work/root"
# By way of a file: from a pipe, an archive cut short could look complete.
tar -C "$work/root" --numeric-owner -cf "$work/root.tar" .
"$here/engine" import --change 'CMD ["bash"]' "$work/root.tar" "$IMAGE" >/dev/null
echo "base-image: made $IMAGE from $mirror and $security"
