// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/host.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef CAP_PERFMON
#define CAP_PERFMON 38
#define CAP_BPF 39
#endif

#define INITIAL_PID_NAMESPACE 0xEFFFFFFCU /* PROC_PID_INIT_INO, include/linux/proc_ns.h */

static uint64_t effective_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return 0;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

/* CAP_SYS_ADMIN stands for the two that were split from it in 5.8. */
static int may_trace(void)
{
	uint64_t all = effective_capabilities(), bpf = 1ULL << CAP_BPF | 1ULL << CAP_PERFMON;

	return (all & 1ULL << CAP_SYS_ADMIN) || (all & bpf) == bpf;
}

static int has_tracefs(void)
{
	return !access("/sys/kernel/tracing/events/syscalls/sys_exit_mmap/id", R_OK) ||
	       !access("/sys/kernel/debug/tracing/events/syscalls/sys_exit_mmap/id", R_OK);
}

int host_check(int proc_fd, struct error *err)
{
	struct stat ns;

	if (!may_trace())
		return error_set(err, EXIT_HOST, "not permitted to load BPF programs: run as root (sudo), "
				 "or in a container with --privileged; `--source none` needs no privilege");
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		return error_set(err, EXIT_HOST, "this kernel shows no BTF (/sys/kernel/btf/vmlinux): it needs "
				 "CONFIG_DEBUG_INFO_BTF=y; `--source none` works without");
	if (!has_tracefs())
		return error_set(err, EXIT_HOST, "no tracefs with system call events at /sys/kernel/tracing: "
				 "`mount -t tracefs tracefs /sys/kernel/tracing` (in a container: -v /sys/kernel/tracing:/sys/kernel/tracing)");
	if (access("/sys/bus/event_source/devices/uprobe/type", R_OK))
		return error_set(err, EXIT_HOST, "this kernel has no uprobes: it needs CONFIG_UPROBE_EVENTS=y");
	if (!fstatat(proc_fd, "self/ns/pid", &ns, 0) && ns.st_ino != INITIAL_PID_NAMESPACE)
		return error_set(err, EXIT_HOST, "memgap runs in a pid namespace of its own and would mistake one process "
				 "for another: run it with the host's (--pid=host)");
	return 0;
}
