#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# The house: imports run downwards only, and some things are done in some folders only. TAP on stdout.
set -uo pipefail

# from the top down; a folder may include itself and what stands after it
order=(main cmd http screen output page store trim gap governor allocator heap glibc musl mimalloc go memory kernel target base)
status=0
n=0

report() { # description, offending lines
	n=$((n + 1))
	if [ -z "$2" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf '%s\n' "$2" | sed 's/^/# /'
		status=1
	fi
}

level_of() {
	for i in "${!order[@]}"; do [ "${order[$i]}" = "$1" ] && echo "$i"; done
}

upwards=
while IFS=: read -r file include; do
	from=$(echo "$file" | cut -d/ -f2)
	to=$(echo "$include" | sed -n 's|.*"user/\([a-z]*\)/.*|\1|p')
	[ "$from" = main.c ] && from=main
	[ -n "$to" ] || continue
	[ "$(level_of "$from")" -le "$(level_of "$to")" ] || upwards+="$file: $include"$'\n'
done < <(grep -rHE '^#include "user/' user --include='*.[ch]')
report "imports run downwards only" "$upwards"

report "only allocator/ touches libbpf" \
	"$(grep -rlE '^#include [<"](bpf/(libbpf|bpf)\.h|memgap(_[a-z]+)?\.skel\.h)' user --include='*.[ch]' | grep -v '^user/allocator/')"
report "only target/, kernel/, allocator/, the readers of heaps and memory/ read below /proc" \
	"$(grep -rnE '"/proc/|"%d/|"self/' user --include='*.c' | grep -vE '^user/(target|kernel|allocator|heap|glibc|musl|mimalloc|go|memory)/')"
report "gap/, trim/decide, trim/measure and output/ have no clock and open nothing" \
	"$(grep -nE '\b(clock_gettime|time|open|openat|fopen|read)\(' user/gap/*.c user/trim/decide.c user/trim/measure.c user/output/*.c)"
report "BPF shares two headers with user/, one for each object" \
	"$(grep -rnE '^#include "bpf/' user --include='*.[ch]' | grep -vE '"bpf/(memgap|gate)\.h"')"
report "every source file carries an SPDX line" \
	"$(git ls-files '*.c' '*.h' '*.sh' '*.py' '*.js' '*.css' '*.html' Makefile Dockerfile | grep -v '^vmlinux/.*vmlinux.h' | xargs grep -L 'SPDX-License-Identifier')"
echo "1..$n"
exit "$status"
