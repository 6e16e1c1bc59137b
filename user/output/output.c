// SPDX-License-Identifier: GPL-2.0-only
#include "user/output/output.h"

#include <string.h>

const struct output_format *output_format_by_name(const char *name)
{
	static const struct output_format *const formats[] = { &output_line, &output_json };

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(formats[i]->name, name))
			return formats[i];
	return NULL;
}

const char *format_target(char *buffer, size_t size, const struct target_name *target)
{
	if (target->kind == TARGET_PROCESS)
		snprintf(buffer, size, "%s[%d]", target->comm, target->pid);
	else
		snprintf(buffer, size, "%s", target->cgroup);
	return buffer;
}
