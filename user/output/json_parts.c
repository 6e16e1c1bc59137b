// SPDX-License-Identifier: GPL-2.0-only
#include "user/output/json_parts.h"

#include <stdio.h>

void json_write_time(struct json_writer *writer, const char *key, const struct timespec *time)
{
	char text[96];
	struct tm utc;

	/* strftime() would look at the time zone's file each time, and call malloc() */
	gmtime_r(&time->tv_sec, &utc);
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
		 utc.tm_hour, utc.tm_min, utc.tm_sec, time->tv_nsec / 1000000);
	writer_text(writer, key, text);
}

void json_write_target(struct json_writer *writer, const struct target_name *target)
{
	bool process = target->kind == TARGET_PROCESS;

	writer_open_object(writer, "target");
	writer_text(writer, "kind", process ? "process" : "cgroup");
	if (process)
		writer_number(writer, "pid", target->pid);
	else
		writer_null(writer, "pid");
	writer_text_or_null(writer, "comm", target->comm);
	writer_text_or_null(writer, "cgroup", target->cgroup);
	writer_text_or_null(writer, "container", target->container);
	writer_text_or_null(writer, "pod", target->pod);
	writer_text_or_null(writer, "namespace", target->pod_namespace);
	writer_number(writer, "processes", target->processes);
	writer_close_object(writer);
}
