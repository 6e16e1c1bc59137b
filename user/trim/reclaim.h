/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory got back from a cgroup by the kernel itself: memory.reclaim of version 2 (Linux 5.19, Documentation/admin-guide/
 * cgroup-v2.rst; user_proactive_reclaim() in mm/vmscan.c, memory_reclaim() in mm/memcontrol.c before). Page cache goes first, in
 * the main; anonymous memory goes to swap, and without swap stays.
 *
 * The kernel takes more than it is asked for: it works through its lists in steps, of all cgroups below, before it adds up. Of
 * 16 MiB that was 17 to 28 MiB (Linux 6.1), 16.3 to 16.5 MiB with the multi-generational LRU (6.12). And it swaps out while there is
 * page cache left: of a cgroup with 40 MiB of anonymous memory and 200 MiB of page cache, read twice, 6.1 swapped out 40 MiB of
 * the first 112 MiB.
 */
#ifndef MEMGAP_TRIM_RECLAIM_H
#define MEMGAP_TRIM_RECLAIM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "user/gap/snapshot.h"

/* Stop is looked at between two writes: each is soon over, also where every page goes to a slow swap (0.2 s at 100 MB/s). */
#define RECLAIM_BATCH_BYTES (16LL * 1024 * 1024)
/* Half of what is left is asked for, so that the kernel's more does not become ours, until no more than this is left. */
#define RECLAIM_REST_BYTES (1LL * 1024 * 1024)
/* Who asks for more than can be had in this time gets the rest with the next trim. */
#define RECLAIM_LONGEST_NS (10 * 1000000000ULL)

struct reclaim {
	/* in: */
	int cgroup_fd;       /* its directory, which stays the owner's */
	int version;         /* 1 or 2 */
	int64_t bytes;       /* wanted, at least 1; without meaning for version 1 */
	bool cache_only;     /* nothing is to be swapped out: "swappiness=0", which Linux 6.12 takes, 6.1 does not */
	uint64_t longest_ns; /* 0: RECLAIM_LONGEST_NS */
	bool forced;         /* version 1: do it all the same */
	atomic_bool stop;    /* may be set by the owner while it runs: no further batch is begun */
	/* out: */
	int64_t asked;       /* bytes that the kernel was asked for: fewer where it took more; UNKNOWN for version 1, which takes no amount */
	int result;
	char why[WHY_MAX];   /* "" when all of it was got back; else what was in the way, with 0 as well */
};

/*
 * Blocks: a job for a worker (user/base/worker.h), whose data is a struct reclaim. Ends when memory.current has fallen by what is
 * wanted, or so much has been asked for: whichever comes first, for others may charge it meanwhile. result is 0 also when the kernel found less
 * than was asked for, when the time was over, or when it was stopped; what came back is told by the cgroup's own figures.
 * Else: -EPERM refused, because version 1 can only give up everything; -EACCES, -EROFS, -ENOENT (no such file in this kernel
 * or cgroup), -ENODEV (the cgroup is gone), -EINVAL (fewer than 1 byte, or not for this cgroup), or what the kernel said.
 *
 * Version 1, forced: memory.force_empty. One write, which is over only when the kernel finds nothing more; neither stop nor
 * longest_ns ends it.
 */
void reclaim_run(void *data);

/* Whether it could be done, without doing it: 0, or the errors above with their reason. */
int reclaim_check(int cgroup_fd, int version, bool forced, char *why, size_t size);

/* Whether this kernel's memory.reclaim can leave out what would be swapped out (swappiness=0): tried, for 0 bytes. */
bool reclaim_spares_anon(int cgroup_fd);

/* The reason and the remedy for an error of one of the two, in one line. */
void reclaim_explain(int error, int version, char *why, size_t size);

#endif
