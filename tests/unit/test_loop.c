// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <poll.h>
#include <sys/eventfd.h>

#include "user/base/fs.h"
#include "user/base/loop.h"

#define MS 1000000ULL

/* A descriptor that is readable from the start, and what its callback is to do. */
struct source {
	struct loop *loop;
	int fd, calls, stop_after;
	struct watcher *watcher;
	struct source *other;
};

static void take_and_count(void *data)
{
	struct source *source = data;
	uint64_t value;

	assert_int_equal(read(source->fd, &value, sizeof(value)), sizeof(value));
	if (++source->calls == source->stop_after)
		loop_stop(source->loop);
}

/* Not taken off the fd: it stays readable, so only the loop's own care keeps the callback from being called again. */
static void count_and_stop(void *data)
{
	struct source *source = data;

	source->calls++;
	loop_stop(source->loop);
}

static void remove_other(void *data)
{
	struct source *source = data;

	source->calls++;
	loop_remove(source->loop, source->other->watcher);
	source->other->watcher = NULL;
}

static struct source open_source(struct loop *loop, unsigned int times)
{
	struct source source = { .loop = loop, .fd = eventfd(times, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE) };

	assert_true(source.fd >= 0);
	return source;
}

static void a_readable_fd_calls_back_with_its_data_until_the_loop_is_stopped(void **state)
{
	struct loop loop;
	struct source source;

	(void)state;
	assert_int_equal(loop_open(&loop), 0);
	source = open_source(&loop, 5);
	source.stop_after = 3;
	source.watcher = loop_add(&loop, source.fd, take_and_count, &source);
	assert_non_null(source.watcher);
	assert_int_equal(loop_run(&loop), 0);
	assert_int_equal(source.calls, 3);
	loop_remove(&loop, source.watcher);
	loop_close(&loop);
	close(source.fd);
}

/* Whichever of the two comes first removes the other, which was ready in the same round. */
static void a_watcher_removed_by_another_of_the_same_round_is_not_called(void **state)
{
	struct source sources[2], clock;
	struct loop loop;

	(void)state;
	assert_int_equal(loop_open(&loop), 0);
	for (int i = 0; i < 2; i++) {
		sources[i] = open_source(&loop, 1);
		sources[i].other = &sources[1 - i];
		sources[i].watcher = loop_add(&loop, sources[i].fd, remove_other, &sources[i]);
		assert_non_null(sources[i].watcher);
	}
	/* ends the loop only after more rounds in which the removed one, still readable, could be called */
	clock = open_source(&loop, 10);
	clock.stop_after = 10;
	clock.watcher = loop_add(&loop, clock.fd, take_and_count, &clock);
	assert_int_equal(loop_run(&loop), 0);
	assert_true((sources[0].calls == 0) != (sources[1].calls == 0));
	for (int i = 0; i < 2; i++) {
		loop_remove(&loop, sources[i].watcher);
		close(sources[i].fd);
	}
	loop_remove(&loop, clock.watcher);
	loop_close(&loop);
	close(clock.fd);
}

static void a_watcher_that_removes_itself_is_called_once(void **state)
{
	struct source source, clock;
	struct loop loop;

	(void)state;
	assert_int_equal(loop_open(&loop), 0);
	source = open_source(&loop, 1);
	source.other = &source;
	source.watcher = loop_add(&loop, source.fd, remove_other, &source);
	clock = open_source(&loop, 10);
	clock.stop_after = 10;
	clock.watcher = loop_add(&loop, clock.fd, take_and_count, &clock);
	assert_int_equal(loop_run(&loop), 0);
	assert_int_equal(source.calls, 1);
	loop_remove(&loop, clock.watcher);
	loop_close(&loop);
	close(source.fd);
	close(clock.fd);
}

static void after_a_stop_no_callback_of_the_same_round_is_called(void **state)
{
	struct source sources[2];
	struct loop loop;

	(void)state;
	assert_int_equal(loop_open(&loop), 0);
	for (int i = 0; i < 2; i++) {
		sources[i] = open_source(&loop, 1);
		sources[i].watcher = loop_add(&loop, sources[i].fd, count_and_stop, &sources[i]);
	}
	assert_int_equal(loop_run(&loop), 0);
	assert_int_equal(sources[0].calls + sources[1].calls, 1);
	for (int i = 0; i < 2; i++) {
		loop_remove(&loop, sources[i].watcher);
		close(sources[i].fd);
	}
	loop_close(&loop);
}

static void an_fd_that_cannot_be_watched_gives_no_watcher(void **state)
{
	struct loop loop;
	int regular = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(loop_open(&loop), 0);
	assert_null(loop_add(&loop, -1, take_and_count, NULL));
	assert_null(loop_add(&loop, regular, take_and_count, NULL)); /* epoll takes no regular files */
	loop_remove(&loop, NULL);
	loop_close(&loop);
	close(regular);
}

static bool fires_within(int fd, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, timeout_ms) == 1;
}

static void a_timer_with_no_delay_fires_at_once_and_once_only(void **state)
{
	int fd = timer_open(0, 0);

	(void)state;
	assert_true(fd >= 0);
	assert_true(fires_within(fd, 5000));
	assert_int_equal(timer_take(fd), 1);
	assert_false(fires_within(fd, 30));
	close(fd);
}

static void a_timer_fires_after_its_delay_and_not_before(void **state)
{
	uint64_t start = monotonic_ns();
	int fd = timer_open(30 * MS, 0);

	(void)state;
	assert_true(fires_within(fd, 5000));
	assert_true(monotonic_ns() - start >= 30 * MS);
	close(fd);
}

static void a_periodic_timer_tells_how_often_it_expired_and_is_then_empty(void **state)
{
	uint64_t before = monotonic_ns(), taken;
	int fd = timer_open(1 * MS, 10 * MS);
	uint64_t after = monotonic_ns();

	(void)state;
	while (monotonic_ns() - after < 52 * MS)
		; /* six expirations, at 1, 11, 21, 31, 41 and 51 ms: not taken in between */
	taken = timer_take(fd);
	assert_in_range(taken, 6, 6 + (monotonic_ns() - before - 51 * MS) / (10 * MS));
	assert_true(fires_within(fd, 5000));
	close(fd);
}

static void taking_from_a_timer_that_has_not_fired_counts_as_one(void **state)
{
	int fd = timer_open(3600 * 1000 * MS, 0);

	(void)state;
	assert_int_equal(timer_take(fd), 1);
	close(fd);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_readable_fd_calls_back_with_its_data_until_the_loop_is_stopped),
		cmocka_unit_test(a_watcher_removed_by_another_of_the_same_round_is_not_called),
		cmocka_unit_test(a_watcher_that_removes_itself_is_called_once),
		cmocka_unit_test(after_a_stop_no_callback_of_the_same_round_is_called),
		cmocka_unit_test(an_fd_that_cannot_be_watched_gives_no_watcher),
		cmocka_unit_test(a_timer_with_no_delay_fires_at_once_and_once_only),
		cmocka_unit_test(a_timer_fires_after_its_delay_and_not_before),
		cmocka_unit_test(a_periodic_timer_tells_how_often_it_expired_and_is_then_empty),
		cmocka_unit_test(taking_from_a_timer_that_has_not_fired_counts_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
