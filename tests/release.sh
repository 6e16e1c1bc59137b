#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Everything there is, before a release. A part that fails does not keep the next from running: two hours would be lost.
# In the end one table says what was tried, another how each part ended; the output of each is kept in build/release/.
# usage: release.sh [PART...]
set -uo pipefail
cd "$(dirname "$0")/.." || exit

logs=build/release
mkdir -p "$logs"

run_part() { # name
	case $1 in
	static) make --no-print-directory check-static ;;
	valgrind) make --no-print-directory check-valgrind ;;
	check) make --no-print-directory check ;;
	sanitized) make --no-print-directory check SANITIZE=address,undefined ;;
	races) make --no-print-directory programs && RUNS=1000 tests/run.sh build/tests/integration/test_attach_race ;;
	faults) FAULTS=5 make --no-print-directory check-faults ;;
	kernels) make --no-print-directory check-vm KERNEL=all ;;
	arm64) make --no-print-directory check-arm64 ;;
	soak) make --no-print-directory soak HOURS=0.5 ;;
	coverage) make --no-print-directory coverage ;;
	esac
}

all=(static valgrind check sanitized races faults kernels arm64 soak coverage)
parts=("${@:-${all[@]}}")
for part in "${parts[@]}"; do
	[[ " ${all[*]} " = *" $part "* ]] || { echo "release.sh: no part '$part', but: ${all[*]}" >&2; exit 2; }
done
tests/deps.sh all
tests/prepare.sh || exit

failed=0
rows=()
for part in "${parts[@]}"; do
	began=$SECONDS
	echo "=== $part"
	if run_part "$part" 2>&1 | tee "$logs/$part.log"; then result=passed; else result=FAILED failed=1; fi
	# what the analyzers find is not counted: they have nothing to say, or fail
	counts=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$logs/$part.log" | tail -n 1)
	rows+=("| $part | $result | ${counts:--} | $(((SECONDS - began + 30) / 60)) min |")
done

printf "$logs/%s.log\0" "${parts[@]}" | xargs -0 sed -E 's/^# //' | awk -f tests/lib/tables.awk
echo
echo "| part | result | tests | took |"
echo "|---|---|---|---|"
printf '%s\n' "${rows[@]}"
exit "$failed"
