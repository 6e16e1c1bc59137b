// SPDX-License-Identifier: GPL-2.0-only
/* What later versions fill is null so far: not known. */
#include "user/output/json_snapshot.h"

#include "user/base/units.h"
#include "user/output/json_parts.h"
#include "user/trim/event.h"

static void write_arenas(struct json_writer *writer, const struct heap_figures *heap)
{
	writer_open_list(writer, "arena");
	for (size_t i = 0; i < heap->n_shown; i++) {
		writer_open_object(writer, NULL);
		writer_number(writer, "sys", heap->arena[i].sys);
		writer_number(writer, "used", heap->arena[i].used);
		writer_number(writer, "resident_free", heap->arena[i].resident_free);
		writer_number(writer, "trimmable", heap->arena[i].trimmable);
		writer_close_object(writer);
	}
	writer_close_list(writer);
}

static void write_heap(struct json_writer *writer, const struct heap_figures *heap)
{
	if (!is_known(heap->arenas)) {
		writer_null(writer, "heap");
		return;
	}
	writer_open_object(writer, "heap");
	writer_number(writer, "sys", heap->sys);
	writer_number(writer, "mmapped", heap->mmapped);
	writer_number(writer, "resident", heap->resident);
	writer_number(writer, "cached", heap->cached);
	writer_number(writer, "arenas", heap->arenas);
	writer_real(writer, "age_s", heap->age_s, 1);
	write_arenas(writer, heap);
	writer_close_object(writer);
}

static void write_go(struct json_writer *writer, const struct go_figures *go)
{
	if (!is_known(go->alloc)) {
		writer_null(writer, "go");
		return;
	}
	writer_open_object(writer, "go");
	writer_number(writer, "alloc", go->alloc);
	writer_number(writer, "heap_in_use", go->heap_in_use);
	writer_number(writer, "heap_idle", go->heap_idle);
	writer_number(writer, "heap_released", go->heap_released);
	writer_real(writer, "pause_total_s", (double)go->pause_total_ns / 1e9, 9);
	writer_number(writer, "gc_percent", go->gc_percent);
	writer_number(writer, "memory_limit", go->memory_limit);
	writer_close_object(writer);
}

static void write_allocator(struct json_writer *writer, const struct allocator_view *view)
{
	writer_open_object(writer, "allocator");
	writer_text_or_null(writer, "name", view->name);
	writer_text(writer, "source", source_name(view->source));
	writer_number(writer, "alloc", view->alloc);
	writer_number(writer, "total_alloc", view->total_alloc);
	writer_number(writer, "mallocs", view->mallocs);
	writer_number(writer, "frees", view->frees);
	writer_number(writer, "baseline", view->baseline);
	writer_number(writer, "sys", view->sys);
	writer_number(writer, "num_gc", view->go.num_gc);
	writer_number(writer, "missed", view->missed);
	writer_real(writer, "overhead_percent", view->overhead_percent, 2);
	writer_number(writer, "alloc_error", is_known(view->alloc) ? view->alloc_error : UNKNOWN);
	writer_number(writer, "total_error", is_known(view->total_alloc) ? view->total_error : UNKNOWN);
	write_heap(writer, &view->heap);
	write_go(writer, &view->go);
	writer_close_object(writer);
}

static void write_flow(struct json_writer *writer, const struct flow *flow)
{
	writer_open_object(writer, "flow");
	writer_number(writer, "mapped", flow->mapped);
	writer_number(writer, "unmapped", flow->unmapped);
	writer_number(writer, "brk", flow->brk);
	writer_number(writer, "returned", flow->returned);
	writer_close_object(writer);
}

static void write_cgroup(struct json_writer *writer, const struct cgroup_memory *memory)
{
	writer_open_object(writer, "cgroup");
	writer_number(writer, "current", memory->current);
	writer_number(writer, "limit", memory->limit);
	writer_number(writer, "high", memory->high);
	writer_number(writer, "swap", memory->swap);
	writer_number(writer, "anon", memory->anon);
	writer_number(writer, "file", memory->file);
	writer_number(writer, "shmem", memory->shmem);
	writer_number(writer, "inactive_file", memory->inactive_file);
	writer_number(writer, "kernel", memory->kernel);
	writer_number(writer, "working_set", memory->working_set);
	writer_number(writer, "oom_kills", memory->oom_kills);
	writer_real(writer, "psi_some_avg10", memory->psi_some_avg10, 2);
	writer_close_object(writer);
}

static void write_kernel(struct json_writer *writer, const struct kernel_view *view)
{
	writer_open_object(writer, "kernel");
	writer_number(writer, "rss", view->rss);
	writer_number(writer, "rss_anon", view->rss_anon);
	writer_number(writer, "rss_file", view->rss_file);
	writer_number(writer, "rss_shmem", view->rss_shmem);
	writer_number(writer, "pss", view->pss);
	writer_number(writer, "swap", view->swap);
	writer_number(writer, "lazyfree", view->lazyfree);
	write_flow(writer, &view->flow);
	write_cgroup(writer, &view->cgroup);
	writer_close_object(writer);
}

static void write_gap(struct json_writer *writer, const struct gap *gap, const struct growth *growth)
{
	writer_open_object(writer, "gap");
	writer_number(writer, "bytes", gap->bytes);
	writer_real(writer, "percent", gap->percent, 1);
	writer_number(writer, "trimmable", gap->trimmable);
	writer_number(writer, "pinned", gap->pinned);
	writer_number(writer, "growth_per_s", growth->over_s > 0 ? (int64_t)growth->bytes_per_s : UNKNOWN);
	writer_text(writer, "verdict", verdict_name(gap->verdict));
	writer_text(writer, "why", gap->why);
	writer_close_object(writer);
}

static void write_trim(struct json_writer *writer, const struct trim_summary *trim)
{
	writer_open_object(writer, "trim");
	writer_number(writer, "count", trim->count);
	if (trim->outcome == TRIM_NONE) {
		writer_null(writer, "last");
	} else {
		writer_open_object(writer, "last");
		writer_text(writer, "outcome", outcome_name(trim->outcome));
		writer_number(writer, "reclaimed", trim->reclaimed);
		writer_close_object(writer);
	}
	writer_close_object(writer);
}

void json_write_snapshot(struct json_writer *writer, const char *key, const struct snapshot *snapshot)
{
	writer_open_object(writer, key);
	writer_number(writer, "schema", JSON_SCHEMA);
	json_write_time(writer, "time", &snapshot->now);
	writer_real(writer, "elapsed_s", snapshot->elapsed_s, 3);
	json_write_target(writer, &snapshot->target);
	write_allocator(writer, &snapshot->allocator);
	write_kernel(writer, &snapshot->kernel);
	write_gap(writer, &snapshot->gap, &snapshot->allocator.growth);
	write_trim(writer, &snapshot->trim);
	writer_close_object(writer);
}
