// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/strangers.h"

#include <stdlib.h>
#include <string.h>

#include "user/cmd/targets.h"

static int compare(const void *a, const void *b)
{
	const struct memgap_stranger *x = &((const struct stranger *)a)->who, *y = &((const struct stranger *)b)->who;

	return x->pid != y->pid ? (x->pid > y->pid) - (x->pid < y->pid) : (x->library > y->library) - (x->library < y->library);
}

static struct stranger *find(const struct strangers *strangers, const struct memgap_stranger *who)
{
	const struct stranger key = { .who = *who };

	return strangers->n ? bsearch(&key, strangers->list, strangers->n, sizeof(key), compare) : NULL;
}

/* To be sorted. NULL: out of memory. */
static struct stranger *add(struct strangers *strangers, const struct memgap_stranger *who, const struct strangers_look *look,
			    uint64_t before_ns, uint64_t now_ns)
{
	struct stranger *stranger;

	if (strangers->n == strangers->room) {
		size_t room = strangers->room ? 2 * strangers->room : 64;
		struct stranger *list = realloc(strangers->list, room * sizeof(*list));

		if (!list)
			return NULL;
		strangers->list = list;
		strangers->room = room;
	}
	stranger = &strangers->list[strangers->n++];
	*stranger = (struct stranger){ .who = *who, .looked_ns = before_ns, .hit_ns = look->cost_of_hit(look->data, who->library) };
	budget_begin(&stranger->budget, look->share, now_ns);
	return stranger;
}

static void take(const struct strangers_look *look, struct stranger *stranger, uint64_t hits, uint64_t now_ns)
{
	/* one that was forgotten begins anew */
	uint64_t more = hits >= stranger->hits ? hits - stranger->hits : hits;
	int64_t cost_ns = (int64_t)more * stranger->hit_ns;

	stranger->hits = hits;
	stranger->window_cost_ns += cost_ns;
	if (!budget_spend(&stranger->budget, look->share, now_ns, cost_ns) && now_ns > stranger->looked_ns)
		look->overdrawn(look->data, stranger, 100.0 * (double)cost_ns / (double)(now_ns - stranger->looked_ns));
	stranger->looked_ns = now_ns;
}

/* Of those that were not seen again nothing is kept. */
static void drop_unseen(struct strangers *strangers)
{
	size_t n = 0;

	for (size_t i = 0; i < strangers->n; i++)
		if (strangers->list[i].seen == strangers->looks)
			strangers->list[n++] = strangers->list[i];
	strangers->n = n;
}

void strangers_look(struct strangers *strangers, const struct targets *targets, const struct strangers_look *look, uint64_t now_ns)
{
	struct stranger_hits hits[MEMGAP_MAX_STRANGERS];
	size_t n = probes_read_strangers(targets->probes, hits), known;
	uint64_t before_ns = strangers->looked_ns;

	strangers->looks++;
	strangers->looked_ns = now_ns;
	known = strangers->n;
	for (size_t i = 0; i < n; i++) {
		struct strangers sorted = { .list = strangers->list, .n = known };
		struct stranger *stranger = find(&sorted, &hits[i].who);

		/* one that is watched by now pays as such */
		if (targets_find(targets, (pid_t)hits[i].who.pid))
			continue;
		if (!stranger)
			stranger = add(strangers, &hits[i].who, look, before_ns, now_ns);
		if (!stranger)
			break;
		stranger->seen = strangers->looks;
		take(look, stranger, hits[i].hits, now_ns);
	}
	drop_unseen(strangers);
	if (strangers->n)
		qsort(strangers->list, strangers->n, sizeof(strangers->list[0]), compare);
}

void strangers_begin_window(struct strangers *strangers)
{
	for (size_t i = 0; i < strangers->n; i++)
		strangers->list[i].window_cost_ns = 0;
}

int64_t strangers_dearest(const struct strangers *strangers)
{
	int64_t most = 0;

	for (size_t i = 0; i < strangers->n; i++)
		if (strangers->list[i].window_cost_ns > most)
			most = strangers->list[i].window_cost_ns;
	return most;
}

void strangers_free(struct strangers *strangers)
{
	free(strangers->list);
	*strangers = (struct strangers){ 0 };
}
