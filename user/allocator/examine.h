/* SPDX-License-Identifier: GPL-2.0-only */
/* Looks at what a process maps and what could be probed there, without putting a probe on anything. */
#ifndef MEMGAP_ALLOCATOR_EXAMINE_H
#define MEMGAP_ALLOCATOR_EXAMINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/allocator/library.h"
#include "user/allocator/program.h"

struct bpf_program;

/* A file that processes map code of, looked into once. */
struct examined_file {
	uint64_t device, inode;
	int result;    /* of library_read(): 0, -EOPNOTSUPP for an allocator that memgap does not know or cannot probe, else it is none */
	char *path;    /* of an allocator, as the first process has it; NULL: not known */
	struct library library; /* where result is 0; its name where only the ends of its calls are in the way */
	struct examined_file *next;
};

struct examiner {
	int proc_fd;                        /* set by the caller, who keeps it */
	const struct bpf_program *iterator; /* too; NULL: /proc/PID/maps does */
	bool no_returns;                    /* too: return probes are not to be used */
	struct examined_file *files;        /* all so far */
};

/* What was found in a process. */
struct examined {
	struct program program;
	size_t n;
	const struct examined_file **allocators; /* those we know and those we do not; the files are the examiner's */
};

/*
 * 0, and examined_free() releases the list; or what is in the way: -EACCES or -EPERM when we are not let in, -ESRCH when it is gone
 * or shows nothing (its first thread has ended), IS_TRANSLATOR (translator.h), else -errno. Then too the program
 * is looked at as far as possible.
 */
int examine_process(struct examiner *examiner, pid_t pid, struct examined *ret);
/* What can be said of a program before it runs: its file alone. */
void examine_program(const char *path, struct examined *ret);
void examined_free(struct examined *examined);

/* Releases the files. */
void examiner_close(struct examiner *examiner);

/* Whether there is an allocator in it that can be probed. */
bool examined_is_probed(const struct examined *examined);

/* Pure: why nothing in it can be probed, as a clause: "a Go program: …". Returns text. */
#define EXAMINED_WHY_MAX 320
const char *examined_explain_nothing(const struct examined *examined, char text[EXAMINED_WHY_MAX]);

#endif
