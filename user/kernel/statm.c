// SPDX-License-Identifier: GPL-2.0-only
#include "user/kernel/statm.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/kernel/keyed.h"
#include "user/kernel/threads.h"

/* Seven figures of at most 20 digits. */
#define STATM_MAX 160

enum { SIZE, RESIDENT, SHARED, TEXT, LIB, DATA, DIRTY, N_FIGURES };

int statm_parse(const char *text, int64_t page_size, struct statm *ret)
{
	int64_t bytes[N_FIGURES];

	for (int i = 0; i < N_FIGURES; i++) {
		const char *end;
		int64_t pages = digits_parse(text, INT64_MAX / page_size, &end);

		if (!is_known(pages) || *end != (i + 1 < N_FIGURES ? ' ' : '\n'))
			return -EINVAL;
		bytes[i] = pages * page_size;
		text = end + 1;
	}
	if (!bytes[SIZE])
		return -ESRCH;
	*ret = (struct statm){ bytes[SIZE], bytes[RESIDENT], bytes[SHARED], bytes[TEXT], bytes[DATA] };
	return 0;
}

static int read_statm(int dir_fd, const char *path, void *ret)
{
	char text[STATM_MAX];
	ssize_t n = read_file_at(dir_fd, path, text, sizeof(text));

	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	return statm_parse(text, sysconf(_SC_PAGESIZE), ret);
}

int statm_read(int proc_fd, pid_t pid, struct statm *ret)
{
	char path[32];
	int result;

	snprintf(path, sizeof(path), "%d/statm", pid);
	result = read_statm(proc_fd, path, ret);
	return result == -ESRCH ? other_threads_read(proc_fd, pid, "statm", read_statm, ret) : result;
}
