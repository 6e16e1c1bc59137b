// SPDX-License-Identifier: GPL-2.0-only
#include "user/kernel/signals.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/kernel/status.h"

static uint64_t bit_of(int signal)
{
	return 1ULL << (signal - 1);
}

int signal_masks_parse(const char *text, struct signal_masks *ret)
{
	const char *blocked = strstr(text, "\nSigBlk:"), *ignored = strstr(text, "\nSigIgn:");
	const char *caught = strstr(text, "\nSigCgt:");

	if (!blocked || !ignored || !caught)
		return -EINVAL;
	if (sscanf(blocked, "\nSigBlk: %" SCNx64, &ret->blocked) != 1 ||
	    sscanf(ignored, "\nSigIgn: %" SCNx64, &ret->ignored) != 1 ||
	    sscanf(caught, "\nSigCgt: %" SCNx64, &ret->caught) != 1)
		return -EINVAL;
	return 0;
}

static int read_masks(int dir_fd, const char *status_path, struct signal_masks *ret)
{
	char *text;
	int result = read_whole_file_at(dir_fd, status_path, STATUS_MAX, &text);

	if (result)
		return result == -ENOENT ? -ESRCH : result;
	result = signal_masks_parse(text, ret);
	free(text);
	return result;
}

/* Opens a directory below /proc/PID; NULL with errno. */
static DIR *open_dir(int proc_fd, pid_t pid, const char *name)
{
	char path[64];
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "%d/%s", pid, name);
	fd = openat(proc_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fd >= 0)
		close(fd);
	return dir;
}

/*
 * Whether a thread waits in rt_sigtimedwait() (which sigwait() and sigwaitinfo() are) for the signal:
 * /proc/PID/task/TID/syscall shows the call and its first argument, the set's address.
 */
static bool thread_waits_for(int task_fd, const char *tid, pid_t pid, int signal)
{
	char path[300], text[256];
	uint64_t set = 0, address;
	struct iovec local = { &set, sizeof(set) }, remote;
	long number;

	snprintf(path, sizeof(path), "%s/syscall", tid);
	if (read_file_at(task_fd, path, text, sizeof(text)) < 0)
		return false;
	if (sscanf(text, "%ld %" SCNx64, &number, &address) != 2 || number != SYS_rt_sigtimedwait)
		return false;
	remote = (struct iovec){ (void *)(uintptr_t)address, sizeof(set) };
	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == sizeof(set) && (set & bit_of(signal));
}

/* Goes over the threads: whether all block the signal, and whether one waits for it. Of what cannot be read it is not known: -errno. */
static int look_at_threads(int proc_fd, pid_t pid, int signal, bool *ret_all_block, bool *ret_one_waits)
{
	DIR *dir = open_dir(proc_fd, pid, "task");
	struct dirent *entry;
	int result = 0;

	*ret_all_block = true;
	*ret_one_waits = false;
	if (!dir)
		return fs_is_short(-errno) ? -errno : -ESRCH;
	while (!result && (entry = readdir(dir))) {
		struct signal_masks masks;
		char path[300];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/status", entry->d_name);
		result = read_masks(dirfd(dir), path, &masks);
		if (result) {
			result = result == -ESRCH ? 0 : result; /* this thread is gone */
			continue;
		}
		/* while it waits, the signals it waits for count as unblocked (do_sigtimedwait() in kernel/signal.c) */
		if (thread_waits_for(dirfd(dir), entry->d_name, pid, signal))
			*ret_one_waits = true;
		else if (!(masks.blocked & bit_of(signal)))
			*ret_all_block = false;
	}
	closedir(dir);
	return result;
}

/* Whether the process holds a signalfd for the signal: "sigmask:" in /proc/PID/fdinfo (fs/signalfd.c). */
static bool has_signalfd(int proc_fd, pid_t pid, int signal)
{
	DIR *dir = open_dir(proc_fd, pid, "fdinfo");
	struct dirent *entry;
	bool found = false;

	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		char text[1024], *line;
		uint64_t mask;

		if (entry->d_name[0] == '.' || read_file_at(dirfd(dir), entry->d_name, text, sizeof(text)) < 0)
			continue;
		line = strstr(text, "sigmask:");
		found = line && sscanf(line, "sigmask: %" SCNx64, &mask) == 1 && (mask & bit_of(signal));
	}
	closedir(dir);
	return found;
}

/*
 * bash has terminating_signals[] in sig.c: all whose default action is to end the process but those for debuggers and timers.
 * Go's runtime catches everything, SIGURG too, with which it interrupts its own threads: there a signal that nobody
 * asked for is dropped.
 */
static bool catches_to_die(uint64_t caught)
{
	static const int ending[] = { SIGHUP, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGUSR1, SIGSEGV, SIGUSR2, SIGPIPE, SIGALRM,
				      SIGXCPU, SIGXFSZ, SIGVTALRM, SIGSYS };

	for (size_t i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		if (!(caught & bit_of(ending[i])))
			return false;
	return !(caught & bit_of(SIGURG));
}

int signal_effect_read(int proc_fd, pid_t pid, int signal, enum signal_effect *ret)
{
	struct signal_masks masks;
	bool all_block, one_waits;
	char path[32];
	int result;

	snprintf(path, sizeof(path), "%d/status", pid);
	result = read_masks(proc_fd, path, &masks);
	if (result)
		return result;
	if (masks.caught & bit_of(signal)) {
		*ret = catches_to_die(masks.caught) ? SIGNAL_CAUGHT_TO_DIE : SIGNAL_CAUGHT;
		return 0;
	}
	result = look_at_threads(proc_fd, pid, signal, &all_block, &one_waits);
	if (result)
		return result;
	if (all_block)
		*ret = one_waits || has_signalfd(proc_fd, pid, signal) ? SIGNAL_AWAITED : SIGNAL_BLOCKED;
	else
		*ret = (masks.ignored & bit_of(signal)) ? SIGNAL_IGNORED : SIGNAL_DEFAULT;
	return 0;
}
