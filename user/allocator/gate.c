// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/gate.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <memgap_gate.skel.h>
#include <memgap_gate_implicit.skel.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bpf/gate.h"
#include "user/allocator/messages.h"

#define COMES_WITHIN_MS 50   /* a process that is woken, on a busy machine */
#define ENDS_WITHIN_MS 1000  /* once it has begun to look: it is in the kernel, and only waits for a CPU */

struct gate {
	struct gate_bpf *bpf;
	struct ring_buffer *answers;
	uint64_t answered; /* the last ticket that a process has come for */
	bool posts;
};

static int take_answer(void *context, void *data, size_t size)
{
	struct gate *gate = context;

	if (size == sizeof(gate->answered))
		memcpy(&gate->answered, data, size);
	return 0;
}

/* How the objects may be loaded. */
static const struct way {
	bool implicit; /* gate_implicit.bpf.c */
	bool posts;    /* task work: Linux 6.18 */
} ways[] = { { false, true }, { true, true }, { true, false } };

/* Both objects have the same maps and programs: one skeleton does for them. */
static struct gate_bpf *open_object(bool implicit)
{
	struct gate_bpf *bpf;

	if (!implicit)
		return gate_bpf__open();
	bpf = calloc(1, sizeof(*bpf));
	if (!bpf || gate_bpf__create_skeleton(bpf)) {
		free(bpf);
		return NULL;
	}
	bpf->skeleton->data = gate_implicit_bpf__elf_bytes(&bpf->skeleton->data_sz);
	if (!bpf_object__open_skeleton(bpf->skeleton, NULL))
		return bpf;
	gate_bpf__destroy(bpf);
	return NULL;
}

static int load(struct gate *gate, const struct way *way)
{
	int result;

	gate->bpf = open_object(way->implicit);
	if (!gate->bpf)
		return -ENOMEM;
	gate->posts = way->posts;
	bpf_program__set_autoload(gate->bpf->progs.post, way->posts);
	result = gate_bpf__load(gate->bpf);
	if (result || !way->posts)
		return result;
	gate->answers = ring_buffer__new(bpf_map__fd(gate->bpf->maps.answers), take_answer, gate, NULL);
	return gate->answers ? 0 : -errno;
}

static void unload(struct gate *gate)
{
	ring_buffer__free(gate->answers);
	gate_bpf__destroy(gate->bpf);
	gate->answers = NULL;
	gate->bpf = NULL;
}

int gate_open(struct gate **ret)
{
	struct gate *gate = calloc(1, sizeof(*gate));
	int result = -ENOMEM;

	libbpf_says_at_debug();
	for (size_t i = 0; gate && i < sizeof(ways) / sizeof(ways[0]); i++) {
		result = load(gate, &ways[i]);
		if (!result) {
			*ret = gate;
			return 0;
		}
		unload(gate);
	}
	free(gate);
	return result == -EPERM || result == -ENOMEM ? result : -ENOTSUP;
}

void gate_close(struct gate *gate)
{
	if (!gate)
		return;
	unload(gate);
	free(gate);
}

static enum memgap_gate_result run(const struct bpf_program *program, struct memgap_gate_request *request)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = request, .ctx_size_in = sizeof(*request));

	if (bpf_prog_test_run_opts(bpf_program__fd(program), &options))
		return MEMGAP_GATE_UNABLE;
	return (enum memgap_gate_result)request->result;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool is_answered_within(struct gate *gate, uint64_t ticket, int ms)
{
	int64_t end = now_ms() + ms;

	while (gate->answered != ticket && ms >= 0) {
		ring_buffer__poll(gate->answers, ms);
		ms = (int)(end - now_ms());
	}
	return gate->answered == ticket;
}

/* It is about to look: mostly it has by now. */
static enum memgap_gate_result await_outcome(struct gate *gate, union memgap_gate_ticket ticket)
{
	int64_t end = now_ms() + ENDS_WITHIN_MS;

	do {
		union memgap_gate_ticket outcome = { .value = gate->bpf->bss->outcome };

		if (outcome.number == ticket.number && outcome.pid == ticket.pid)
			return (enum memgap_gate_result)outcome.signal;
		sched_yield();
	} while (now_ms() < end);
	return MEMGAP_GATE_SENT; /* as far as is known: nobody is to send it again */
}

/* false: the process has begun to look. */
static bool take_back(struct gate *gate, uint64_t ticket)
{
	uint64_t *pending = (uint64_t *)&gate->bpf->bss->pending_ticket;
	uint32_t key = 0;

	if (!__atomic_compare_exchange_n(pending, &ticket, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return false;
	bpf_map_delete_elem(bpf_map__fd(gate->bpf->maps.posts), &key);
	return true;
}

static enum memgap_gate_result wait_for_answer(struct gate *gate, uint64_t ticket)
{
	if (!is_answered_within(gate, ticket, COMES_WITHIN_MS) && take_back(gate, ticket))
		return MEMGAP_GATE_UNABLE;
	return await_outcome(gate, (union memgap_gate_ticket){ .value = ticket });
}

enum gate_result gate_send(struct gate *gate, pid_t pid, uint64_t start_time, int signal)
{
	struct memgap_gate_request request = { .start_time = start_time, .pid = (uint32_t)pid, .signal = (uint32_t)signal };
	enum memgap_gate_result result = MEMGAP_GATE_UNABLE;

	if (gate->posts)
		result = run(gate->bpf->progs.post, &request);
	if (result == MEMGAP_GATE_POSTED)
		result = wait_for_answer(gate, request.ticket);
	request.posts = gate->posts;
	if (result == MEMGAP_GATE_UNABLE)
		result = run(gate->bpf->progs.send_now, &request);
	switch (result) {
	case MEMGAP_GATE_SENT:
		return GATE_SENT;
	case MEMGAP_GATE_UNEXPECTED:
		return GATE_UNEXPECTED;
	case MEMGAP_GATE_GONE:
		return GATE_GONE;
	case MEMGAP_GATE_BUSY:
		return GATE_BUSY;
	default:
		return GATE_UNABLE;
	}
}
