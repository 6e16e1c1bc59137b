# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: GPL-2.0-only
# Sourced by machine.sh: what the architectures differ in. choose_ARCH sets `kernel` and `root`, `qemu` (the emulator, with its
# options for the machine), `console` (what the kernel writes to) and `busybox` (for the initramfs).

# needs PROGRAM...: fails when one is missing
needs() {
	local program
	for program in "$@"; do
		command -v "$program" >/dev/null || fail "$UNAVAILABLE" "$program is missing: make deps"
	done
}

# QEMU before 8 gets cmpxchg16b wrong; without that instruction kernels from 7.0 on load probes that never hit. So on Debian 12
# its backports' QEMU is taken: it runs with the same libraries.
choose_x86_64_emulator() {
	local backports=$repository/build/packages/bookworm-backports major
	qemu=(qemu-system-x86_64 -cpu max)
	major=$(qemu-system-x86_64 --version | grep -oE 'version [0-9]+' | cut -d ' ' -f 2)
	[ "$major" -lt 8 ] || return 0
	if "$here/../packages.sh" bookworm-backports qemu-system-x86 qemu-system-common qemu-system-data 2>/dev/null &&
		"$backports/qemu-system-x86/usr/bin/qemu-system-x86_64" --version >/dev/null 2>&1; then
		qemu=("$backports/qemu-system-x86/usr/bin/qemu-system-x86_64" -L "$backports/qemu-system-data/usr/share/qemu"
			-L /usr/share/seabios -cpu max)
		return
	fi
	[[ $kernel != */vmlinuz-[7-9].* && $kernel != */modules/[7-9].* ]] ||
		fail "$UNAVAILABLE" "QEMU $major cannot run this kernel: it needs 8 or later"
	qemu=(qemu-system-x86_64 -cpu "max,-cx16")
}

choose_x86_64() {
	console=ttyS0
	[ "$(uname -m)" = x86_64 ] || fail "$UNAVAILABLE" "what is built here is not for x86-64"
	needs qemu-system-x86_64 busybox
	busybox=$(command -v busybox)
	kernel=$("$here/kernel.sh" "$suite")
	root=$("$here/root-image.sh")
	choose_x86_64_emulator
	# several threads of emulation race with the kernel's patching of its own code
	qemu+=(-machine pc -accel "tcg,thread=single" -serial "file:$work/console" -serial "file:$work/stdout"
		-serial "file:$work/stderr" -serial "file:$work/status")
}

# Addresses are signed in a way of QEMU's own, without which the kernel spends its time in that. The console is the machine's
# only serial port; the others, of which the first is free, come on a card.
choose_aarch64() {
	console=ttyAMA0
	needs qemu-system-aarch64
	kernel=$("$here/kernel.sh" "$suite" arm64)
	root=$("$here/root-image.sh" aarch64)
	"$here/../packages.sh" --arch arm64 bookworm busybox-static
	busybox=$repository/build/aarch64/packages/bookworm/busybox-static/bin/busybox
	qemu=(qemu-system-aarch64 -machine "virt,gic-version=3" -cpu "max,pauth-impdef=on" -accel tcg -serial "file:$work/console"
		-chardev "null,id=serial1" -chardev "file,id=serial2,path=$work/stdout" -chardev "file,id=serial3,path=$work/stderr"
		-chardev "file,id=serial4,path=$work/status"
		-device "pci-serial-4x,chardev1=serial1,chardev2=serial2,chardev3=serial3,chardev4=serial4")
}
