// SPDX-License-Identifier: GPL-2.0-only
#include "user/kernel/smaps_rollup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/kernel/keyed.h"
#include "user/kernel/threads.h"

/* Some 25 lines of 30 bytes, and room for as many to come. */
#define SMAPS_ROLLUP_MAX 2048

#define FIELD(member, key) KEYED_FIELD(struct smaps_rollup, member, key)

int smaps_rollup_parse(const char *text, struct smaps_rollup *ret)
{
	static const struct keyed_field fields[] = {
		FIELD(rss, "Rss:"),
		FIELD(pss, "Pss:"),
		FIELD(pss_anon, "Pss_Anon:"),
		FIELD(pss_file, "Pss_File:"),
		FIELD(pss_shmem, "Pss_Shmem:"),
		FIELD(anonymous, "Anonymous:"),
		FIELD(lazyfree, "LazyFree:"),
		FIELD(swap, "Swap:"),
		FIELD(swap_pss, "SwapPss:"),
		FIELD(locked, "Locked:"),
	};
	struct smaps_rollup rollup;

	keyed_parse(text, fields, sizeof(fields) / sizeof(fields[0]), " kB", 1024, &rollup);
	if (!is_known(rollup.rss))
		return -ESRCH;
	*ret = rollup;
	return 0;
}

static int read_rollup(int dir_fd, const char *path, void *ret)
{
	char text[SMAPS_ROLLUP_MAX];
	ssize_t n = read_file_at(dir_fd, path, text, sizeof(text));

	return n < 0 ? (int)n : smaps_rollup_parse(text, ret);
}

int smaps_rollup_read(int proc_fd, pid_t pid, struct smaps_rollup *ret)
{
	char path[32];
	int result;

	snprintf(path, sizeof(path), "%d/smaps_rollup", pid);
	result = read_rollup(proc_fd, path, ret);
	if (result == -ENOENT) {
		snprintf(path, sizeof(path), "%d", pid);
		return faccessat(proc_fd, path, F_OK, 0) ? -ESRCH : -EOPNOTSUPP;
	}
	return result == -ESRCH ? other_threads_read(proc_fd, pid, "smaps_rollup", read_rollup, ret) : result;
}
