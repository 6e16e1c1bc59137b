/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The memory of a Go program (Go 1.19 to 1.27, 64-bit), read from outside: what its own runtime.ReadMemStats() would say. The
 * process is not stopped and not written to; a reading costs it nothing. Where the runtime keeps its figures no file tells in
 * so many words: a reading counts only if the runtime's own books balance in it, to the byte.
 */
#ifndef MEMGAP_GO_GO_H
#define MEMGAP_GO_GO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Bytes unless said. */
struct go_view {
	/*
	 * MemStats.Alloc and TotalAlloc, but for objects in spans that a P (GOMAXPROCS of them) allocates from at the moment: what
	 * was put there since the P took the span is not counted yet. Of a program with 2 Ps that is seldom above 0.5 MiB.
	 */
	int64_t alloc, total_alloc;
	int64_t sys;            /* MemStats.Sys: address space from the kernel, with what was given back of it */
	int64_t heap_in_use;    /* MemStats.HeapInuse: spans with objects */
	int64_t heap_idle_kept; /* HeapIdle - HeapReleased: spans without any that were not given back: a trim does that */
	int64_t heap_released;  /* MemStats.HeapReleased */
	int64_t num_gc;         /* collections so far */
	int64_t pause_total_ns; /* in which all goroutines were stopped for them */
	int64_t gc_percent;     /* GOGC; -1: off */
	int64_t memory_limit;   /* GOMEMLIMIT; UNKNOWN (units.h): none */
};

struct go;

/*
 * Whether a process runs a Go program, by its executable alone: 0, -ENOENT: it does not, -ESRCH, -EACCES, -EPERM or another
 * -errno.
 */
int go_is(int proc_fd, pid_t pid);

/*
 * Finds the figures of a process; go_close() releases it. After an exec it has to be opened anew. -ENOENT when it is no Go
 * program; -EPROTO when its figures were not found, or do not balance: a Go that is not known; -EAGAIN when its runtime has
 * not started yet; -ESRCH when it is gone; -EACCES or -EPERM when it is not ours to look into. *ret_why: a phrase for people,
 * static, also on success. It blocks while the executable is read: some ms, of one of 100 MiB some 100; and for 0.1 s when
 * what is found does not balance.
 */
int go_open(int proc_fd, pid_t pid, struct go **ret, const char **ret_why);
void go_close(struct go *go); /* NULL too */

/*
 * Takes some microseconds, and at most 30 ms while the target changes its figures all the time. -EAGAIN: it did, or it runs
 * another program since; -ESRCH: gone. *ret is then as it was. go_why() says it for people.
 */
int go_read(struct go *go, struct go_view *ret);
const char *go_why(int result);

/* "go1.22.3", as its linker wrote it; "" when that is not known. */
const char *go_version(const struct go *go);

/* It was linked with C libraries: there may be a C heap too, of which the runtime knows nothing. */
bool go_has_c(const struct go *go);

#endif
