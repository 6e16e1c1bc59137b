/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The maps. maps.bpf.c defines them (it sets MAP_LINKAGE to nothing before it includes this), the other files of
 * the object refer to them.
 */
#ifndef MEMGAP_MAPS_BPF_H
#define MEMGAP_MAPS_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "memgap.h"

#ifndef MAP_LINKAGE
#define MAP_LINKAGE extern
#endif

#define PAGE_BYTES 4096UL

/* Where the compiler is to keep the common way straight: a program runs some hundred million times. */
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* pid -> index of its record. A process that is not in here costs one look-up an event. */
MAP_LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MEMGAP_MAX_PROCESSES);
	__type(key, __u32);
	__type(value, __u32);
} processes SEC(".maps");

/* An array, since threads keep the index of theirs: an element is found in a third of the time that a hash table takes. */
MAP_LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MEMGAP_MAX_PROCESSES + 1);
	__type(key, __u32);
	__type(value, struct memgap_process);
} records SEC(".maps");

/*
 * Indices of records that were given back: first in, first out, and only taken when there are no unused ones left, so that a
 * program still counting into a record that was given back does not do so into another process's.
 */
MAP_LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, MEMGAP_MAX_PROCESSES);
	__type(value, __u32);
} free_records SEC(".maps");

/* slot -> the counters of a cgroup target */
MAP_LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MEMGAP_MAX_CGROUPS);
	__type(key, __u32);
	__type(value, struct memgap_counters);
} cgroups SEC(".maps");

/* id of a memory cgroup (its kernfs id, the inode of its directory) -> slot: who is in it is watched */
MAP_LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MEMGAP_MAX_CGROUPS);
	__type(key, __u64);
	__type(value, __u32);
} watched_cgroups SEC(".maps");

/*
 * The allocator call that a thread is in. `sp` is the stack pointer at its entry, which tells the outer
 * call from the calls it makes itself: those run further down the stack (or, as a tail call, at the same
 * place). 0: in none.
 */
struct thread_state {
	__u64 sp;
	__u64 function;    /* for a call that may throw: where the function starts, */
	__u64 caller;      /* and where it returns to */
	__u64 old_block;   /* realloc: 0: there was none */
	__u64 old_usable;  /* its usable bytes; 0: not known */
	__u64 memptr;      /* posix_memalign: where the block's address will be */
	__u64 size;        /* asked for, bytes, where it is the request that tells the usable size */
	__u64 alignment;   /* bytes; 0: none in particular */
	__u64 brk_before;  /* brk: end of the heap when the call began */
	__u64 first_free;  /* the block of the thread's first free, as long as nothing else was allocated or freed in it */
	__u32 record;      /* index of the process's, or 0; it may be another's by now: its pid tells */
	__u32 call;        /* enum memgap_call */
	__u32 allocator;   /* enum memgap_allocator */
	__u32 frees_old;   /* realloc to size 0: a NULL result means that the old block was freed */
	__u32 has_freed;
	__u32 ends;        /* the thread has called __call_tls_dtors() */
	__u32 library;     /* key in the map `libraries` */
	__u32 may_throw;   /* the call that the thread is in */
	__u32 epoch;       /* that it began in */
	__u32 padding;
};

MAP_LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread_state);
} threads SEC(".maps");

MAP_LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

/* -> hits; with more of them at a time than there is room for, those count who hit most of late. */
MAP_LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MEMGAP_MAX_STRANGERS);
	__type(key, struct memgap_stranger);
	__type(value, __u64);
} strangers SEC(".maps");

MAP_LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MEMGAP_MAX_LIBRARIES);
	__type(key, __u32);
	__type(value, struct memgap_library);
} libraries SEC(".maps");

MAP_LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} trial_hits SEC(".maps");

/* The remembered blocks; the loader sets the number of buckets, a power of two. */
MAP_LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2 * MEMGAP_MAX_BLOCKS / MEMGAP_BUCKET_SLOTS);
	__type(key, __u32);
	__type(value, struct memgap_bucket);
} blocks SEC(".maps");

/*
 * Raised by the loader whenever probes come back that were taken away: of a call that began before, the return may have gone
 * by unseen.
 */
extern volatile __u32 probes_epoch;

/* By the index that a process's record has for it. */
MAP_LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MEMGAP_MAX_LINES);
	__type(key, __u32);
	__type(value, struct memgap_line);
} lines SEC(".maps");

/* Always empty. */
MAP_LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} no_programs SEC(".maps");

/* false: a constant to the verifier, not to the compiler. */
extern const volatile bool makes_tail_calls;

/*
 * First in every program on user code. From 6.13 on the x86 JIT gives the programs of a CPU one stack in common (kernel/bpf/verifier.c,
 * bpf_enable_priv_stack()). Where the kernel is preemptible, one thread's probe may run in the middle of another's: unlike
 * kprobes and tracepoints, uprobes have nothing against that, and both would use that stack. Seen on 7.3: a NULL pointer of
 * the kernel in free_enter, wrong counts. A program that has a tail call keeps to its task's stack. This one is never made, and
 * the verifier takes it out.
 */
static __always_inline void use_own_stack(void *ctx)
{
	if (makes_tail_calls)
		bpf_tail_call(ctx, &no_programs, 0);
}

/* enum memgap_tally -> how often */
MAP_LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, MEMGAP_TALLIES);
	__type(key, __u32);
	__type(value, __u64);
} tallies SEC(".maps");

#endif
