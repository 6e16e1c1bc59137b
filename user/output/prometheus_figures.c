// SPDX-License-Identifier: GPL-2.0-only
#include "user/output/prometheus_figures.h"

#include <math.h>
#include <stddef.h>

#include "user/base/units.h"

#define OFFSET(at) offsetof(struct snapshot, at)
/* An int64_t that says itself whether it is known. */
#define PLAIN(name, type, unit, at, help) { { name, type, unit, help }, FIGURE_NUMBER, 0, OFFSET(at), OFFSET(at) }
#define BYTES(name, at, help) PLAIN(name "_bytes", PROMETHEUS_GAUGE, "bytes", at, help)
#define NUMBER(name, at, help) PLAIN(name, PROMETHEUS_GAUGE, NULL, at, help)
#define COUNT(name, at, help) PLAIN(name, PROMETHEUS_COUNTER, NULL, at, help)
#define BYTES_COUNT(name, at, help) PLAIN(name "_bytes", PROMETHEUS_COUNTER, "bytes", at, help)
/* One that is 0 also where what it is the error of is not known. */
#define ERROR(name, at, of, help) { { name "_bytes", PROMETHEUS_GAUGE, "bytes", help }, FIGURE_NUMBER, 0, OFFSET(at), OFFSET(of) }
/* A double. */
#define REAL(name, unit, at, scale, needs, help) { { name "_" unit, PROMETHEUS_GAUGE, unit, help }, FIGURE_REAL, scale, OFFSET(at), OFFSET(needs) }
#define RATIO(name, at, help) REAL(name, "ratio", at, 0.01, target.processes, help)
#define SCALED(name, unit, at, scale, help) { { name "_" unit, PROMETHEUS_GAUGE, unit, help }, FIGURE_SCALED, scale, OFFSET(at), OFFSET(at) }

/*
 * OpenMetrics knows a counter by its name without "_total": memgap_alloc_bytes_total would be of the family of memgap_alloc_bytes, so what
 * was handed out in all is "allocated". What is the sum of those processes that are there goes down with each that exits: a gauge.
 */
const struct prometheus_figure prometheus_figures[] = {
	REAL("memgap_watched", "seconds", elapsed_s, 1, target.processes, "Since watching began."),
	NUMBER("memgap_processes", target.processes, "Processes that the figures are the sum of."),
	/* the allocator's view */
	BYTES("memgap_alloc", allocator.alloc, "In blocks handed out and not yet freed: their usable sizes."),
	BYTES_COUNT("memgap_allocated", allocator.total_alloc, "Handed out in all since watching began, freed or not."),
	COUNT("memgap_mallocs", allocator.mallocs, "Blocks handed out since watching began."),
	COUNT("memgap_frees", allocator.frees, "Blocks given back since watching began."),
	BYTES("memgap_baseline", allocator.baseline, "Live already when watching began, and in memgap_alloc_bytes."),
	BYTES("memgap_sys", allocator.sys, "Private writable address space held from the kernel, resident or not."),
	COUNT("memgap_missed", allocator.missed, "Events known to be lost: the other figures are only as good as this is small."),
	RATIO("memgap_overhead", allocator.overhead_percent, "Of a core, that the probes cost the target."),
	ERROR("memgap_alloc_error", allocator.alloc_error, allocator.alloc,
	      "By how much memgap_alloc_bytes may be wrong, in 95 of 100 cases; 0: it is exact."),
	ERROR("memgap_allocated_error", allocator.total_error, allocator.total_alloc,
	      "By how much memgap_allocated_bytes_total may be wrong, in 95 of 100 cases; 0: it is exact."),
	BYTES("memgap_heap_sys", allocator.heap.sys, "That the allocator holds from the kernel, by the last look into the heap."),
	BYTES("memgap_heap_resident", allocator.heap.resident, "Of memgap_heap_sys_bytes, in memory."),
	BYTES("memgap_heap_mmapped", allocator.heap.mmapped, "Of memgap_heap_sys_bytes, in blocks of their own mappings (glibc)."),
	BYTES("memgap_heap_cached", allocator.heap.cached, "In the caches of threads (glibc)."),
	NUMBER("memgap_heap_arenas", allocator.heap.arenas, "Arenas of the allocator (glibc)."),
	REAL("memgap_heap_age", "seconds", allocator.heap.age_s, 1, allocator.heap.sys, "Since the last look into the heap."),
	BYTES("memgap_go_alloc", allocator.go.alloc, "In Go's heap, live or not yet swept."),
	BYTES("memgap_go_heap_in_use", allocator.go.heap_in_use, "In spans of Go's heap that are in use."),
	BYTES("memgap_go_heap_idle", allocator.go.heap_idle, "In idle spans of Go's heap, not given back."),
	BYTES("memgap_go_heap_released", allocator.go.heap_released, "Of Go's heap, given back to the kernel."),
	NUMBER("memgap_go_collections", allocator.go.num_gc, "Garbage collections of the Go programs that are there."),
	SCALED("memgap_go_pause", "seconds", allocator.go.pause_total_ns, 1e-9,
	       "In all pauses for garbage collections of the Go programs that are there."),
	SCALED("memgap_go_gogc", "ratio", allocator.go.gc_percent, 0.01, "GOGC: by how much the heap may grow before it is collected; +Inf: off."),
	BYTES("memgap_go_memory_limit", allocator.go.memory_limit, "GOMEMLIMIT; absent: none."),
	/* the kernel's */
	BYTES("memgap_rss", kernel.rss, "Resident."),
	BYTES("memgap_rss_anon", kernel.rss_anon, "Resident and anonymous: heaps, stacks."),
	BYTES("memgap_rss_file", kernel.rss_file, "Resident pages of files."),
	BYTES("memgap_rss_shmem", kernel.rss_shmem, "Resident shared memory."),
	BYTES("memgap_pss", kernel.pss, "Resident, shared pages divided by how many share them."),
	BYTES("memgap_swap", kernel.swap, "Swapped out."),
	BYTES("memgap_lazyfree", kernel.lazyfree, "Resident, but given up already (MADV_FREE)."),
	BYTES_COUNT("memgap_mapped", kernel.flow.mapped, "Fetched from the kernel with mmap() since watching began."),
	BYTES_COUNT("memgap_unmapped", kernel.flow.unmapped, "Given back with munmap() since watching began."),
	BYTES("memgap_brk", kernel.flow.brk, "By how much the heap's end has moved since watching began."),
	BYTES_COUNT("memgap_returned", kernel.flow.returned, "Given back with madvise() since watching began."),
	BYTES("memgap_cgroup_current", kernel.cgroup.current, "Charged to the cgroup, of all kinds."),
	BYTES("memgap_cgroup_limit", kernel.cgroup.limit, "The limit that holds, the lowest on the way up; absent: none."),
	BYTES("memgap_cgroup_high", kernel.cgroup.high, "memory.high; absent: none."),
	BYTES("memgap_cgroup_swap", kernel.cgroup.swap, "Swapped out of the cgroup."),
	BYTES("memgap_cgroup_anon", kernel.cgroup.anon, "Anonymous memory of the cgroup."),
	BYTES("memgap_cgroup_file", kernel.cgroup.file, "Page cache of the cgroup, shared memory included."),
	BYTES("memgap_cgroup_shmem", kernel.cgroup.shmem, "Shared memory of the cgroup."),
	BYTES("memgap_cgroup_inactive_file", kernel.cgroup.inactive_file, "Page cache of the cgroup that the kernel takes back first."),
	BYTES("memgap_cgroup_kernel", kernel.cgroup.kernel, "The kernel's own memory for the cgroup."),
	BYTES("memgap_cgroup_working_set", kernel.cgroup.working_set, "Current less inactive_file: what kubelet evicts by."),
	COUNT("memgap_cgroup_oom_kills", kernel.cgroup.oom_kills, "Processes of the cgroup that were killed for want of memory."),
	RATIO("memgap_cgroup_pressure", kernel.cgroup.psi_some_avg10, "Of the last 10 s, in which a process waited for memory (PSI)."),
	/* both side by side */
	BYTES("memgap_gap", gap.bytes, "Anonymous memory, swap included, that the allocator does not have in blocks handed out; may be negative."),
	RATIO("memgap_gap", gap.percent, "The gap, of what is resident or swapped."),
	BYTES("memgap_trimmable", gap.trimmable, "Whole free pages inside the allocator: what a trim would give back."),
	BYTES("memgap_pinned", gap.pinned, "Free inside the allocator, on pages that live blocks share."),
	COUNT("memgap_target_trims", trim.count, "Trims of the target that were triggered."),
	BYTES("memgap_target_reclaimed", trim.reclaimed, "That the last trim of the target has brought; absent: none yet, or not known."),
};

const size_t prometheus_figures_n = sizeof(prometheus_figures) / sizeof(prometheus_figures[0]);

void prometheus_figure_write(struct prometheus_writer *writer, const struct prometheus_figure *figure, const char *labels,
			     const struct snapshot *snapshot)
{
	const char *base = (const char *)snapshot;
	const void *at = base + figure->offset;
	int64_t number;

	if (!is_known(*(const int64_t *)(const void *)(base + figure->needs)))
		return;
	switch (figure->kind) {
	case FIGURE_NUMBER:
		prometheus_number(writer, labels, "", *(const int64_t *)at);
		break;
	case FIGURE_SCALED:
		number = *(const int64_t *)at;
		prometheus_real(writer, labels, "", number < 0 ? INFINITY : (double)number * figure->scale);
		break;
	case FIGURE_REAL:
		prometheus_real(writer, labels, "", *(const double *)at * figure->scale);
		break;
	}
}
