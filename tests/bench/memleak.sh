#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# memleak.sh STARTER: makes a script that starts libbpf-tools' memleak, where this release's libbpf-tools have none (Debian 12):
# Debian 13's, with the libc that it needs, unpacked below build/. If that fails, the benchmark goes on without.
set -euo pipefail

readonly SUITE=trixie
packages=$PWD/build/packages/$SUITE
PATH+=:/usr/sbin

! command -v memleak-libbpf memleak >/dev/null || exit 0
[ ! -x "$1" ] || exit 0
timeout 120 tests/packages.sh "$SUITE" libbpf-tools libelf1t64 libc6 zlib1g libzstd1 || {
	echo "memleak.sh: the benchmark goes on without memleak" >&2
	exit 0
}
mkdir -p "$(dirname "$1")"
libraries=$(printf %s: "$packages"/{libelf1t64,libc6,zlib1g,libzstd1}/usr/lib/x86_64-linux-gnu)
cat >"$1.new" <<-END
	#!/bin/sh
	exec "$packages/libc6/usr/lib64/ld-linux-x86-64.so.2" --library-path "$libraries" \
		"$packages/libbpf-tools/usr/sbin/memleak-libbpf" "\$@"
END
chmod +x "$1.new"
mv "$1.new" "$1"
