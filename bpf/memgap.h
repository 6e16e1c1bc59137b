/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the BPF programs and the loader agree on: the records in the maps, the events in the ring, the
 * meaning of a probe's cookie. The only header that both sides include; fixed widths throughout. The BPF
 * side has the fixed-width types from vmlinux.h, the loader from <linux/types.h>.
 */
#ifndef MEMGAP_H
#define MEMGAP_H

#ifndef __bpf__
#include <linux/types.h>
#endif

/* A cgroup target occupies one slot of the `cgroups` map. Slot 0 means "in no watched cgroup". */
#define MEMGAP_MAX_CGROUPS 1024
/* Processes watched at once. A full map is counted in `missed` of the cgroup concerned. */
#define MEMGAP_MAX_PROCESSES 16384

/*
 * An allocator function's arguments, and how it hands out its block. Numbering starts at 1, so that a probe without a
 * cookie is noticed.
 */
enum memgap_call {
	MEMGAP_CALL_MALLOC = 1,      /* (size) */
	MEMGAP_CALL_CALLOC,          /* (count, size) */
	MEMGAP_CALL_MEMALIGN,        /* (alignment, size): aligned_alloc too */
	MEMGAP_CALL_ALIGNED_NEW,     /* (size, alignment): C++17's operator new, mi_malloc_aligned */
	MEMGAP_CALL_VALLOC,          /* (size), aligned to a page */
	MEMGAP_CALL_PVALLOC,         /* the same, and rounded up to whole pages */
	MEMGAP_CALL_MALLOCX,         /* (size, flags): jemalloc's */
	MEMGAP_CALL_POSIX_MEMALIGN,  /* (where to store the block, alignment, size), returns 0 or an errno */
	MEMGAP_CALL_REALLOC,         /* (old block, size): from here on all have an old block */
	MEMGAP_CALL_REALLOCARRAY,    /* (old block, count, size) */
	MEMGAP_CALL_ALIGNED_REALLOC, /* (old block, size, alignment): mi_realloc_aligned */
	MEMGAP_CALL_RALLOCX,         /* (old block, size, flags) */
	MEMGAP_CALL_XALLOCX,         /* (block, ...): resizes where it is, returns its usable size */
	MEMGAP_CALL_FREE,            /* (block) */
	MEMGAP_CALL_THREAD_END,      /* glibc's __call_tls_dtors(): the thread's cache is emptied after it */
};

/* Arguments of an allocator function that matter: reallocarray(block, count, size) has most. */
#define MEMGAP_ARGUMENTS 3

/* Whose functions they are: what tells a block's usable size. */
enum memgap_allocator {
	MEMGAP_GLIBC = 1, /* the word before the block */
	MEMGAP_MUSL,      /* what is before the block, and the group's meta data */
	MEMGAP_JEMALLOC,  /* the request's size class; so for all that follow */
	MEMGAP_TCMALLOC,
	MEMGAP_MIMALLOC,
};

/* Blocks of these are remembered, by process and address, since nothing that is known lies beside them. */
static inline int memgap_is_remembered(enum memgap_allocator allocator)
{
	return allocator >= MEMGAP_JEMALLOC;
}

/*
 * The cookie of a probe: what the kernel side must know of its place, since a probe need not sit on the function's
 * first instruction. Registers have the numbers that x86 instructions have for them (rax 0, rcx 1, … r15 15).
 */
union memgap_cookie {
	__u64 value;
	struct {
		__u64 call : 7;          /* enum memgap_call */
		__u64 return_alone : 1;  /* there is no probe at the entry: the return tells all that is needed */
		__u64 register_0 : 4;    /* of the first argument; at an exit, of the result */
		__u64 register_1 : 4;
		__u64 register_2 : 4;
		__u64 allocator : 4;     /* enum memgap_allocator */
		__u64 pushed : 8;        /* words by which the stack pointer is below its value at the function's start */
		__u64 offset : 12;       /* bytes from the function's start */
		__u64 has_header : 1;    /* glibc's free(): the word before the block is in register_1 by now */
		__u64 checks_always : 1; /* is_internal_free() must be asked in all threads, not only in those that end */
		__u64 free_restarts : 1; /* is_restart() must be asked */
		__u64 may_throw : 1;     /* it ends at one of its exits, or it threw */
		__u64 library : 16;      /* key in the map `libraries` */
	};
};

/* Library files that carry probes at one time. */
#define MEMGAP_MAX_LIBRARIES 1024
#define MEMGAP_INTERNAL_FREES 6

/*
 * What the kernel side must know of a probed library; the cookie of its free probes is the key.
 *
 * When a thread ends, glibc empties that thread's cache by calling free() for each block in it, blocks that the
 * program has long freed (tcache_thread_shutdown() in malloc/malloc.c). Such a call comes from inside malloc.c and is
 * a direct one, whereas the rest of libc goes through the PLT like everybody else; so it is known by where it returns
 * to: the distance of that address from the start of the function that was called. That address need only be read
 * once the thread has come to its end, of which __call_tls_dtors() tells.
 */
struct memgap_library {
	__s32 internal_frees[MEMGAP_INTERNAL_FREES]; /* bytes; 0: unused */
	__u32 above;     /* enum memgap_above, of requests larger than */
	__u32 class_max; /* the largest of the four size classes a doubling (jemalloc, mimalloc), bytes */
};

/* What a request that is larger than every size class is rounded up to. */
enum memgap_above {
	MEMGAP_ABOVE_NEVER,           /* there are classes for all sizes: jemalloc up to 5.3.0 */
	MEMGAP_ABOVE_PAGES,           /* 4 KiB: jemalloc from 5.3.1 on */
	MEMGAP_ABOVE_COARSE,          /* the larger, the coarser: mimalloc 3 */
	MEMGAP_ABOVE_COARSE_SEGMENTS, /* and that to parts of a segment: mimalloc 2 */
};

#define MEMGAP_CLASSES_OF_ALL 32768 /* so far all of them have these classes */

/* tcmalloc's usable size for a request of up to TCMALLOC_MAX_CLASS bytes, at tcmalloc_index() of it. */
#define TCMALLOC_MAX_CLASS (256 * 1024)
#define TCMALLOC_CLASSES 2170

/* One entry for every 8 bytes, from 1 KiB on for every 128: ClassIndex() in gperftools' src/common.h. */
static inline __u32 tcmalloc_index(__u64 size)
{
	return size <= 1024 ? (__u32)(size + 7) >> 3 : (__u32)(size + 127 + (120 << 7)) >> 7;
}

/* Blocks that can be remembered at one time, if no option says otherwise. */
#define MEMGAP_MAX_BLOCKS (1 << 19)

/*
 * Remembered blocks: a table with two buckets of 8 slots for each, and twice as many slots as there may be blocks, so that it is as
 * good as never full before that. It takes no lock, no allocation, and mostly one cache line to find a block in it, whereas a
 * hash map of the kernel's costs three times as much.
 */
#define MEMGAP_BUCKET_SLOTS 8

struct memgap_slot {
	__u64 tag;    /* 0: not in use */
	__u64 usable; /* bytes */
};

struct memgap_bucket {
	struct memgap_slot slots[MEMGAP_BUCKET_SLOTS];
};

/*
 * A tag is all that tells a block: its address, which is below 2^47 on x86-64 and below 2^48 on arm64, and a multiple of 8; the
 * index of its process's record less 1; and that record's generation, since one program's blocks are not the next one's.
 */
#define MEMGAP_TAG_ADDRESS_BITS 48
#define MEMGAP_TAG_INDEX_SHIFT 45
#define MEMGAP_TAG_INDEX_MASK 0x3fffU
#define MEMGAP_TAG_GENERATION_SHIFT 59
#define MEMGAP_TAG_GENERATION_MASK 31U

/*
 * Counters of a process or of a watched cgroup. Bytes are usable sizes, as malloc_usable_size() has them.
 *
 * A successful realloc of a block gives that block back and hands out another, moved or not, so that
 * `mallocs - frees` is always the number of live blocks. A failed call counts nothing.
 *
 * `alloc` is total_alloc + early_freed - freed, which the loader works out. It never stays below 0: where a block from before
 * the watch is freed and nothing that was counted can have been it, its bytes go to `early_freed` as well, which is thus a
 * lower bound of what was live when the watch began.
 *
 * Those of a cgroup hold what its processes had counted in it when they left it, ended, or began another program;
 * what is there to be added is each process's `counters` less its `settled`. `alloc` is not kept for a cgroup: it
 * is the sum over its processes.
 */
struct memgap_counters {
	__s64 alloc; /* the loader's; not in use on the kernel side */
	__u64 total_alloc;
	__u64 freed;
	__u64 mallocs;
	__u64 frees;
	__u64 early_freed;
	__u64 mapped;   /* mmap, and what mremap added: whole pages */
	__u64 unmapped; /* munmap, and what mremap removed: whole pages */
	__s64 brk;
	__u64 returned; /* madvise(MADV_DONTNEED or MADV_FREE): whole pages */
	__u64 missed;   /* events known to be lost */
	__u64 unknown_frees; /* of blocks that are not remembered, thus not in `frees`; of a process alone */
};

/* What was handed out less what was given back: may be below 0, where what was there before is given back. */
static inline __s64 memgap_net(const struct memgap_counters *counters)
{
	return (__s64)(counters->total_alloc - counters->freed);
}

/* A target of its own: its record stays after the exit, until the loader removes it. */
enum memgap_keep {
	MEMGAP_KEEP_NOT,
	MEMGAP_KEEP,
	MEMGAP_KEEP_IN_SLOT, /* and it is counted in its slot, wherever it moves */
};

/* Whether its probes are in place all the time, as the loader has it. */
enum memgap_presence {
	MEMGAP_ALWAYS,
	MEMGAP_SOMETIMES, /* they are now; blocks were freed, or handed out, unseen */
	MEMGAP_AWAY,      /* they are not, or not all: they go, or come */
};

/*
 * A watched process: an element of `records`, which the loader has mapped. The map `processes` leads from the pid (tgid), as the
 * initial pid namespace has it, to the index; element 0 is not used.
 */
struct memgap_process {
	struct memgap_counters counters;
	struct memgap_counters settled; /* the part that the cgroups it was in have already, or never get */
	__u64 image_ns; /* CLOCK_MONOTONIC of the exec that began this program; 0: it ran before the watch */
	__u32 slot;     /* its cgroup's slot in `cgroups`, or 0 */
	__u32 owner;    /* not 0: a vfork child, which lives in the memory of this process until it execs */
	__u32 keep;     /* enum memgap_keep */
	__u32 exited;
	__u32 remembers; /* it has, or had, blocks in the map `blocks` */
	__u32 pid;       /* 0: the record is not in use */
	__u32 index;     /* of the record */
	__u32 generation; /* how often it was begun anew: for another process, or another program */
	__u32 presence;  /* enum memgap_presence */
	__u32 line;      /* index in `lines` of the line that what it allocates counts towards; 0: none */
};

/*
 * A threshold that the kernel side watches at each allocation, where the loader has drawn it: for a process at the index of its
 * record, for a cgroup at MEMGAP_LINE_OF_CGROUP and its slot. When it is crossed the signal is sent at once, if the process that
 * has crossed it may be asked and expects it; once: then the loader decides anew.
 */
struct memgap_line {
	__s64 at;         /* of a process: bytes handed out less those given back since the watch */
	__s64 left;       /* of a cgroup: bytes until it is reached; the loader begins with it anew at each interval */
	__u64 armed;      /* 1: nobody has crossed it yet */
	__u64 crossed_ns; /* CLOCK_MONOTONIC of the crossing, */
	__u64 done_ns;    /* and when the signal was sent, or was not */
	__u32 signal;
	__u32 pid;        /* that may be asked */
	__u32 by;         /* the process that has crossed it */
	__u32 result;     /* enum memgap_crossing */
	__s64 rss_pages;  /* resident, of who has crossed it, at that moment: as the kernel's counters have it, which lag; -1: unknown */
	__u32 lagging_threads; /* kernels before 6.2: the threads whose counts are yet to be added; 0: CPUs' are */
	__u32 unused;
};

enum memgap_crossing {
	MEMGAP_CROSSED_SENT = 1,
	MEMGAP_CROSSED_UNEXPECTED, /* it does not expect the signal, or that cannot be told */
	MEMGAP_CROSSED_BY_OTHER,   /* process, or thread, than may be asked: the loader has to do it */
	MEMGAP_CROSSED_FAILED,     /* the kernel did not send it */
};

#define MEMGAP_LINE_OF_CGROUP (MEMGAP_MAX_PROCESSES + 1)
#define MEMGAP_MAX_LINES (MEMGAP_LINE_OF_CGROUP + MEMGAP_MAX_CGROUPS)

enum memgap_event_type {
	MEMGAP_EVENT_FORK = 1, /* pid is new and watched */
	MEMGAP_EVENT_EXEC,     /* pid began a new program */
	MEMGAP_EVENT_EXEC_BY_THREAD, /* the same, in a thread that was not its first: probes for the first are lost */
	MEMGAP_EVENT_EXIT,     /* the last thread of pid is gone */
	MEMGAP_EVENT_FIRST_THREAD, /* the first thread of pid, which is watched for itself, is gone, and others are not */
	MEMGAP_EVENT_JOIN,     /* pid was moved into a watched cgroup */
	MEMGAP_EVENT_LEAVE,    /* pid was moved out of one */
	MEMGAP_EVENT_MAP,      /* pid mapped a file with code: perhaps an allocator */
	MEMGAP_EVENT_CROSSED,  /* pid has crossed a line */
	MEMGAP_EVENT_TRANSLATOR, /* pid, watched or not, began a program that may be one (user/allocator/translator.h) */
};

struct memgap_event {
	__u32 type;
	__u32 pid;
};

/* A mapping with code in it, of a regular file: what the module iterator writes. */
struct memgap_module {
	__u64 start, end; /* addresses in the process */
	__u64 device;     /* from the iterator: the kernel's own dev_t */
	__u64 inode;      /* of the file that is really mapped: on overlayfs the one in the layer */
};

/* Processes that nobody watches, but that map a probed file and hit the probes on it: who hit which library's how often. */
#define MEMGAP_MAX_STRANGERS 1024

struct memgap_stranger {
	__u32 pid, library;
};

/* What is counted for no process in particular: the keys of the `tallies` map. */
enum memgap_tally {
	MEMGAP_LOST_EVENT,   /* the ring was full: the loader reads the whole process map instead */
	MEMGAP_LOST_PROCESS, /* the process map was full: that process is not watched */
	MEMGAP_SETTLING,     /* how often a process began to be settled with its cgroup, */
	MEMGAP_SETTLED,      /* and how often that was finished */
	MEMGAP_RECORDS,      /* how many of the records have been taken for the first time */
	MEMGAP_TALLIES,
};

/* Bytes in live blocks; below 0 for moments. */
static inline __s64 memgap_alloc(const struct memgap_counters *counters)
{
	return (__s64)(counters->total_alloc + counters->early_freed - counters->freed);
}

_Static_assert(sizeof(struct memgap_counters) == 96, "both sides agree on the layout");
_Static_assert(MEMGAP_MAX_PROCESSES - 1 <= MEMGAP_TAG_INDEX_MASK, "an index fits into a tag");
_Static_assert(sizeof(struct memgap_bucket) == 128, "both sides agree on the layout");
_Static_assert(sizeof(struct memgap_process) == 240, "both sides agree on the layout");
_Static_assert(sizeof(struct memgap_line) == 72, "both sides agree on the layout");
_Static_assert(sizeof(union memgap_cookie) == 8, "a cookie is one word");
_Static_assert(sizeof(struct memgap_stranger) == 8, "both sides agree on the layout");
_Static_assert(sizeof(struct memgap_library) == 32, "both sides agree on the layout");
_Static_assert(sizeof(struct memgap_module) == 32, "both sides agree on the layout");
_Static_assert(sizeof(struct memgap_event) == 8, "both sides agree on the layout");

#endif
