// SPDX-License-Identifier: GPL-2.0-only
#include "user/glibc/glibc_heap.h"

#include <errno.h>

#include "user/glibc/arenas.h"
#include "user/glibc/chunk.h"
#include "user/glibc/find.h"
#include "user/glibc/read.h"
#include "user/memory/maps.h"
#include "user/memory/word.h"

/* More than that are no glance. */
#define GLANCED_ARENAS 256

struct state {
	struct place place;
	struct anonymous maps;
};

static int check(const struct image *image, const struct place *place, const char **ret_why)
{
	struct parameters parameters;
	struct arena arena;
	int result = parameters_read(image, place, &parameters);

	if (!result)
		result = arena_read(image, place->layout, place->main_arena, &arena);
	if (!result && !arena.system_mem && !parameters.n_mmaps && arena.next == arena.address) {
		*ret_why = "nothing was allocated with glibc's malloc yet, or another allocator is in its place";
		return -ENOENT;
	}
	if (!result && (parameters.tcache_count > UINT16_MAX || arena.next == 0))
		result = -EPROTO;
	if (result && result != -ESRCH)
		*ret_why = "what its malloc keeps fails the checks of what memgap knows of it";
	return result == -EAGAIN || result == -EFAULT ? -EPROTO : result;
}

static int open_heap(void *data, const struct heap_process *process, const char **ret_why)
{
	struct state *state = data;
	int result = find_place(process->dir_fd, &process->image, &state->place, ret_why);

	if (!result)
		result = check(&process->image, &state->place, ret_why);
	if (!result)
		*ret_why = state->place.layout->versions;
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

	ret_owned->n = 0;
	return result ? result : read_heap(&process->image, &state->place, &state->maps, before, budget, ret_owned, ret);
}

/* Of one arena; a top that moves meanwhile makes it wrong by that. */
static int add_reach(const struct image *image, const struct arena *arena, struct heap_head *sum)
{
	uint8_t head[8];
	int result = arena->top ? image_get(image, arena->top + 8, head, sizeof(head)) : 0;
	uint64_t top = arena->top && !result ? chunk_size(word(head)) : 0;

	if (result && result != -EFAULT)
		return result;
	sum->sys += (int64_t)arena->system_mem;
	sum->reach += (int64_t)(arena->system_mem - (top < arena->system_mem ? top : 0));
	return 0;
}

static int glance(const void *data, const struct heap_process *process, struct heap_head *ret)
{
	const struct state *state = data;
	const struct image *image = &process->image;
	const struct place *place = &state->place;
	struct parameters parameters;
	struct heap_head head = { 0 };
	struct arena arena = { .next = place->main_arena };
	int result = parameters_read(image, place, &parameters);

	for (unsigned int i = 0; !result && i < GLANCED_ARENAS && (!i || arena.next != place->main_arena); i++) {
		result = arena_read(image, place->layout, arena.next, &arena);
		if (!result)
			result = add_reach(image, &arena, &head);
	}
	if (!result && (arena.next != place->main_arena || parameters.mmapped_mem >= ADDRESS_MAX))
		result = -EAGAIN;
	if (result)
		return result;
	head.sys += (int64_t)parameters.mmapped_mem;
	head.reach += (int64_t)parameters.mmapped_mem;
	*ret = head;
	return 0;
}

const struct heap_kind glibc_heap = {
	.name = "glibc",
	.state_bytes = sizeof(struct state),
	.open = open_heap,
	.close = close_heap,
	.read = read_all,
	.glance = glance,
};
