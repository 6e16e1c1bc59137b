#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# Runs test suites that print TAP (a line "ok …", "not ok …" or "… # SKIP reason" a test) and adds them up.
# usage: run.sh SUITE... [--beside SUITE...] [--alone SUITE...] [--together SUITE...]
# (executables; their output is kept in build/tests/). The first ones run one after the other, and nothing else does: they measure time.
# Then those after --alone, one at a time, and with them two at a time of those after --together, which put no probes on what others
# use, and are less in a hurry. Those after --beside run all that while, with a low priority.
# UNDER, a command line, is put in front of each suite: valgrind's.
set -uo pipefail

logs=build/tests
tables=$(dirname "$(readlink -f "$0")")/lib/tables.awk
reports=${MEMGAP_BUILD:-build}/reports # of sanitizers and valgrind, see tests/lib/sanitizers.c
export CMOCKA_MESSAGE_OUTPUT=TAP
seconds_per_suite=${SECONDS_PER_SUITE:-1200}
mkdir -p "$logs"
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
rm -rf "$reports"
mkdir -p "$reports"
chmod 1777 "$reports" # some that write there have given up being root

# Prints all that is to be said of a suite at once, and leaves its counts in a file of its own.
run_suite() { # path
	local suite=$1 name log times status skip good bad report wall user system TIMEFORMAT='%0R %0U %0S'
	name=$(basename "$suite")
	log=$logs/$name.log
	times=$results/$name.times
	# shellcheck disable=SC2086 # a command line
	{ time timeout --kill-after=10 "$seconds_per_suite" ${UNDER:-} "$suite" >"$log" 2>&1 </dev/null; } 2>"$times"
	status=$?
	# the shell itself has said there before of which signal it died
	read -r wall user system < <(tail -n 1 "$times")
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
		printf '%-28s %3d passed, %d failed, %d skipped (%d s, %d of a core)\n' "$name" "$good" "$bad" "$skip" "$wall" "$((user + system))"
		if [ "$bad" -gt 0 ]; then
			echo "--- $log (exit status $status):"
			tail -n 60 "$log"
			echo "---"
		fi
		grep -E '# SKIP' "$log" | sed 's/^/    /'
	} >"$times.said"
	cat "$times.said"
	echo "$good $bad $skip" >"$results/$name.counts"
}

first=() beside=() alone=() together=()
mode=first
for suite in "$@"; do
	case $suite in
	--alone | --together | --beside) mode=${suite#--} ;;
	*) declare -n list=$mode && list+=("$suite") ;;
	esac
done

# What runs in the background has its niceness from its shell.
at_niceness() { # niceness, function and its arguments
	renice -n "$1" "$BASHPID" >/dev/null && "${@:2}"
}

# The next of those that run together, whoever asks.
exec {queue}< <(printf '%s\n' "${together[@]}")
next_together() {
	{
		flock 9
		read -r suite <&"$queue"
	} 9>"$results/lock"
}

run_together() {
	while next_together && [ "$suite" ]; do
		run_suite "$suite"
	done
}

for suite in "${first[@]}"; do
	run_suite "$suite"
done
for suite in "${beside[@]}"; do
	at_niceness 10 run_suite "$suite" &
done
at_niceness 5 run_together &
at_niceness 5 run_together &
for suite in "${alone[@]}"; do
	run_suite "$suite"
done
wait

all=("${first[@]}" "${beside[@]}" "${alone[@]}" "${together[@]}")
# What was tried, as suites have it in rows of the same form (tests/lib/tried.py).
printf "$logs/%s.log\0" "${all[@]##*/}" | xargs -0 sed -E 's/^# (\|([^|]*\|){5})$/\1/; t; s/.*//' 2>/dev/null | awk -f "$tables"
tables_status=$?

passed=0 failed=0 skipped=0
for suite in "${all[@]}"; do
	counts=$results/$(basename "$suite").counts
	good=0 bad=1 skip=0
	if [ -s "$counts" ]; then
		read -r good bad skip <"$counts"
	else
		echo "$suite did not run"
	fi
	passed=$((passed + good)) failed=$((failed + bad)) skipped=$((skipped + skip))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$tables_status" -eq 0 ]
