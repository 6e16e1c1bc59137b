// SPDX-License-Identifier: GPL-2.0-only
#include "user/store/store.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/queue.h>
#include <unistd.h>

#include "user/base/units.h"
#include "user/store/picture.h"

#define MAX_WATCHERS 64

TAILQ_HEAD(entries, entry);

struct entry {
	struct stored_target target;
	struct series series;
	uint64_t seen;  /* in this interval */
	bool has_series;
	TAILQ_ENTRY(entry) link;
};

struct store {
	struct store_limits limits;
	pthread_mutex_t lock;
	struct entries present; /* in the order in which they were seen last */
	struct entries gone;    /* in the order of their going */
	size_t n_present, n_gone;
	size_t series_bytes;
	uint64_t last_id, interval, without_series;
	struct held_picture *open; /* the writer's own */
	struct held_picture *last; /* or NULL */
	struct stored_trim *trims; /* a ring */
	size_t n_trims, next_trim;
	uint64_t last_trim;
	uint64_t counts[TRIM_DRY_RUN + 1];
	int64_t reclaimed;
	int watchers[MAX_WATCHERS];
	size_t n_watchers;
};

int store_open(const struct store_limits *limits, struct store **ret)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return -ENOMEM;
	store->limits = *limits;
	TAILQ_INIT(&store->present);
	TAILQ_INIT(&store->gone);
	pthread_mutex_init(&store->lock, NULL);
	store->trims = calloc(limits->trims ? limits->trims : 1, sizeof(*store->trims));
	store->open = picture_new(0);
	if (!store->trims || !store->open) {
		store_close(store);
		return -ENOMEM;
	}
	*ret = store;
	return 0;
}

static void forget(struct store *store, struct entries *list, struct entry *entry)
{
	TAILQ_REMOVE(list, entry, link);
	store->series_bytes -= series_bytes(&entry->series);
	series_free(&entry->series);
	free(entry);
}

void store_close(struct store *store)
{
	if (!store)
		return;
	while (!TAILQ_EMPTY(&store->present))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): that TAILQ_REMOVE() changes what TAILQ_FIRST() finds is not seen */
		forget(store, &store->present, TAILQ_FIRST(&store->present));
	while (!TAILQ_EMPTY(&store->gone))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): that TAILQ_REMOVE() changes what TAILQ_FIRST() finds is not seen */
		forget(store, &store->gone, TAILQ_FIRST(&store->gone));
	for (size_t i = 0; i < store->n_watchers; i++)
		close(store->watchers[i]);
	picture_free(store->open);
	picture_free(store->last);
	free(store->trims);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

static bool is_same(const struct target_name *a, const struct target_name *b)
{
	if (a->kind != b->kind)
		return false;
	return a->kind == TARGET_PROCESS ? a->pid == b->pid : !strcmp(a->cgroup, b->cgroup);
}

/* They come in the same order at each interval: mostly it is the first. */
static struct entry *find(struct store *store, const struct target_name *name)
{
	struct entry *entry;

	TAILQ_FOREACH(entry, &store->present, link)
		if (is_same(&entry->target.name, name))
			return entry;
	return NULL;
}

static struct entry *add_entry(struct store *store, const struct snapshot *snapshot)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->target.id = ++store->last_id;
	entry->target.first = snapshot->now;
	entry->has_series = store->series_bytes + SERIES_FIRST_POINTS * sizeof(struct series_point) <= store->limits.series_bytes;
	store->without_series += !entry->has_series;
	store->n_present++;
	TAILQ_INSERT_TAIL(&store->present, entry, link);
	return entry;
}

static void add_point(struct store *store, struct entry *entry, const struct snapshot *snapshot)
{
	struct series_point point = series_point_of(snapshot);

	if (entry->has_series)
		series_add(&entry->series, &point, &store->series_bytes, store->limits.series_bytes);
}

void store_add(struct store *store, const struct snapshot *snapshot)
{
	struct entry *entry;
	uint64_t id = 0;

	pthread_mutex_lock(&store->lock);
	entry = find(store, &snapshot->target);
	if (!entry)
		entry = add_entry(store, snapshot);
	if (entry) {
		TAILQ_REMOVE(&store->present, entry, link);
		TAILQ_INSERT_TAIL(&store->present, entry, link);
		entry->target.name = snapshot->target;
		entry->target.last = snapshot->now;
		entry->seen = store->interval;
		id = entry->target.id;
		add_point(store, entry, snapshot);
	}
	pthread_mutex_unlock(&store->lock);
	if (id && picture_add(store->open, id, snapshot))
		store->open->picture.now = snapshot->now;
}

/* Those that were not shown in this interval stand first. */
static void part_from_gone(struct store *store)
{
	struct entry *entry;

	while ((entry = TAILQ_FIRST(&store->present)) && entry->seen != store->interval) {
		TAILQ_REMOVE(&store->present, entry, link);
		TAILQ_INSERT_TAIL(&store->gone, entry, link);
		entry->target.gone = true;
		store->n_present--;
		store->n_gone++;
	}
	for (; store->n_gone > store->limits.gone; store->n_gone--)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): that TAILQ_REMOVE() changes what TAILQ_FIRST() finds is not seen */
		forget(store, &store->gone, TAILQ_FIRST(&store->gone));
}

/* The lock is held. */
static void put(struct held_picture *held)
{
	if (held && !--held->holders)
		picture_free(held);
}

static void publish(struct store *store)
{
	struct held_picture *held = store->open;

	held->picture.number = store->interval + 1;
	held->picture.ids = held->ids;
	held->picture.snapshots = held->snapshots;
	held->picture.without_series = store->without_series;
	memcpy(held->picture.trims, store->counts, sizeof(store->counts));
	held->picture.reclaimed = store->reclaimed;
	held->holders = 1;
	put(store->last);
	store->last = held;
}

void store_end_interval(struct store *store)
{
	/* most intervals show as many as the one before */
	struct held_picture *next = picture_new(store->open->picture.n);

	pthread_mutex_lock(&store->lock);
	part_from_gone(store);
	if (next) {
		publish(store);
		store->open = next;
	} else {
		store->open->picture.n = 0; /* out of memory: the readers keep the one before */
	}
	store->interval++;
	for (size_t i = 0; i < store->n_watchers; i++)
		eventfd_write(store->watchers[i], 1);
	pthread_mutex_unlock(&store->lock);
}

/* The lock is held; 0: it is not known. */
static uint64_t id_of(const struct store *store, const struct target_name *name)
{
	struct entry *entry;

	TAILQ_FOREACH(entry, &store->present, link)
		if (is_same(&entry->target.name, name))
			return entry->target.id;
	return 0;
}

void store_add_trim(struct store *store, const struct trim_event *event)
{
	pthread_mutex_lock(&store->lock);
	store->counts[event->outcome]++;
	if (event->outcome == TRIM_TRIMMED)
		store->reclaimed += event->reclaimed;
	if (store->limits.trims) {
		store->trims[store->next_trim] = (struct stored_trim){ ++store->last_trim, id_of(store, &event->target), *event, UNKNOWN };
		store->next_trim = (store->next_trim + 1) % store->limits.trims;
		if (store->n_trims < store->limits.trims)
			store->n_trims++;
	}
	pthread_mutex_unlock(&store->lock);
}

/* The i-th, from the oldest on. */
static struct stored_trim *trim_at(struct store *store, size_t i)
{
	return &store->trims[(store->next_trim + store->limits.trims - store->n_trims + i) % store->limits.trims];
}

void store_add_regrowth(struct store *store, const struct trim_regrowth *regrowth)
{
	pthread_mutex_lock(&store->lock);
	for (size_t i = 0; i < store->n_trims; i++) {
		struct stored_trim *trim = trim_at(store, i);
		bool same = regrowth->pid ? trim->event.n_pids && trim->event.pids[0] == regrowth->pid : !trim->event.n_pids;

		if (same && !is_known(trim->regrown) && trim->event.reclaimed == regrowth->reclaimed && is_same(&trim->event.target, &regrowth->target)) {
			trim->regrown = regrowth->regrown;
			break;
		}
	}
	pthread_mutex_unlock(&store->lock);
}

const struct picture *store_get(struct store *store)
{
	struct held_picture *held;

	pthread_mutex_lock(&store->lock);
	held = store->last;
	if (held)
		held->holders++;
	pthread_mutex_unlock(&store->lock);
	return held ? &held->picture : NULL;
}

void store_put(struct store *store, const struct picture *picture)
{
	if (!picture)
		return;
	pthread_mutex_lock(&store->lock);
	put((struct held_picture *)picture); /* its first member */
	pthread_mutex_unlock(&store->lock);
}

static struct entry *find_id(struct store *store, uint64_t id)
{
	struct entry *entry;

	TAILQ_FOREACH(entry, &store->present, link)
		if (entry->target.id == id)
			return entry;
	TAILQ_FOREACH(entry, &store->gone, link)
		if (entry->target.id == id)
			return entry;
	return NULL;
}

ssize_t store_read_series(struct store *store, uint64_t id, int64_t from_ms, struct series_point *points, size_t max)
{
	const struct entry *entry;
	ssize_t n = -1;

	pthread_mutex_lock(&store->lock);
	entry = find_id(store, id);
	if (entry)
		n = (ssize_t)series_read(&entry->series, from_ms, points, max);
	pthread_mutex_unlock(&store->lock);
	return n;
}

static int compare_ids(const void *a, const void *b)
{
	const struct stored_target *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

size_t store_list(struct store *store, struct stored_target *targets, size_t max)
{
	const struct entry *entry;
	size_t n = 0;

	pthread_mutex_lock(&store->lock);
	TAILQ_FOREACH(entry, &store->present, link)
		if (n < max)
			targets[n++] = entry->target;
	TAILQ_FOREACH_REVERSE(entry, &store->gone, entries, link)
		if (n < max)
			targets[n++] = entry->target;
	pthread_mutex_unlock(&store->lock);
	qsort(targets, n, sizeof(*targets), compare_ids);
	return n;
}

size_t store_read_trims(struct store *store, uint64_t after, struct stored_trim *trims, size_t max)
{
	size_t n = 0;

	pthread_mutex_lock(&store->lock);
	for (size_t i = 0; i < store->n_trims && n < max; i++)
		if (trim_at(store, i)->number > after)
			trims[n++] = *trim_at(store, i);
	pthread_mutex_unlock(&store->lock);
	return n;
}

int store_watch(struct store *store)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return -1;
	pthread_mutex_lock(&store->lock);
	if (store->n_watchers < MAX_WATCHERS) {
		store->watchers[store->n_watchers++] = fd;
	} else {
		close(fd);
		fd = -1;
		errno = EMFILE;
	}
	pthread_mutex_unlock(&store->lock);
	return fd;
}

void store_unwatch(struct store *store, int fd)
{
	pthread_mutex_lock(&store->lock);
	for (size_t i = 0; i < store->n_watchers; i++)
		if (store->watchers[i] == fd)
			store->watchers[i--] = store->watchers[--store->n_watchers];
	pthread_mutex_unlock(&store->lock);
	close(fd);
}
