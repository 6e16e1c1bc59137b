/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A command that memgap runs for a trim, with the figures in its environment. No shell: the text is split at blanks (space,
 * tab), and there is no quoting; who needs more gives the path of a script. Nothing here waits: its end shows in a pidfd.
 */
#ifndef MEMGAP_TRIM_EXEC_H
#define MEMGAP_TRIM_EXEC_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/target/launch.h"

/* A trim by command is to be seen within a few intervals; then it is killed, so that no two of one target pile up. */
#define EXEC_LONGEST_NS (10 * 1000000000ULL)

/* Variables of its environment. A figure that is not known is not set at all. */
#define EXEC_PIDS "MEMGAP_PIDS"           /* "123 456" */
#define EXEC_CGROUP "MEMGAP_CGROUP"       /* "/docker/ab…" */
#define EXEC_CONTAINER "MEMGAP_CONTAINER"
#define EXEC_METRIC "MEMGAP_METRIC"       /* "alloc", as in --trim-at */
#define EXEC_VALUE "MEMGAP_VALUE"         /* bytes, as all that follow but the last */
#define EXEC_THRESHOLD "MEMGAP_THRESHOLD"
#define EXEC_ALLOC "MEMGAP_ALLOC"
#define EXEC_RSS "MEMGAP_RSS"
#define EXEC_GAP "MEMGAP_GAP"
#define EXEC_TRIMMABLE "MEMGAP_TRIMMABLE"
#define EXEC_VERDICT "MEMGAP_VERDICT"

struct exec_figure {
	const char *name;  /* one of the above */
	const char *value; /* NULL: not known */
};

struct exec {
	pid_t pid; /* and the id of its process group */
	int pidfd; /* readable once it has ended; -1: none is running */
	int error_fd;
	bool killed;
	char path[PATH_MAX]; /* the file that is executed */
};

/*
 * Splits the text. -EINVAL when there is no word in it, -ENOENT when its first is not found as execvp() would find it, or is
 * no file that may be executed. *ret_argv is the caller's, for exec_free().
 */
int exec_parse(const char *text, char ***ret_argv);
void exec_free(char **argv);

/*
 * Starts it in a process group of its own, with memgap's environment (but for what begins with MEMGAP_) and the figures, the
 * signals as memgap got them, stdin from /dev/null, stdout and stderr to memgap's stderr, and no other descriptor. 0, or
 * -errno: -ENOENT when the program is gone; then nothing was started. When it cannot be executed, exec_end() tells.
 *
 * If memgap dies, the command gets a SIGTERM (PR_SET_PDEATHSIG): nobody is there any more to bound its time, but it may tidy
 * up. That also happens when the calling thread ends: it is to be memgap's first.
 */
int exec_start(char *const argv[], const struct inherited *inherited, const struct exec_figure *figures, size_t n,
	       struct exec *ret);

/*
 * To be called when the pidfd is readable, or with timed_out when EXEC_LONGEST_NS are over. 0 when it ended with status 0,
 * else -errno and the reason in why: what execve() said; -EIO "… exited with status 3", "… was killed by SIGSEGV"; -ETIMEDOUT
 * "… did not end within 10 s: killed"; -ECHILD when its end cannot be known (memgap was started with SIGCHLD ignored).
 *
 * -EINPROGRESS: it has not ended. With timed_out its process group has been killed now (SIGKILL: it has had its time): call
 * again when the pidfd is readable. In all other cases the pidfd is closed: its watcher is to be removed before the call.
 * What the command left behind in the background, having ended in time, goes on.
 */
int exec_end(struct exec *exec, bool timed_out, char *why, size_t size);

/*
 * For who does not care how it ends, as memgap at its own end: kills its process group if it has not ended. It is not waited
 * for. Does nothing when none is running.
 */
void exec_abandon(struct exec *exec);

#endif
