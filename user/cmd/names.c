// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/log.h"
#include "user/base/worker.h"
#include "user/target/container.h"
#include "user/target/root.h"

/* A new container is asked for soon; one that no engine knows, now and then. */
#define LEAST_NS 1000000000ULL
#define AGAIN_NS 60000000000ULL

/* As `docker ps` shows ids. */
#define ID_DIGITS_SHOWN 12

/* What the worker has to do. */
struct question {
	int proc_fd;
	const struct target_options *options;
	struct runtime_names *answer; /* NULL: out of memory */
	char note[RUNTIME_NOTE_MAX];
};

struct names {
	struct question question;
	struct runtime_names *known;
	struct worker *worker;
	struct loop *loop;
	struct watcher *watcher;
	uint64_t asked_ns; /* when the engines were asked last; 0: never */
	bool wanted;
	char told[RUNTIME_NOTE_MAX]; /* what went wrong the last time */
};

int names_read_now(int proc_fd, const struct target_options *options, struct runtime_names **ret, char *ret_note)
{
	struct runtime_sources sources = { .root_fd = host_root_open(proc_fd), .docker_host = getenv("DOCKER_HOST"),
					   .sockets = options->runtime_sockets, .n_sockets = options->n_runtime_sockets };
	int result = runtime_names_read(&sources, ret, ret_note);

	if (sources.root_fd >= 0)
		close(sources.root_fd);
	return result;
}

/* In the worker's thread. */
static void ask(void *data)
{
	struct question *question = data;

	if (names_read_now(question->proc_fd, question->options, &question->answer, question->note))
		question->answer = NULL;
}

static void answered(void *data)
{
	struct names *names = data;
	struct question *question;
	uint64_t ignored;

	question = worker_take(names->worker, &ignored);
	if (!question || !question->answer)
		return;
	runtime_names_free(names->known);
	names->known = question->answer;
	question->answer = NULL;
	if (question->note[0] && strcmp(question->note, names->told))
		log_message("container names: %s", question->note);
	memcpy(names->told, question->note, sizeof(names->told));
}

int names_open(int proc_fd, const struct target_options *options, struct runtime_names *known, struct loop *loop,
	       struct names **ret)
{
	struct names *names = calloc(1, sizeof(*names));
	int result = names ? worker_open(&names->worker) : -ENOMEM;

	if (!result) {
		names->watcher = loop_add(loop, worker_fd(names->worker), answered, names);
		if (!names->watcher) {
			worker_close(names->worker, &(void *){ NULL });
			result = -ENOMEM;
		}
	}
	if (result) {
		free(names);
		return result;
	}
	names->question = (struct question){ .proc_fd = proc_fd, .options = options };
	names->known = known;
	names->asked_ns = known ? monotonic_ns() : 0;
	names->loop = loop;
	*ret = names;
	return 0;
}

bool names_close(struct names *names)
{
	void *ignored;

	if (!names)
		return true;
	loop_remove(names->loop, names->watcher);
	if (!worker_close(names->worker, &ignored))
		return false;
	runtime_names_free(names->question.answer);
	runtime_names_free(names->known);
	free(names);
	return true;
}

static void want(struct names *names, uint64_t *asked_ns)
{
	uint64_t now = monotonic_ns();

	if (!*asked_ns)
		*asked_ns = now;
	/* it is newer than the last answer, or that was long ago */
	if (*asked_ns >= names->asked_ns || now - names->asked_ns > AGAIN_NS)
		names->wanted = true;
}

void names_fill(struct names *names, struct target_name *target, uint64_t *asked_ns)
{
	const struct container_info *info;
	struct container_ref ref;

	if (!names || !container_parse(target->cgroup, &ref))
		return;
	info = names->known ? runtime_names_get(names->known, ref.id) : NULL;
	if (!info || !info->name[0]) {
		want(names, asked_ns);
		snprintf(target->container, sizeof(target->container), "%.*s", ID_DIGITS_SHOWN, ref.id);
		return;
	}
	snprintf(target->container, sizeof(target->container), "%s", info->name);
	snprintf(target->pod, sizeof(target->pod), "%s", info->pod);
	snprintf(target->pod_namespace, sizeof(target->pod_namespace), "%s", info->pod_namespace);
}

void names_tick(struct names *names)
{
	uint64_t now = monotonic_ns();

	if (!names || !names->wanted || !worker_is_idle(names->worker) || (names->asked_ns && now - names->asked_ns < LEAST_NS))
		return;
	names->wanted = false;
	names->asked_ns = now;
	worker_start(names->worker, ask, &names->question);
}
