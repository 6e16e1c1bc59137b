// SPDX-License-Identifier: GPL-2.0-only
#include "user/kernel/cgroup.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/kernel/cgroup_stat.h"
#include "user/kernel/pressure.h"

/* PAGE_COUNTER_MAX pages of 4 KiB, less what rounding to larger pages may take: no machine has as much. */
#define V1_NO_LIMIT (INT64_MAX - (1 << 20))

/* The longest text is memory.stat's, some 70 lines; the kernel has 4 KiB for it (SEQ_BUF_SIZE in mm/memcontrol.c). */
#define TEXT_MAX 8192

/* Levels whose limit is looked at: of a cgroup that is deeper it is not known. Those in use are less than 10 deep. */
#define DEPTH_MAX 32

int64_t cgroup_parse_bytes(const char *text)
{
	char *end;
	long long bytes;

	if (!isdigit((unsigned char)*text))
		return UNKNOWN;
	errno = 0;
	bytes = strtoll(text, &end, 10);
	return errno || (*end && *end != '\n') ? UNKNOWN : bytes;
}

int64_t cgroup_parse_limit(const char *text)
{
	return cgroup_limit(cgroup_parse_bytes(text));
}

int64_t cgroup_limit(int64_t bytes)
{
	return bytes >= V1_NO_LIMIT ? UNKNOWN : bytes;
}

bool cgroup_has_memory(int dir_fd, int version)
{
	/* the root has neither file, any other v2 cgroup has cgroup.type */
	return version == 1 || !faccessat(dir_fd, "memory.current", F_OK, 0) || faccessat(dir_fd, "cgroup.type", F_OK, 0);
}

bool cgroup_root_has_memory(int root_fd, int version)
{
	char text[512], *rest = text, *controller;

	if (version == 1)
		return true;
	if (read_file_at(root_fd, "cgroup.controllers", text, sizeof(text)) < 0)
		return false;
	while ((controller = strsep(&rest, " \n")))
		if (!strcmp(controller, "memory"))
			return true;
	return false;
}

void cgroup_memory_init(struct cgroup_memory *memory)
{
	*memory = (struct cgroup_memory){ UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN,
					  UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, NAN, NULL };
}

bool cgroup_exists(int dir_fd)
{
	/* every cgroup has it, and loses it when it is removed, whoever still has the directory open */
	return !faccessat(dir_fd, "cgroup.procs", F_OK, 0) || (errno != ENOENT && errno != ENODEV);
}

/* One cgroup, being read: the text of one file after the other. */
struct reading {
	int dir_fd;
	bool missed;            /* a file was not there: the cgroup may be gone */
	const char *unreadable; /* as in struct cgroup_memory */
	char text[TEXT_MAX];
};

/* 0 when the file's text is there now, else -errno. The path may be a parent's file, its name is always static. */
static int read_text(struct reading *reading, const char *path, const char *name)
{
	ssize_t n = read_file_at(reading->dir_fd, path, reading->text, sizeof(reading->text));

	if (n == -ENOENT || n == -ENODEV)
		reading->missed = true;
	else if (n < 0 && n != -EOPNOTSUPP && !reading->unreadable) /* EOPNOTSUPP: the kernel has the file, not the figure */
		reading->unreadable = name;
	return n < 0 ? (int)n : 0;
}

static int64_t read_bytes(struct reading *reading, const char *name)
{
	return read_text(reading, name, name) ? UNKNOWN : cgroup_parse_bytes(reading->text);
}

static int64_t read_limit(struct reading *reading, const char *name)
{
	return read_text(reading, name, name) ? UNKNOWN : cgroup_parse_limit(reading->text);
}

/*
 * The lowest memory.max of the cgroup and its parents. Where the controller is on it is on in every parent, up to the root,
 * which has no such file: so the first directory without one ends the way, be it the root or outside of the mount.
 */
static int64_t read_lowest_max(struct reading *reading)
{
	char path[3 * DEPTH_MAX + sizeof("memory.max")] = "memory.max";
	int64_t lowest = UNKNOWN;

	for (int depth = 0; depth < DEPTH_MAX; depth++) {
		int result = read_text(reading, path, "memory.max");
		int64_t limit = result ? UNKNOWN : cgroup_parse_limit(reading->text);

		if (result)
			return result == -ENOENT ? lowest : UNKNOWN;
		if (!is_known(limit) && strcmp(reading->text, "max\n") && strcmp(reading->text, "max"))
			return UNKNOWN;
		if (is_known(limit) && (!is_known(lowest) || limit < lowest))
			lowest = limit;
		memmove(path + 3, path, strlen(path) + 1);
		memcpy(path, "../", 3);
	}
	return UNKNOWN;
}

static const char *current_of(int version)
{
	return version == 2 ? "memory.current" : "memory.usage_in_bytes";
}

static void read_v2(struct reading *reading, struct cgroup_memory *memory)
{
	memory->current = read_bytes(reading, current_of(2));
	if (!read_text(reading, "memory.stat", "memory.stat"))
		cgroup_parse_stat_v2(reading->text, memory);
	memory->limit = read_lowest_max(reading);
	memory->high = read_limit(reading, "memory.high");
	memory->swap = read_bytes(reading, "memory.swap.current");
	if (!read_text(reading, "memory.events", "memory.events"))
		cgroup_parse_events(reading->text, memory);
	if (!read_text(reading, "memory.pressure", "memory.pressure"))
		pressure_parse(reading->text, &memory->psi_some_avg10);
}

static void read_v1(struct reading *reading, struct cgroup_memory *memory)
{
	memory->current = read_bytes(reading, current_of(1));
	if (!read_text(reading, "memory.stat", "memory.stat"))
		cgroup_parse_stat_v1(reading->text, memory);
	memory->kernel = read_bytes(reading, "memory.kmem.usage_in_bytes");
	if (!read_text(reading, "memory.oom_control", "memory.oom_control"))
		cgroup_parse_events(reading->text, memory);
}

int cgroup_memory_read(int dir_fd, int version, struct cgroup_memory *ret)
{
	struct reading reading;

	reading.dir_fd = dir_fd;
	reading.missed = false;
	reading.unreadable = NULL; /* the text is not cleared: 200 cgroups a second */
	cgroup_memory_init(ret);
	if (version == 2)
		read_v2(&reading, ret);
	else
		read_v1(&reading, ret);
	if (reading.missed && !cgroup_exists(dir_fd)) {
		cgroup_memory_init(ret);
		return -ENODEV;
	}
	ret->working_set = known_sub(ret->current, ret->inactive_file);
	if (is_known(ret->working_set) && ret->working_set < 0)
		ret->working_set = 0;
	ret->unreadable = reading.unreadable;
	return 0;
}

int64_t cgroup_current_read(int dir_fd, int version)
{
	char text[32];

	return read_file_at(dir_fd, current_of(version), text, sizeof(text)) < 0 ? UNKNOWN : cgroup_parse_bytes(text);
}
