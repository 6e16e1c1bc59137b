/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The data model: one target at one moment, both views of it. The samplers fill it, the verdict, the trim's
 * decision and the output formats read it. Plain data: no pointers into anything that can go away, no clock, no
 * I/O. Bytes throughout; UNKNOWN where a figure is not known.
 */
#ifndef MEMGAP_GAP_SNAPSHOT_H
#define MEMGAP_GAP_SNAPSHOT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "user/gap/history.h"
#include "user/memory/heap_view.h"
#include "user/kernel/cgroup.h"

#define NAME_MAX_TEXT 64
#define WHY_MAX 384
#define REASON_MAX 160 /* a part of it */
#define TARGET_PATH_MAX 1024
#define CONTAINER_NAME_MAX 256

enum target_kind { TARGET_PROCESS, TARGET_CGROUP };
enum allocator_source { SOURCE_NONE, SOURCE_PROBE, SOURCE_HEAP, SOURCE_GO };

struct target_name {
	enum target_kind kind;
	pid_t pid;                    /* a process's; 0 for a cgroup */
	char comm[NAME_MAX_TEXT];     /* "" for a cgroup */
	char cgroup[TARGET_PATH_MAX]; /* below the memory hierarchy's mount; "" when not known */
	char container[CONTAINER_NAME_MAX]; /* its name, or where that is not known its id's first digits; "" outside of any */
	char pod[CONTAINER_NAME_MAX], pod_namespace[CONTAINER_NAME_MAX]; /* Kubernetes'; "" when not known */
	int64_t processes;            /* that the figures are the sum of */
};

/* What a walk through the heap has found, or the sum of several; bytes, UNKNOWN where there was none. */
struct heap_figures {
	int64_t sys;       /* that the allocator holds from the kernel, */
	int64_t resident;  /* of it in memory */
	int64_t trimmable, pinned;
	/* of glibc's: */
	int64_t mmapped, cached; /* in chunks of their own mappings; in threads' caches */
	int64_t arenas;          /* of them these, of a process alone: */
	size_t n_shown;
	struct heap_arena arena[HEAP_ARENAS_SHOWN];
	double age_s;            /* since the walk, the oldest of them */
	char why_not[REASON_MAX]; /* there is none; "" when that is not known */
};

/* The largest group of like mappings of anonymous memory that is not the allocator's. */
struct other_anon {
	int64_t bytes; /* resident, in all such mappings; UNKNOWN: not looked at */
	int64_t group; /* of them resident in the largest group, */
	int64_t mappings, mapping_bytes; /* of so many, of this size each, */
	char name[NAME_MAX_TEXT];        /* "[stack]" and the like; "" for those without */
};

/* What Go's runtime says of itself; UNKNOWN where there is none. Of a cgroup, sums over its Go programs. */
struct go_figures {
	int64_t alloc;          /* bytes: in its heap, not in C's */
	int64_t heap_in_use, heap_idle, heap_released; /* bytes; heap_idle: what was not given back of it */
	int64_t num_gc;         /* collections */
	int64_t pause_total_ns;
	int64_t gc_percent;     /* GOGC, -1: off; of a process alone */
	int64_t memory_limit;   /* GOMEMLIMIT, bytes, likewise */
};

struct allocator_view {
	char name[NAME_MAX_TEXT]; /* "glibc 2.36"; "" when not known, or when the processes differ */
	enum allocator_source source;
	int64_t alloc, total_alloc;
	int64_t mallocs, frees;   /* blocks */
	int64_t baseline;         /* live when watching began, and in alloc; 0: watched from the first instruction */
	int64_t unseen;           /* of a cgroup: held, less alloc, by processes of which not all that is live is in alloc */
	int64_t stale;            /* what is held now less what was held when alloc was found, where a walk has found it */
	int64_t sys;
	bool awaited;             /* not all that can be looked into has been yet, */
	bool behind;              /* or has been lately: what is in its heaps has changed since */
	int64_t missed;           /* events */
	double overhead_percent;  /* of a core, that the probes have cost since the last one; NAN: not known, none */
	/* Where the figure is an estimate, it is wrong by no more in 95 of 100 cases, bytes; 0: it is exact. */
	int64_t alloc_error, total_error;
	struct heap_figures heap;
	struct go_figures go;
	struct other_anon other;
	struct growth growth;     /* of alloc */
};

struct flow {
	int64_t mapped, unmapped, brk, returned;
};

struct kernel_view {
	int64_t rss, rss_anon, rss_file, rss_shmem;
	int64_t pss, lazyfree; /* of smaps_rollup, which is read less often */
	int64_t swap;
	struct flow flow;
	struct cgroup_memory cgroup;
	char unreadable[NAME_MAX_TEXT]; /* a file that could not be read, for which figures are missing; "" */
};

enum verdict {
	VERDICT_UNKNOWN,    /* no allocator view, or too much missed */
	VERDICT_IN_USE,     /* the gap is small next to alloc */
	VERDICT_GROWING,    /* alloc rises steadily: a leak, or real growth */
	VERDICT_RETAINED,   /* the gap is large, and mostly trimmable */
	VERDICT_PINNED,     /* the gap is large, free inside the allocator, but not in whole pages */
	VERDICT_CACHE,      /* the cgroup is large, its anonymous memory is not */
	VERDICT_OTHER_ANON, /* anonymous memory that the allocator does not know */
	VERDICT_UNTOUCHED,  /* alloc above what is resident: asked for, never used */
};

struct gap {
	int64_t bytes; /* may be negative */
	int64_t trimmable; /* whole pages free inside the allocator: what a trim would give back */
	int64_t pinned;    /* resident and free inside the allocator, on pages that live blocks share */
	double percent; /* of what is resident or swapped; meaningful when bytes is known and this is not NAN */
	enum verdict verdict;
	char why[WHY_MAX];
};

enum trim_outcome { TRIM_NONE, TRIM_TRIMMED, TRIM_NOTHING, TRIM_REFUSED, TRIM_FAILED, TRIM_DRY_RUN };

struct trim_summary {
	int64_t count;              /* trims triggered */
	enum trim_outcome outcome;  /* the last attempt's; TRIM_NONE: there was none */
	int64_t reclaimed;          /* bytes that it brought; UNKNOWN: none yet, or not known */
};

struct snapshot {
	struct timespec now; /* CLOCK_REALTIME */
	double elapsed_s;    /* since watching began */
	struct target_name target;
	struct allocator_view allocator;
	struct kernel_view kernel;
	struct gap gap;
	struct trim_summary trim;
};

/* All figures UNKNOWN. */
extern const struct heap_figures no_heap_figures;
extern const struct go_figures no_go_figures;

/* All figures UNKNOWN, all names empty. */
void snapshot_init(struct snapshot *snapshot);

const char *verdict_name(enum verdict verdict);
const char *source_name(enum allocator_source source);

#endif
