#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# kernel.sh SUITE [amd64|arm64]: the newest cloud kernel of a Debian suite, unpacked where packages.sh has it; prints its file.
# What was fetched once stays: mirrors forget kernels. Exit status 69: it cannot be had (packages.sh).
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
suite=$1 architecture=${2:-amd64}
packages=$(readlink -f "$here/../..")/build/packages/$suite
[ "$architecture" = amd64 ] || packages=$(readlink -f "$here/../..")/build/aarch64/packages/$suite

# The package with the kernel has the version in its name, and is what another depends on: linux-image-VERSION, and from 6.18 on
# linux-binary-VERSION, whose kernel is not in /boot.
package=linux-image-cloud-$architecture
while "$here/../packages.sh" --arch "$architecture" "$suite" "$package" || exit $?; do
	for kernel in "$packages/$package"/{boot/vmlinuz-*,usr/lib/modules/*/vmlinuz}; do
		[ ! -f "$kernel" ] || exec echo "$kernel"
	done
	package=$(grep -oE 'linux-(image|binary)-[0-9][^ ,]*' "$packages/$package/.depends" | head -n 1) || {
		echo "kernel: $suite: no kernel in $package nor in what it depends on" >&2
		exit 1
	}
done
