// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF 39
#endif
#ifndef CAP_CHECKPOINT_RESTORE
#define CAP_CHECKPOINT_RESTORE 40
#endif

/* include/linux/proc_ns.h: PROC_USER_INIT_INO, PROC_PID_INIT_INO */
#define FIRST_USER_NAMESPACE 0xEFFFFFFDU
#define FIRST_PID_NAMESPACE 0xEFFFFFFCU

static const char *const remedies[HOST_NEEDS] = {
	[HOST_PRIVILEGE] = "not permitted to load BPF programs: run as root (sudo) "
			   "or with CAP_BPF and CAP_PERFMON, in a container with --privileged or these; `--source none` needs no privilege",
	[HOST_BTF] = "this kernel shows no BTF (/sys/kernel/btf/vmlinux): it needs "
		     "CONFIG_DEBUG_INFO_BTF=y; `--source none` works without",
	[HOST_TRACEFS] = "no tracefs with system call events at /sys/kernel/tracing: `mount -t tracefs tracefs /sys/kernel/tracing` "
			 "(in a container: -v /sys/kernel/tracing:/sys/kernel/tracing)",
	[HOST_TRACEFS_READABLE] = "tracefs is not ours to read: run as root (sudo), or with CAP_DAC_READ_SEARCH",
	[HOST_UPROBES] = "this kernel has no uprobes: it needs CONFIG_UPROBE_EVENTS=y",
	[HOST_PERF_EVENTS] = "perf events are not ours to open: where kernel.perf_event_paranoid is above 2, Debian's and Ubuntu's kernels keep them to "
			     "CAP_SYS_ADMIN: `sysctl kernel.perf_event_paranoid=2`, or run as root (sudo); a seccomp profile may forbid "
			     "them, too; `--source none` works without",
	[HOST_PID_NAMESPACE] = "memgap runs in a pid namespace of its own and would mistake one process "
			       "for another: run it with the host's (--pid=host)",
};

/* capabilities(7); map_files: proc_map_files_get_link() in fs/proc/base.c, which root's CAP_SYS_ADMIN opens as well. */
static const struct {
	const char *name, *purpose;
	unsigned int capability;
	bool or_admin;
} privileges[HOST_PRIVILEGES] = {
	[HOST_MAY_LOAD] = { "CAP_BPF or CAP_SYS_ADMIN", "load BPF programs", CAP_BPF, true },
	[HOST_MAY_TRACE] = { "CAP_PERFMON or CAP_SYS_ADMIN", "probe and trace", CAP_PERFMON, true },
	[HOST_MAY_LOOK] = { "CAP_SYS_PTRACE", "look into any process", CAP_SYS_PTRACE, false },
	[HOST_MAY_OPEN_FILES] = { "CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN", "open what it maps",
				  CAP_CHECKPOINT_RESTORE, true },
	[HOST_MAY_SIGNAL] = { "CAP_KILL", "signal any process", CAP_KILL, false },
};

void host_weigh(uint64_t capabilities, bool first_user_namespace, bool ret_may[HOST_PRIVILEGES])
{
	for (int i = 0; i < HOST_PRIVILEGES; i++) {
		uint64_t any = 1ULL << privileges[i].capability | (privileges[i].or_admin ? 1ULL << CAP_SYS_ADMIN : 0);

		ret_may[i] = first_user_namespace && (capabilities & any);
	}
}

static uint64_t effective_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return 0;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

/* true when it cannot be told: what needs it will fail with an error of its own */
static bool is_namespace(int proc_fd, const char *path, ino_t inode)
{
	struct stat ns;

	return fstatat(proc_fd, path, &ns, 0) || ns.st_ino == inode;
}

/* An event, looked for at both of the usual mount points: 0; ENOENT; EACCES when the way to one of them is closed. */
static int find_tracefs(void)
{
	static const char *const paths[] = {
		"/sys/kernel/tracing/events/syscalls/sys_exit_mmap/id",
		"/sys/kernel/debug/tracing/events/syscalls/sys_exit_mmap/id",
	};
	int result = ENOENT;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (!faccessat(AT_FDCWD, paths[i], R_OK, AT_EACCESS))
			return 0;
		if (errno == EACCES)
			result = EACCES;
	}
	return result;
}

/* What distributions' patches forbid is told by no flag, so it is tried, with an event that counts nothing. */
static bool may_open_perf_events(void)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_SOFTWARE, .size = sizeof(attr), .config = PERF_COUNT_SW_DUMMY,
					.disabled = 1, .exclude_kernel = 1, .exclude_hv = 1 };
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return errno != EACCES && errno != EPERM;
	close(fd);
	return true;
}

void host_read(int proc_fd, struct host *ret)
{
	int tracefs = find_tracefs();

	host_weigh(effective_capabilities(), is_namespace(proc_fd, "self/ns/user", FIRST_USER_NAMESPACE), ret->may);
	ret->has[HOST_PRIVILEGE] = ret->may[HOST_MAY_LOAD] && ret->may[HOST_MAY_TRACE];
	ret->has[HOST_BTF] = !access("/sys/kernel/btf/vmlinux", R_OK);
	/* where only the way to it is closed, that says nothing of what is behind */
	ret->has[HOST_TRACEFS] = !tracefs || tracefs == EACCES;
	ret->has[HOST_TRACEFS_READABLE] = tracefs != EACCES;
	ret->has[HOST_UPROBES] = !access("/sys/bus/event_source/devices/uprobe/type", R_OK);
	ret->has[HOST_PERF_EVENTS] = may_open_perf_events();
	ret->has[HOST_PID_NAMESPACE] = is_namespace(proc_fd, "self/ns/pid", FIRST_PID_NAMESPACE);
}

const char *host_remedy(enum host_need need)
{
	return remedies[need];
}

const char *host_capability(enum host_privilege privilege)
{
	return privileges[privilege].name;
}

const char *host_purpose(enum host_privilege privilege)
{
	return privileges[privilege].purpose;
}

int host_check(int proc_fd, struct error *err)
{
	struct host host;

	host_read(proc_fd, &host);
	for (int need = 0; need < HOST_NEEDS; need++)
		if (!host.has[need])
			return error_set(err, EXIT_HOST, "%s", host_remedy((enum host_need)need));
	return 0;
}
