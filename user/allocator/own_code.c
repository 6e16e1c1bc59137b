// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/own_code.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/fs.h"

int own_code_offset(const void *function, uint64_t *ret_offset)
{
	uintptr_t address = (uintptr_t)function;
	unsigned long long start, end, offset;
	char *text;
	int result = read_whole_file_at(-1, "/proc/self/maps", 1 << 20, &text);

	if (result)
		return result;
	result = -ENOENT;
	for (const char *line = text; *line && result; line += strcspn(line, "\n"), line += *line == '\n') {
		if (sscanf(line, "%llx-%llx %*s %llx", &start, &end, &offset) != 3 || address < start || address >= end)
			continue;
		*ret_offset = address - start + offset;
		result = 0;
	}
	free(text);
	return result;
}
