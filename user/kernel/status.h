/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's view of a process: /proc/PID/status (proc(5); fs/proc/task_mmu.c, task_mem()). */
#ifndef MEMGAP_KERNEL_STATUS_H
#define MEMGAP_KERNEL_STATUS_H

#include <stdint.h>
#include <sys/types.h>

/* Bytes that the file may have: the line of a process's groups can alone be 700 KB (NGROUPS_MAX). */
#define STATUS_MAX (1 << 20)

/* Bytes; UNKNOWN where the kernel gives no such line (RssAnon and its kin came with 4.5). */
struct process_status {
	int64_t rss, rss_anon, rss_file, rss_shmem;
	int64_t swap;
	int64_t data;  /* VmData: private writable address space, resident or not */
	int seccomp;   /* 0 none, 1 strict, 2 filter; -1 unknown */
};

/* -ESRCH when the text shows no memory: a zombie's or a kernel thread's. */
int process_status_parse(const char *text, struct process_status *ret);
/* -ESRCH too when the process is gone. */
int process_status_read(int proc_fd, pid_t pid, struct process_status *ret);

#endif
