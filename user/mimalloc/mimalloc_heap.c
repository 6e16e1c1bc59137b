// SPDX-License-Identifier: GPL-2.0-only
#include "user/mimalloc/mimalloc_heap.h"

#include <errno.h>

#include "user/memory/maps.h"
#include "user/mimalloc/key.h"
#include "user/mimalloc/read.h"

#define VERSIONS "2.0.9"

/* To look for segments in all mappings, and to read them once. */
static const struct heap_budget open_budget = { .most_ns = 1000000000 };

struct state {
	struct anonymous maps;
	uint64_t key, key_address;
};

static const char *why(int result)
{
	switch (result) {
	case 0:
		return VERSIONS;
	case -ENOENT:
		return "it has no segment of mimalloc " VERSIONS;
	case -EPROTO:
		return "what its mimalloc keeps fails the checks of what memgap knows of it";
	case -ESRCH:
		return "it is gone";
	case -ETIME:
		return "it has too much memory to look for segments of mimalloc in all of it";
	default:
		return "its mappings cannot be read";
	}
}

/* A heap that never makes sense is one of another build: a secure one, or one for debugging. */
static int check(struct state *state, const struct heap_process *process)
{
	struct owned ignored_ranges = { 0 };
	struct heap_view ignored;
	int result = find_key(&process->image, &state->maps, &open_budget, &state->key);

	if (result)
		return result;
	result = key_find(process->dir_fd, &process->image, state->key, &state->key_address);
	if (!result)
		result = read_mimalloc(&process->image, &state->maps, state->key, &open_budget, &ignored_ranges, &ignored);
	owned_free(&ignored_ranges);
	if (result == -ETIME || result == -ENOBUFS) /* in part it was read, and made sense */
		return 0;
	return result == -EAGAIN || result == -ENOENT ? -EPROTO : result;
}

static int open_heap(void *data, const struct heap_process *process, const char **ret_why)
{
	struct state *state = data;
	int result = anonymous_read(process->dir_fd, &state->maps);

	if (!result)
		result = check(state, process);
	*ret_why = why(result);
	return result;
}

static void close_heap(void *data)
{
	struct state *state = data;

	anonymous_free(&state->maps);
}

static int read_all(void *data, const struct heap_process *process, const struct heap_budget *budget, const struct owned *before,
		    struct owned *ret_owned, struct heap_view *ret)
{
	struct state *state = data;
	int result = anonymous_read(process->dir_fd, &state->maps);

	(void)before;
	if (!result)
		result = key_check(&process->image, state->key_address, state->key);
	return result ? result : read_mimalloc(&process->image, &state->maps, state->key, budget, ret_owned, ret);
}

const struct heap_kind mimalloc_heap = {
	.name = "mimalloc",
	.state_bytes = sizeof(struct state),
	.open = open_heap,
	.close = close_heap,
	.read = read_all,
};
