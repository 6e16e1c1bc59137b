#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs test suites that print TAP (a line "ok …", "not ok …" or "… # SKIP reason" a test) and adds them up.
# usage: run.sh SUITE... [--beside SUITE...] [--alone SUITE...] [--together SUITE...]
# (executables; their output is kept in build/tests/). Those after --together run two at a time: they measure no time, and put probes
# on nothing that others use. Those after --beside run from then on, but only while the cores have nothing else to do (sched(7)).
# UNDER, a command line, is put in front of each suite: valgrind's.
set -uo pipefail

logs=build/tests
reports=${MEMGAP_BUILD:-build}/reports # of sanitizers and valgrind, see tests/lib/sanitizers.c
export CMOCKA_MESSAGE_OUTPUT=TAP
seconds_per_suite=${SECONDS_PER_SUITE:-900}
mkdir -p "$logs"
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
rm -rf "$reports"
mkdir -p "$reports"
chmod 1777 "$reports" # some that write there have given up being root

# Prints all that is to be said of a suite at once, and leaves its counts in a file.
run_suite() { # path, file for the counts
	local suite=$1 name log started status skip good bad report
	name=$(basename "$suite")
	log=$logs/${name%.*}.log
	started=$SECONDS
	# shellcheck disable=SC2086 # a command line
	timeout --kill-after=10 "$seconds_per_suite" ${UNDER:-} "$suite" >"$log" 2>&1 </dev/null
	status=$?
	skip=$(grep -cE '^(not )?ok\b.*# SKIP' "$log")
	good=$(grep -E '^ok\b' "$log" | grep -cv '# SKIP')
	bad=$(grep -E '^not ok\b' "$log" | grep -cv '# SKIP')
	# a suite that died has failed, whatever it printed before
	[ "$status" -ne 0 ] && [ "$bad" -eq 0 ] && bad=1
	[ "$((good + bad + skip))" -eq 0 ] && bad=1
	for report in "$reports"/*; do
		[ -s "$report" ] || continue
		# one of two suites that run together has it
		mv "$report" "$log.$(basename "$report")" 2>/dev/null || continue
		bad=$((bad + 1))
		cat "$log.$(basename "$report")" >>"$log"
	done
	{
		printf '%-28s %3d passed, %d failed, %d skipped (%d s)\n' "$name" "$good" "$bad" "$skip" "$((SECONDS - started))"
		if [ "$bad" -gt 0 ]; then
			echo "--- $log (exit status $status):"
			tail -n 60 "$log"
			echo "---"
		fi
		grep -E '# SKIP' "$log" | sed 's/^/    /'
	} >"$2.said"
	cat "$2.said"
	echo "$good $bad $skip" >"$2"
}

# Of those that run in the background, how many were not started by --beside.
running() {
	jobs -rp | grep -cvxFf "$results/beside" || true
}

n=0
told=()
mode=alone
: >"$results/beside"
for suite in "$@"; do
	case $suite in
	--alone | --together | --beside)
		mode=${suite#--}
		continue
		;;
	esac
	n=$((n + 1))
	log=${suite##*/}
	told+=("$logs/${log%.*}.log")
	case $mode in
	alone)
		run_suite "$suite" "$results/$n"
		;;
	together)
		while [ "$(running)" -ge 2 ]; do
			wait -n
		done
		run_suite "$suite" "$results/$n" &
		;;
	beside)
		(chrt --idle --pid 0 "$BASHPID" && run_suite "$suite" "$results/$n") &
		echo $! >>"$results/beside"
		;;
	esac
done
wait

# What was tried, as suites have it in rows of the same form (tests/lib/tried.py).
rows=$(grep -h '^# | ' "${told[@]}" 2>/dev/null | grep -E '^# \|([^|]*\|){5}$' | awk '!seen[$0]++ { print substr($0, 3) }')
[ -z "$rows" ] || echo "$rows"

passed=0 failed=0 skipped=0
for ((i = 1; i <= n; i++)); do
	read -r good bad skip <"$results/$i"
	passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skip))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
