#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
# run.sh itself: every suite counts once, however it ends. TAP on stdout.
set -uo pipefail

run=$(dirname "$(readlink -f "$0")")/run.sh
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
cd "$directory" || exit 1
unset MEMGAP_BUILD UNDER
n=0
status=0

suite() { # name, its script
	printf '#!/bin/sh\n%s\n' "$2" >"$1"
	chmod +x "$1"
}

told() { # description, line expected, arguments of run.sh
	n=$((n + 1))
	if "$run" "${@:3}" 2>&1 | grep -cxF "$2" | grep -qx 1; then echo "ok $n - $1"; else echo "not ok $n - $1" && status=1; fi
}

check() { # description, last line expected, exit status expected, arguments of run.sh
	local said ended
	said=$("$run" "${@:4}" 2>&1)
	ended=$?
	n=$((n + 1))
	if [ "${said##*$'\n'}" = "$2" ] && [ "$ended" -eq "$3" ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		printf 'exit status %s\n%s\n' "$ended" "$said" | sed 's/^/# /'
		status=1
	fi
}

suite passes 'echo ok 1 - one; echo "ok 2 - two # SKIP no"'
for i in 2 3 4; do ln -s passes "passes$i"; done
suite fails 'echo not ok 1 - one; exit 1'
suite dies 'echo ok 1 - one; kill -SEGV $$'
ln -s dies dies2
suite says_nothing ''
check "what passed and what was skipped is counted" "1 passed, 0 failed, 1 skipped" 0 ./passes
check "in each way of running a suite" "4 passed, 0 failed, 4 skipped" 0 ./passes --beside ./passes2 --alone ./passes3 --together ./passes4
check "a suite that fails, one that a signal ends, one that says nothing" "2 passed, 3 failed, 1 skipped" 1 ./dies ./passes ./fails ./says_nothing
check "so it is where suites run together: those after it run as well" "3 passed, 3 failed, 1 skipped" 1 --alone ./dies --together ./dies2 ./fails ./passes
check "a suite that is not there has failed" "1 passed, 1 failed, 1 skipped" 1 ./passes --together ./none
for i in 1 2; do
	suite "tries$i" "echo ok 1 - one; echo '# | fault | times | a | b | c |'; echo '# |---|---|---|---|---|'; echo '# | fault $i | $i | 0 | 0 | 0 |'"
done
told "rows of two suites under the same head are in one table" "| fault | times | a | b | c |" ./tries1 ./tries2
for i in 1 2; do
	told "and each of them is in it" "| fault $i | $i | 0 | 0 | 0 |" ./tries1 ./tries2
done
echo "1..$n"
exit "$status"
