#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Installs with apt what is missing for `build`ing, or for `all`: tests and demos as well. Debian 12 and 13,
# Ubuntu 24.04. Says nothing and needs no root when all is there.
set -euo pipefail

build=(clang llvm libbpf-dev libelf-dev zlib1g-dev libjansson-dev libzydis-dev pkg-config make gcc libc6-dev)
tests=(libcmocka-dev python3 podman runc buildah debootstrap util-linux mount procps strace git musl-tools binutils)

# Debian has bpftool in a package of its own; Ubuntu keeps it with its kernel's tools.
# shellcheck disable=SC1091
if [ "$(. /etc/os-release && echo "$ID")" = ubuntu ]; then
	build+=(linux-tools-common linux-tools-generic)
else
	build+=(bpftool)
fi

wanted=("${build[@]}")
case ${1:-} in
build) ;;
all) wanted+=("${tests[@]}") ;;
*)
	echo "usage: deps.sh build|all" >&2
	exit 2
	;;
esac

missing=()
for package in "${wanted[@]}"; do
	dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ]; then
	echo "missing packages: ${missing[*]}; install them with: sudo make deps" >&2
	exit 3
fi
echo "installing: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
