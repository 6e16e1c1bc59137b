#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Makes vmlinux/ARCH/vmlinux.h from the BTF of a kernel: the running one, or the vmlinux (or raw BTF)
# file given. CO-RE relocates every field at load time, so any kernel of the architecture will do; a new
# one is needed only when memgap reads a field that the checked-in header does not have yet. That of another architecture is in
# its machine: tests/vm/machine.sh --arch aarch64 --kernel trixie-backports cat /sys/kernel/btf/vmlinux >build/btf
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
btf=${1:-/sys/kernel/btf/vmlinux}
arch=${2:-$(uname -m)}

[ -r "$btf" ] || { echo "update.sh: cannot read $btf (usage: update.sh [BTF-FILE [ARCH]])" >&2; exit 1; }
mkdir -p "$here/$arch"
new=$(mktemp "$here/$arch/.vmlinux.h.XXXXXX")
trap 'rm -f "$new"' EXIT
bpftool btf dump file "$btf" format c >"$new"
chmod 644 "$new"
mv "$new" "$here/$arch/vmlinux.h"
echo "vmlinux/$arch/vmlinux.h: $(wc -l <"$here/$arch/vmlinux.h") lines from $btf"
