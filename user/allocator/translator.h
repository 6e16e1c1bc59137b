/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs that run another by translating its code, as valgrind and QEMU's user mode do: a breakpoint in what they translate is the
 * program's own to them, and it dies of it. So nothing is probed that is mapped by one of them.
 */
#ifndef MEMGAP_ALLOCATOR_TRANSLATOR_H
#define MEMGAP_ALLOCATOR_TRANSLATOR_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct bpf_program;

/* Why something is not probed, beside -errno: numbers that no system call has for it. */
#define IS_TRANSLATOR (-EL2HLT)
#define TRANSLATOR_MAPS_IT (-EL3HLT)

/* Pure: whether an executable is one for this machine's programs, by its path: valgrind and its tools, qemu-ARCH. */
bool translator_is_named(const char *path);

bool translator_is(int proc_fd, pid_t pid);

/* Those that run. */
struct translators {
	pid_t *pids;
	size_t n;
};

/* 0 or -errno; then translators_free(). */
int translators_list(int proc_fd, struct translators *ret);
void translators_free(struct translators *translators);

/*
 * One of them that maps this file, as code or not: a uprobe is in all that may become code; or that began less than ten seconds ago, and
 * may map it next. 0 when none does. iterator: as for modules_read().
 */
pid_t translators_find(const struct translators *translators, const struct bpf_program *iterator, int proc_fd, uint64_t device,
		       uint64_t inode);

#endif
