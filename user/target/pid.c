// SPDX-License-Identifier: GPL-2.0-only
#include "user/target/pid.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/base/fs.h"

/* include/linux/sched.h */
#define PF_EXITING 0x00000004U
#define PF_KTHREAD 0x00200000U

int pid_stat_parse(const char *text, struct pid_stat *ret)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	struct pid_stat stat = { 0 };
	size_t length;

	if (!open || !close || close < open)
		return -EINVAL;
	length = (size_t)(close - open - 1);
	if (length >= sizeof(stat.comm))
		length = sizeof(stat.comm) - 1;
	memcpy(stat.comm, open + 1, length);
	/* fields 3 (state), 9 (flags), 20 (num_threads), 22 (starttime), and 28 (startstack) */
	if (sscanf(close + 1, " %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %d %*d %" SCNu64
		   " %*u %*d %*u %*u %*u %" SCNu64,
		   &stat.state, &stat.flags, &stat.threads, &stat.start_time, &stat.start_stack) < 4)
		return -EINVAL;
	*ret = stat;
	return 0;
}

/* The first thread of a process may end before the others: it then looks like a zombie, and the process goes on. */
static bool is_zombie(const struct pid_stat *stat)
{
	return (stat->state == 'Z' || stat->state == 'X') && stat->threads <= 1;
}

bool pid_stat_has_memory(const struct pid_stat *stat)
{
	return !(stat->flags & PF_KTHREAD) && !is_zombie(stat);
}

bool pid_stat_shows_memory(const struct pid_stat *stat)
{
	return pid_stat_has_memory(stat) && !(stat->flags & PF_EXITING);
}

int pid_stat_read(int proc_fd, pid_t pid, struct pid_stat *ret)
{
	char path[32], text[1024];
	ssize_t n;

	snprintf(path, sizeof(path), "%d/stat", pid);
	n = read_file_at(proc_fd, path, text, sizeof(text));
	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;
	return pid_stat_parse(text, ret);
}

/* A thread's id opens as /proc/TID too, but it is no process: its Tgid is another. */
static bool is_lone_thread(int proc_fd, pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "%d/task/%d", pid, pid);
	return faccessat(proc_fd, path, F_OK, 0) != 0;
}

int pid_open(int proc_fd, pid_t pid, struct pid_identity *ret, struct error *err)
{
	struct pid_identity id = { .pid = pid };
	struct pid_stat stat;
	int result;

	id.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (id.pidfd < 0 && error_is_out_of_fds(errno, err))
		return -1;
	/* EINVAL; on newer kernels ENOENT */
	if (id.pidfd < 0 && (errno == EINVAL || errno == ENOENT))
		return error_set(err, EXIT_TARGET, "pid %d is a thread, not a process: give the id of its process", pid);
	if (id.pidfd < 0 && errno != ESRCH)
		return error_set(err, EXIT_HOST, "cannot open pid %d: %s (needs Linux 5.3)", pid, strerror(errno));
	/* read after the pidfd was opened: both are the same process, or the second is gone */
	result = id.pidfd < 0 ? -ESRCH : pid_stat_read(proc_fd, pid, &stat);
	if (result) {
		pid_close(&id);
		if (error_is_out_of_fds(-result, err))
			return -1;
		return error_set(err, EXIT_TARGET, "no process with pid %d: see `ps -e`; "
				 "in a container, run it with the host's pid namespace", pid);
	}
	if (stat.flags & PF_KTHREAD)
		error_set(err, EXIT_TARGET, "pid %d (%s) is a kernel thread: it has no memory of its own", pid, stat.comm);
	else if (is_zombie(&stat))
		error_set(err, EXIT_TARGET, "pid %d (%s) is a zombie: it has exited and waits for its parent", pid, stat.comm);
	else if (is_lone_thread(proc_fd, pid))
		error_set(err, EXIT_TARGET, "pid %d is a thread, not a process: give the id of its process", pid);
	else {
		id.start_time = stat.start_time;
		memcpy(id.comm, stat.comm, sizeof(id.comm));
		*ret = id;
		return 0;
	}
	pid_close(&id);
	return -1;
}

void pid_close(struct pid_identity *id)
{
	if (id->pidfd >= 0)
		close(id->pidfd);
	id->pidfd = -1;
}

bool pid_is_alive(int proc_fd, const struct pid_identity *id)
{
	struct pollfd exited = { .fd = id->pidfd, .events = POLLIN };
	struct pid_stat stat;
	int result;

	if (poll(&exited, 1, 0) > 0)
		return false;
	result = pid_stat_read(proc_fd, id->pid, &stat);
	if (fs_is_short(result))
		return true;
	return !result && stat.start_time == id->start_time && !is_zombie(&stat);
}
