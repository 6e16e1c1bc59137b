/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * /proc/PID/statm (proc(5); proc_pid_statm() in fs/proc/array.c, task_statm() in fs/proc/task_mmu.c): the cheapest look at a
 * process's memory. Its resident size is exact since 6.16 (commit 82241a83cd15, also in stable 6.12); before, it may be off
 * by what each CPU (since 6.2) or thread (some 64 pages) has not yet added up, as VmRSS of /proc/PID/status is.
 */
#ifndef MEMGAP_KERNEL_STATM_H
#define MEMGAP_KERNEL_STATM_H

#include <stdint.h>

/* Bytes of the text: seven figures of at most 20 digits. */
#define STATM_MAX 160

/* Bytes. */
struct statm {
	int64_t size;     /* address space */
	int64_t resident; /* of all kinds: VmRSS */
	int64_t shared;   /* resident, of files and shmem: RssFile + RssShmem */
	int64_t text;
	int64_t data;     /* private writable address space and the stack: VmData + VmStk */
};

/* -ESRCH when it shows no memory (all 0: a zombie's, a kernel thread's); -EINVAL when it is cut or not such a text. */
int statm_parse(const char *text, int64_t page_size, struct statm *ret);
#endif
