// SPDX-License-Identifier: GPL-2.0-only
/* A recording that is not packed, on stdin, becomes a page on stdout. usage: report [FILE] [CUT] (its name, and whether it is cut) */
#include <stdlib.h>

#include "user/output/report.h"

int main(int argc, char **argv)
{
	struct report_facts facts = { .file = argc > 1 ? argv[1] : NULL, .cut = argc > 2 };
	struct report *report = report_begin();
	char *line = NULL;
	size_t room = 0;
	ssize_t length;

	if (!report)
		return 1;
	while ((length = getline(&line, &room, stdin)) >= 0)
		if (report_line(report, line, (size_t)length))
			return 1;
	free(line);
	return report_finish(report, &facts, stdout) ? 1 : 0;
}
