// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <pthread.h>
#include <sys/eventfd.h>

#include "tests/unit/data.h"
#include "user/base/units.h"
#include "user/store/store.h"

static const struct store_limits limits = { .series_bytes = 1 << 20, .gone = 2, .trims = 3 };

static struct store *opened(void)
{
	struct store *store;

	assert_int_equal(store_open(&limits, &store), 0);
	return store;
}

static struct snapshot snapshot_of(pid_t pid, time_t second)
{
	struct snapshot snapshot;

	snapshot_init(&snapshot);
	snapshot.target = process_target();
	snapshot.target.pid = pid;
	snapshot.now.tv_sec = second;
	snapshot.allocator.alloc = pid * 1000 + second;
	return snapshot;
}

static void add(struct store *store, pid_t pid, time_t second)
{
	struct snapshot snapshot = snapshot_of(pid, second);

	store_add(store, &snapshot);
}

static void a_picture_is_of_the_interval_that_is_over(void **state)
{
	struct store *store = opened();
	const struct picture *picture, *later;

	(void)state;
	assert_null(store_get(store));
	add(store, 1, 1);
	add(store, 2, 1);
	assert_null(store_get(store));
	store_end_interval(store);
	picture = store_get(store);
	assert_int_equal(picture->n, 2);
	assert_int_equal(picture->number, 1);
	assert_int_equal(picture->snapshots[1].target.pid, 2);
	assert_int_not_equal(picture->ids[0], picture->ids[1]);
	/* it stays as it is while others come */
	add(store, 2, 2);
	store_end_interval(store);
	later = store_get(store);
	assert_int_equal(picture->n, 2);
	assert_int_equal(later->n, 1);
	assert_int_equal(later->ids[0], picture->ids[1]);
	assert_int_equal(later->snapshots[0].allocator.alloc, 2002);
	store_put(store, picture);
	store_put(store, later);
	store_close(store);
}

static void a_target_that_is_not_shown_is_gone_and_remembered_for_a_while(void **state)
{
	struct store *store = opened();
	struct stored_target targets[10];

	(void)state;
	for (pid_t pid = 1; pid <= 4; pid++)
		add(store, pid, 1);
	store_end_interval(store);
	for (pid_t pid = 2; pid <= 4; pid++)
		add(store, pid, 2);
	store_end_interval(store);
	assert_int_equal(store_list(store, targets, 10), 4);
	assert_true(targets[0].gone && targets[0].name.pid == 1 && !targets[1].gone);
	/* the same pid later is another target */
	add(store, 1, 3);
	store_end_interval(store);
	/* 2, 3, 4 are gone: with 1 more than are remembered */
	assert_int_equal(store_list(store, targets, 10), 3);
	assert_true(targets[0].gone && targets[0].name.pid == 3 && targets[1].gone && targets[1].name.pid == 4);
	assert_true(!targets[2].gone && targets[2].name.pid == 1 && targets[2].id == 5);
	store_close(store);
}

static void figures_over_time_are_read_by_id(void **state)
{
	struct store *store = opened();
	struct stored_target targets[3];
	struct series_point points[10];

	(void)state;
	for (time_t second = 1; second <= 5; second++) {
		add(store, 7, second);
		store_end_interval(store);
	}
	assert_int_equal(store_list(store, targets, 3), 1);
	assert_int_equal(store_read_series(store, targets[0].id, 0, points, 10), 5);
	assert_int_equal(points[0].time_ms, 1000);
	assert_int_equal(points[4].alloc, 7005);
	assert_int_equal(store_read_series(store, targets[0].id, 4000, points, 10), 2);
	assert_int_equal(store_read_series(store, 999, 0, points, 10), -1);
	store_close(store);
}

static void what_has_no_room_has_no_figures_over_time_and_is_counted(void **state)
{
	struct store_limits none = limits;
	const struct picture *picture;
	struct series_point points[10];
	struct store *store;

	(void)state;
	none.series_bytes = SERIES_FIRST_POINTS * sizeof(points[0]); /* the first takes it all */
	assert_int_equal(store_open(&none, &store), 0);
	add(store, 1, 1);
	add(store, 2, 1);
	store_end_interval(store);
	picture = store_get(store);
	assert_int_equal(picture->without_series, 1);
	assert_int_equal(store_read_series(store, picture->ids[0], 0, points, 10), 1);
	assert_int_equal(store_read_series(store, picture->ids[1], 0, points, 10), 0);
	store_put(store, picture);
	store_close(store);
}

static void the_latest_trims_are_remembered_with_what_was_back_later(void **state)
{
	struct store *store = opened();
	struct trim_event event = known_event();
	struct trim_regrowth regrowth = { .target = event.target, .pid = 123, .reclaimed = 3 * MIB, .regrown = MIB };
	struct stored_trim trims[10];
	const struct picture *picture;
	struct snapshot snapshot = snapshot_of(123, 1);

	(void)state;
	store_add(store, &snapshot);
	for (int i = 0; i < 5; i++) {
		event.reclaimed = i * MIB;
		event.outcome = i ? TRIM_TRIMMED : TRIM_NOTHING;
		store_add_trim(store, &event);
	}
	store_add_regrowth(store, &regrowth);
	store_end_interval(store);
	assert_int_equal(store_read_trims(store, 0, trims, 10), 3);
	assert_int_equal(trims[0].number, 3);
	assert_int_equal(trims[0].regrown, UNKNOWN);
	assert_int_equal(trims[1].regrown, MIB);
	assert_int_equal(trims[2].event.reclaimed, 4 * MIB);
	assert_int_equal(store_read_trims(store, 4, trims, 10), 1);
	picture = store_get(store);
	assert_int_equal(trims[0].target, picture->ids[0]);
	assert_int_equal(picture->trims[TRIM_TRIMMED], 4);
	assert_int_equal(picture->trims[TRIM_NOTHING], 1);
	assert_int_equal(picture->reclaimed, 10 * MIB);
	store_put(store, picture);
	store_close(store);
}

static void a_reader_is_woken_at_each_interval(void **state)
{
	struct store *store = opened();
	eventfd_t value;
	int fd = store_watch(store);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(eventfd_read(fd, &value), -1);
	store_end_interval(store);
	assert_int_equal(eventfd_read(fd, &value), 0);
	store_unwatch(store, fd);
	store_end_interval(store);
	store_close(store);
}

/* Long enough for each level to have gone round. */
static void older_points_are_coarser_and_each_time_is_there_once(void **state)
{
	struct series series = { 0 };
	static struct series_point points[2000];
	size_t n, used = 0;
	int64_t all = SERIES_POINTS * SERIES_RATIO * 3;

	(void)state;
	for (int64_t t = 1; t <= all; t++) {
		struct series_point point = { .time_ms = t * 1000, .alloc = t };

		assert_int_equal(series_add(&series, &point, &used, 1 << 20), 0);
	}
	assert_int_equal(used, series_bytes(&series));
	n = series_read(&series, 0, points, 2000);
	for (size_t i = 1; i < n; i++)
		assert_true(points[i].time_ms > points[i - 1].time_ms);
	assert_int_equal(points[n - 1].time_ms, all * 1000);
	assert_int_equal(points[n - SERIES_POINTS].time_ms, (all - SERIES_POINTS + 1) * 1000);
	/* of an hour and a half at a second, and of all that the coarsest has */
	assert_true(points[0].time_ms <= 64000);
	assert_true(n > 2 * SERIES_POINTS && n <= 3 * SERIES_POINTS);
	assert_int_equal(series_bytes(&series), (2 * SERIES_POINTS + 256) * sizeof(points[0]));
	/* with less room every second, fourth, ... and the newest */
	n = series_read(&series, 0, points, 100);
	assert_true(n > 50 && n <= 100);
	assert_int_equal(points[n - 1].time_ms, all * 1000);
	assert_int_equal(series_read(&series, (all - 9) * 1000, points, 100), 10);
	series_free(&series);
}

/* Every point of an hour is asked for, of `n` series that share a bound; returns how far back the worst of them goes, in seconds. */
static int64_t hour_of(struct series *all, size_t n, size_t most)
{
	static struct series_point points[2000];
	int64_t worst = INT64_MAX;
	size_t used = 0, bytes = 0;

	for (int64_t t = 1; t <= 3600; t++)
		for (size_t i = 0; i < n; i++) {
			struct series_point point = { .time_ms = t * 1000 };

			assert_int_equal(series_add(&all[i], &point, &used, most), 0);
			assert_true(used <= most);
		}
	for (size_t i = 0; i < n; i++) {
		size_t got = series_read(&all[i], 0, points, 2000);

		assert_true(got >= SERIES_FIRST_POINTS);
		assert_int_equal(points[got - 1].time_ms, 3600 * 1000);
		for (size_t j = 1; j < got; j++)
			assert_true(points[j].time_ms > points[j - 1].time_ms);
		worst = 3600 - points[0].time_ms / 1000 < worst ? 3600 - points[0].time_ms / 1000 : worst;
		bytes += series_bytes(&all[i]);
	}
	assert_int_equal(bytes, used);
	return worst;
}

/* The same for each as 1,000 and 5,000 have of memgap serve's 64 MiB: it is never more, and an hour, but for a point, is there. */
static void all_together_keep_the_bound(void **state)
{
	static const size_t kib_each[] = { 65, 13 };
	struct series all[20];

	(void)state;
	for (size_t i = 0; i < sizeof(kib_each) / sizeof(kib_each[0]); i++) {
		memset(all, 0, sizeof(all));
		assert_true(hour_of(all, 20, 20 * kib_each[i] << 10) >= 3600 - 64);
		for (size_t k = 0; k < 20; k++)
			series_free(&all[k]);
	}
}

/* With room again, a ring that has gone round grows, and its order stays. */
static void what_had_no_room_grows_later(void **state)
{
	struct series series = { 0 };
	struct series_point points[200];
	size_t used = 0, n;

	(void)state;
	for (int64_t t = 1; t <= 150; t++) {
		struct series_point point = { .time_ms = t };

		assert_int_equal(series_add(&series, &point, &used, t <= 50 ? 4 * SERIES_FIRST_POINTS * sizeof(point) : 1 << 20), 0);
	}
	n = series_read(&series, 0, points, 200);
	assert_true(n > 100);
	for (size_t i = 1; i < n; i++)
		assert_true(points[i].time_ms > points[i - 1].time_ms);
	assert_int_equal(points[n - 1].time_ms - points[n - 100].time_ms, 99);
	series_free(&series);
}

struct readers {
	struct store *store;
	bool over;
};

static void *read_all_the_time(void *data)
{
	struct readers *readers = data;

	while (!__atomic_load_n(&readers->over, __ATOMIC_RELAXED)) {
		const struct picture *picture = store_get(readers->store);

		for (size_t i = 0; picture && i < picture->n; i++)
			assert_int_equal(picture->snapshots[i].now.tv_sec, picture->now.tv_sec);
		store_put(readers->store, picture);
	}
	return NULL;
}

static void readers_see_whole_intervals_while_it_is_written(void **state)
{
	struct readers readers = { .store = opened() };
	pthread_t threads[3];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_all_the_time, &readers), 0);
	for (time_t second = 1; second <= 2000; second++) {
		for (pid_t pid = 1; pid <= 1 + second % 40; pid++)
			add(readers.store, pid, second);
		store_end_interval(readers.store);
	}
	__atomic_store_n(&readers.over, true, __ATOMIC_RELAXED);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		pthread_join(threads[i], NULL);
	store_close(readers.store);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_picture_is_of_the_interval_that_is_over),
		cmocka_unit_test(a_target_that_is_not_shown_is_gone_and_remembered_for_a_while),
		cmocka_unit_test(figures_over_time_are_read_by_id),
		cmocka_unit_test(what_has_no_room_has_no_figures_over_time_and_is_counted),
		cmocka_unit_test(the_latest_trims_are_remembered_with_what_was_back_later),
		cmocka_unit_test(a_reader_is_woken_at_each_interval),
		cmocka_unit_test(older_points_are_coarser_and_each_time_is_there_once),
		cmocka_unit_test(all_together_keep_the_bound),
		cmocka_unit_test(what_had_no_room_grows_later),
		cmocka_unit_test(readers_see_whole_intervals_while_it_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
