/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /proc/PID/smaps_rollup (proc_pid_smaps_rollup(5), since 4.14; show_smaps_rollup() in fs/proc/task_mmu.c): what only a walk
 * over every page of the process tells. It takes milliseconds a GiB, with the address space locked against changes: seldom.
 */
#ifndef MEMGAP_KERNEL_SMAPS_ROLLUP_H
#define MEMGAP_KERNEL_SMAPS_ROLLUP_H

#include <stdint.h>
#include <sys/types.h>

/* Bytes; UNKNOWN where the kernel gives no such line (pss_anon and its kin came with 5.4). */
struct smaps_rollup {
	int64_t rss;
	int64_t pss;                           /* each page divided by how many have it mapped */
	int64_t pss_anon, pss_file, pss_shmem; /* the parts of pss */
	int64_t anonymous;
	int64_t lazyfree;                      /* of anonymous: given up by MADV_FREE, not yet taken */
	int64_t swap, swap_pss;
	int64_t locked;                        /* of pss */
};

/* -ESRCH when the text shows no memory. */
int smaps_rollup_parse(const char *text, struct smaps_rollup *ret);

/*
 * -ESRCH when the process is gone, or has no memory (a zombie, a kernel thread); -EACCES when we may not look (needs
 * ptrace access: CAP_SYS_PTRACE for what is not our user's); -EOPNOTSUPP when the kernel has no such file.
 */
int smaps_rollup_read(int proc_fd, pid_t pid, struct smaps_rollup *ret);

#endif
