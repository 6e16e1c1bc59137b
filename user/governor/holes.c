// SPDX-License-Identifier: GPL-2.0-only
#include "user/governor/holes.h"

#include <math.h>
#include <stdbool.h>

#include "user/base/units.h"

/* Bytes: a figure in whole numbers. */
#define MOST_ERROR 4e18

/* What probes cost was measured on a child, and not on this program with its caches; so much of it may be wrong. */
#define COST_WRONG 0.15
/* A program has always computed something itself. Where its probes seem to have taken nearly all of its time, how much that is nobody knows. */
#define COST_MOST 0.95
#define CLIPPED_WRONG 20.0

struct counts counts_of(const struct memgap_counters *counters)
{
	double seen = counters->frees ? (double)counters->freed / (double)counters->frees :
		      counters->mallocs ? (double)counters->total_alloc / (double)counters->mallocs : 0;

	return (struct counts){
		.total_alloc = (int64_t)counters->total_alloc,
		.net = memgap_net(counters) - (int64_t)(seen * (double)counters->unknown_frees),
		.mallocs = (int64_t)counters->mallocs,
		.frees = (int64_t)(counters->frees + counters->unknown_frees),
	};
}

void counts_add(struct counts *sum, const struct counts *counts)
{
	sum->total_alloc += counts->total_alloc;
	sum->net += counts->net;
	sum->mallocs += counts->mallocs;
	sum->frees += counts->frees;
}

static struct counts difference(const struct counts *a, const struct counts *b)
{
	return (struct counts){ a->total_alloc - b->total_alloc, a->net - b->net, a->mallocs - b->mallocs, a->frees - b->frees };
}

void holes_begin(struct holes *holes, const struct counts *now, int64_t cpu_ns)
{
	holes->any = holes->away = true;
	holes->net.may_fall = true;
	holes->cpu_ns = cpu_ns;
	holes->reference = *now;
}

static void count_window(struct holes *holes, const struct counts *counted, double cpu_ns, double cost_ns)
{
	bool clipped = cost_ns > cpu_ns * COST_MOST;
	double cost = clipped ? cpu_ns * COST_MOST : cost_ns, seconds = (cpu_ns - cost) / 1e9;
	double bias = clipped ? CLIPPED_WRONG : cpu_ns > cost ? COST_WRONG * cost / (cpu_ns - cost) : 0;

	estimate_window(&holes->total_alloc, (double)counted->total_alloc, seconds, bias);
	estimate_window(&holes->net, (double)counted->net, seconds, bias);
	estimate_window(&holes->mallocs, (double)counted->mallocs, seconds, bias);
	estimate_window(&holes->frees, (double)counted->frees, seconds, bias);
}

void holes_begin_with(struct holes *holes, const struct counts *now, const struct counts *before, int64_t cpu_ns, int64_t cost_ns)
{
	struct counts counted = difference(now, before);

	count_window(holes, &counted, (double)cpu_ns, (double)cost_ns);
}

void holes_end_window(struct holes *holes, const struct counts *now, int64_t cpu_ns, int64_t cost_ns)
{
	struct counts counted = difference(now, &holes->begun);

	count_window(holes, &counted, (double)(cpu_ns - holes->cpu_ns), (double)cost_ns);
	holes_begin(holes, now, cpu_ns);
}

void holes_advance(struct holes *holes, int64_t cpu_ns)
{
	double seconds = (double)(cpu_ns - holes->cpu_ns) / 1e9;

	if (!holes->away || seconds <= 0)
		return;
	holes->cpu_ns = cpu_ns;
	estimate_gap(&holes->total_alloc, seconds);
	estimate_gap(&holes->net, seconds);
	estimate_gap(&holes->mallocs, seconds);
	estimate_gap(&holes->frees, seconds);
}

void holes_end(struct holes *holes, const struct counts *now, int64_t cpu_ns)
{
	struct counts counted = difference(now, &holes->reference);

	holes_advance(holes, cpu_ns);
	counts_add(&holes->hidden, &counted);
	holes->away = false;
	holes->cpu_ns = cpu_ns;
	holes->begun = *now;
}

void pool_add(struct pool *pool, const struct holes *holes)
{
	pool->seconds += holes->total_alloc.window_s;
	pool->total_alloc += holes->total_alloc.window;
	pool->mallocs += holes->mallocs.window;
	pool->frees += holes->frees.window;
}

static void value(struct estimate *estimate, double amount, double seconds)
{
	double part = amount / seconds * estimate->pending_s;

	if (estimate->pending_s <= 0)
		return;
	estimate->pending_s = 0;
	estimate->amount += part;
	estimate->bias += part;
}

void holes_value(struct holes *holes, const struct pool *pool)
{
	/* of nobody anything is known: nor of this one */
	if (pool->seconds <= 0)
		return;
	value(&holes->total_alloc, pool->total_alloc, pool->seconds);
	value(&holes->mallocs, pool->mallocs, pool->seconds);
	value(&holes->frees, pool->frees, pool->seconds);
}

struct counts holes_fill(const struct holes *holes, const struct counts *now)
{
	struct counts counted = difference(holes->away ? &holes->reference : now, &holes->hidden);

	if (!holes->any)
		return *now;
	counted.total_alloc += (int64_t)holes->total_alloc.amount;
	counted.net += (int64_t)holes->net.amount;
	counted.mallocs += (int64_t)holes->mallocs.amount;
	counted.frees += (int64_t)holes->frees.amount;
	return counted;
}

static int64_t error_of(const struct estimate *estimate)
{
	double error = estimate_error(estimate);

	return error < MOST_ERROR ? (int64_t)error : UNKNOWN;
}

int64_t holes_error_of_total(const struct holes *holes)
{
	return error_of(&holes->total_alloc);
}

int64_t holes_error_of_net(const struct holes *holes)
{
	return error_of(&holes->net);
}
