# SPDX-License-Identifier: GPL-2.0-only
# Puts the tables in its input together: rows under the same head make one table, each of them once.
# A head is the line before one of dashes, and rows are lines between bars; other lines do not matter.

function keep(row) {
	if (row != "" && !seen[head, row]++)
		rows[head] = rows[head] row "\n"
}

!/^\|.*\|$/ {
	keep(last)
	last = head = ""
	next
}

/^[|-]+$/ {
	head = last
	last = ""
	if (!(head in dashes)) {
		dashes[head] = $0
		heads[++tables] = head
	}
	next
}

{
	keep(last)
	last = $0
}

END {
	keep(last)
	for (i = 1; i <= tables; i++)
		printf "%s%s\n%s\n%s", (i > 1 ? "\n" : ""), heads[i], dashes[heads[i]], rows[heads[i]]
}
