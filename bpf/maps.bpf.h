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

/* pid -> what is known of the process. A process that is not in here costs one look-up an event. */
MAP_LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MEMGAP_MAX_PROCESSES);
	__type(key, __u32);
	__type(value, struct memgap_process);
} processes SEC(".maps");

/* slot -> the counters of a cgroup target */
MAP_LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
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
	__u64 old_usable;  /* realloc: usable bytes of the old block; 0: there was none */
	__u64 memptr;      /* posix_memalign: where the block's address will be */
	__u64 brk_before;  /* brk: end of the heap when the call began */
	__u32 call;        /* enum memgap_call */
	__u32 frees_old;   /* realloc to size 0: a NULL result means that the old block was freed */
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

/* enum memgap_lost -> how often */
MAP_LINKAGE struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MEMGAP_LOST_MAX);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

#endif
