// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/worker.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "user/base/thread.h"

#define CLOSE_WAITS_MS 200

struct worker {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wanted;
	int fd;
	bool ending;
	/* of the job: */
	void (*job)(void *data); /* NULL: none waits */
	void *data;
	bool busy, done; /* busy until it is taken */
	uint64_t cpu_ns;
};

static uint64_t cpu_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void do_job(struct worker *worker)
{
	void (*job)(void *data) = worker->job;
	uint64_t began = cpu_now();

	worker->job = NULL;
	pthread_mutex_unlock(&worker->mutex);
	job(worker->data);
	pthread_mutex_lock(&worker->mutex);
	worker->cpu_ns = cpu_now() - began;
	worker->done = true;
	eventfd_write(worker->fd, 1);
}

static void *serve(void *data)
{
	struct worker *worker = data;

	pthread_mutex_lock(&worker->mutex);
	while (!worker->ending) {
		if (worker->job)
			do_job(worker);
		else
			pthread_cond_wait(&worker->wanted, &worker->mutex);
	}
	pthread_mutex_unlock(&worker->mutex);
	return NULL;
}

int worker_open(struct worker **ret)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int result;

	if (!worker)
		return -ENOMEM;
	pthread_mutex_init(&worker->mutex, NULL);
	pthread_cond_init(&worker->wanted, NULL);
	worker->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	result = worker->fd < 0 ? -errno : thread_start(&worker->thread, serve, worker);
	if (result) {
		if (worker->fd >= 0)
			close(worker->fd);
		free(worker);
		return result;
	}
	*ret = worker;
	return 0;
}

bool worker_close(struct worker *worker, void **ret_data)
{
	struct timespec until;

	*ret_data = NULL;
	pthread_mutex_lock(&worker->mutex);
	worker->ending = true;
	pthread_cond_signal(&worker->wanted);
	pthread_mutex_unlock(&worker->mutex);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += CLOSE_WAITS_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	if (pthread_clockjoin_np(worker->thread, NULL, CLOCK_MONOTONIC, &until)) {
		pthread_detach(worker->thread);
		return false;
	}
	if (worker->busy)
		*ret_data = worker->data;
	close(worker->fd);
	pthread_cond_destroy(&worker->wanted);
	pthread_mutex_destroy(&worker->mutex);
	free(worker);
	return true;
}

int worker_fd(const struct worker *worker)
{
	return worker->fd;
}

bool worker_is_idle(const struct worker *worker)
{
	return !worker->busy; /* only the caller's own thread changes it */
}

void worker_start(struct worker *worker, void (*job)(void *data), void *data)
{
	pthread_mutex_lock(&worker->mutex);
	worker->job = job;
	worker->data = data;
	worker->busy = true;
	worker->done = false;
	pthread_cond_signal(&worker->wanted);
	pthread_mutex_unlock(&worker->mutex);
}

void *worker_take(struct worker *worker, uint64_t *ret_cpu_ns)
{
	void *data = NULL;
	eventfd_t ignored;

	pthread_mutex_lock(&worker->mutex);
	if (worker->busy && worker->done) {
		data = worker->data;
		*ret_cpu_ns = worker->cpu_ns;
		worker->busy = false;
		eventfd_read(worker->fd, &ignored);
	}
	pthread_mutex_unlock(&worker->mutex);
	return data;
}
