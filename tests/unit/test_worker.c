// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <poll.h>
#include <pthread.h>

#include "user/base/worker.h"

#define SECONDS_MS 10000

struct job {
	pthread_t thread;
	int pipe[2];  /* it waits until it can read from it, */
	int begun[2]; /* and says here that it does */
};

static void note_thread(void *data)
{
	struct job *job = data;

	job->thread = pthread_self();
}

static void wait_for_pipe(void *data)
{
	struct job *job = data;
	char byte;

	assert_int_equal(write(job->begun[1], "", 1), 1);
	assert_int_equal(read(job->pipe[0], &byte, 1), 1);
}

static void assert_readable(int fd, int timeout_ms, int expected)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&poll_fd, 1, timeout_ms), expected);
}

static void a_job_is_done_in_another_thread_and_told(void **state)
{
	struct worker *worker;
	struct job job;
	uint64_t cpu_ns;
	void *left;

	(void)state;
	assert_int_equal(worker_open(&worker), 0);
	assert_true(worker_is_idle(worker));
	assert_null(worker_take(worker, &cpu_ns));
	for (int i = 0; i < 3; i++) {
		worker_start(worker, note_thread, &job);
		assert_false(worker_is_idle(worker));
		assert_readable(worker_fd(worker), SECONDS_MS, 1);
		assert_ptr_equal(worker_take(worker, &cpu_ns), &job);
		assert_false(pthread_equal(job.thread, pthread_self()));
		assert_true(worker_is_idle(worker));
		assert_readable(worker_fd(worker), 0, 0);
		assert_null(worker_take(worker, &cpu_ns));
	}
	assert_true(worker_close(worker, &left));
	assert_null(left);
}

static void a_job_that_is_not_done_is_not_there_to_be_taken(void **state)
{
	struct worker *worker;
	struct job job;
	uint64_t cpu_ns;
	void *left;

	(void)state;
	assert_int_equal(pipe(job.pipe), 0);
	assert_int_equal(pipe(job.begun), 0);
	assert_int_equal(worker_open(&worker), 0);
	worker_start(worker, wait_for_pipe, &job);
	assert_null(worker_take(worker, &cpu_ns));
	assert_int_equal(write(job.pipe[1], "", 1), 1);
	assert_readable(worker_fd(worker), SECONDS_MS, 1);
	assert_ptr_equal(worker_take(worker, &cpu_ns), &job);
	assert_true(worker_close(worker, &left));
	close(job.pipe[0]);
	close(job.pipe[1]);
	close(job.begun[0]);
	close(job.begun[1]);
}

static void what_was_not_taken_comes_back_at_the_end(void **state)
{
	struct worker *worker;
	struct job job;
	void *left;

	(void)state;
	assert_int_equal(worker_open(&worker), 0);
	worker_start(worker, note_thread, &job);
	assert_readable(worker_fd(worker), SECONDS_MS, 1);
	assert_true(worker_close(worker, &left));
	assert_ptr_equal(left, &job);
}

static time_t hours_ahead;

/* The clock that is set; linked in place of clock_gettime(), which also looks at the others. */
int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
	int result = __real_clock_gettime(clock, ret);

	if (!result && clock == CLOCK_REALTIME)
		ret->tv_sec += hours_ahead * 3600;
	return result;
}

static void check_that_one_that_hangs_does_not_keep_us(void)
{
	struct worker *worker;
	struct job *job = calloc(1, sizeof(*job)); /* stays with the thread */
	void *left;

	assert_int_equal(pipe(job->pipe), 0);
	assert_int_equal(pipe(job->begun), 0);
	assert_int_equal(worker_open(&worker), 0);
	worker_start(worker, wait_for_pipe, job);
	assert_readable(job->begun[0], SECONDS_MS, 1);
	alarm(SECONDS_MS / 1000);
	assert_false(worker_close(worker, &left));
	alarm(0);
	assert_null(left);
}

static void a_job_that_hangs_does_not_keep_us(void **state)
{
	(void)state;
	check_that_one_that_hangs_does_not_keep_us();
}

/* As if the clock were set back once it has been looked at. */
static void nor_does_it_where_the_clock_is_set(void **state)
{
	(void)state;
	hours_ahead = 1;
	check_that_one_that_hangs_does_not_keep_us();
	hours_ahead = 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_job_is_done_in_another_thread_and_told),
		cmocka_unit_test(a_job_that_is_not_done_is_not_there_to_be_taken),
		cmocka_unit_test(what_was_not_taken_comes_back_at_the_end),
		cmocka_unit_test(a_job_that_hangs_does_not_keep_us),
		cmocka_unit_test(nor_does_it_where_the_clock_is_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
