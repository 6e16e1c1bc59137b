// SPDX-License-Identifier: GPL-2.0-only
#include "user/kernel/pressure.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/kernel/keyed.h"

/* Two lines of at most 4 figures, the longest of 20 digits. */
#define PRESSURE_MAX 256

/* "12.34 ": whole percent and hundredths, whatever the locale's decimal point is. */
static int parse_percent(const char *text, double *ret)
{
	const char *end;
	int64_t whole = digits_parse(text, 100, &end), hundredths;

	if (!is_known(whole) || *end != '.')
		return -EINVAL;
	text = end + 1;
	hundredths = digits_parse(text, 99, &end);
	if (!is_known(hundredths) || end != text + 2 || *end != ' ' || (whole == 100 && hundredths))
		return -EINVAL;
	*ret = (double)(100 * whole + hundredths) / 100;
	return 0;
}

int pressure_parse(const char *text, double *ret)
{
	static const char key[] = "some avg10=";

	for (const char *line = text; *line; line += *line == '\n') {
		const char *end = strchrnul(line, '\n');

		if (*end && !strncmp(line, key, sizeof(key) - 1))
			return parse_percent(line + sizeof(key) - 1, ret);
		line = end;
	}
	return -EINVAL;
}

int cgroup_pressure_read(int dir_fd, double *ret)
{
	char text[PRESSURE_MAX];
	ssize_t n = read_file_at(dir_fd, "memory.pressure", text, sizeof(text));

	return n < 0 ? (int)n : pressure_parse(text, ret);
}
