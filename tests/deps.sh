#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Installs with apt what is missing for `build`ing, for `all`: tests and demos as well, for the `bench`, for the checks of `quality`, or
# to build and test for `arm64`. Debian 12 and 13, Ubuntu 24.04. Says nothing and needs no root when all is there.
set -euo pipefail

build=(clang llvm libbpf-dev libelf-dev zlib1g-dev libzydis-dev libcurl4-openssl-dev libjansson-dev libmicrohttpd-dev libgnutls28-dev libcrypt-dev pkg-config make gcc libc6-dev libjs-dygraphs libzstd-dev libncurses-dev)
tests=(libcmocka-dev python3 perl redis-server nginx-light memcached podman runc buildah debootstrap util-linux mount procps strace git musl-tools binutils g++ zstd scdoc groff-base dpkg-dev tmux
	qemu-system-x86 busybox-static cpio e2fsprogs libclang-rt-dev)
browser=(chromium chromium-driver fonts-dejavu-core) # Ubuntu has it as a snap alone
quality=(clang-tidy cppcheck valgrind libc6-dbg shellcheck pyflakes3 lcov)
arm64=(gcc-aarch64-linux-gnu libc6-dev-arm64-cross debootstrap) # to cross-build, in tests/arm64-root.sh's root
arm64_machine=(qemu-system-arm cpio e2fsprogs python3)
bench=(python3 libc-bin coreutils libbpf-tools bpftrace heaptrack libjemalloc2)

# Debian has bpftool in a package of its own; Ubuntu keeps it with its kernel's tools. Some libraries' names have
# changed with the releases.
# shellcheck disable=SC1091
case $(. /etc/os-release && echo "$ID-${VERSION_ID:-}") in
ubuntu-*)
	build+=(linux-tools-common linux-tools-generic)
	bench+=(libtcmalloc-minimal4t64 libmimalloc2.0)
	;;
debian-12)
	build+=(bpftool)
	tests+=("${browser[@]}" lintian)
	bench+=(libtcmalloc-minimal4 libmimalloc2.0)
	;;
*)
	build+=(bpftool)
	tests+=("${browser[@]}")
	bench+=(libtcmalloc-minimal4t64 libmimalloc3)
	;;
esac

wanted=("${build[@]}")
case ${1:-} in
build) ;;
all) wanted+=("${tests[@]}") ;;
bench) wanted+=("${bench[@]}") ;;
quality) wanted+=("${tests[@]}" "${quality[@]}") ;;
arm64) wanted+=("${arm64[@]}" "${arm64_machine[@]}") ;;
*)
	echo "usage: deps.sh build|all|bench|quality|arm64" >&2
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
