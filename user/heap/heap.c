// SPDX-License-Identifier: GPL-2.0-only
#include "user/heap/heap.h"

#include <errno.h>
#include <stdlib.h>

#include "user/heap/arenas.h"
#include "user/heap/chunk.h"
#include "user/heap/find.h"
#include "user/heap/read.h"
#include "user/memory/maps.h"
#include "user/memory/owned.h"
#include "user/memory/remote.h"
#include "user/memory/word.h"

/* More than that are no glance. */
#define GLANCED_ARENAS 256

struct heap {
	struct remote remote;
	struct image image;
	struct place place;
	struct anonymous maps;
	struct owned owned, next; /* of the last read that succeeded, of the one that is going on */
};

static int check(struct heap *heap, const char **ret_why)
{
	struct parameters parameters;
	struct arena arena;
	int result = parameters_read(&heap->image, &heap->place, &parameters);

	if (!result)
		result = arena_read(&heap->image, heap->place.layout, heap->place.main_arena, &arena);
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

static int open_heap(struct heap *heap, int proc_fd, pid_t pid, const char **ret_why)
{
	int result = remote_open(proc_fd, pid, &heap->remote, &heap->image);

	if (result) {
		*ret_why = result == -ESRCH ? "it is gone" : "its memory may not be looked into";
		return result;
	}
	result = find_place(heap->remote.dir_fd, &heap->image, &heap->place, ret_why);
	if (!result)
		result = check(heap, ret_why);
	if (!result)
		*ret_why = heap->place.layout->versions;
	return result;
}

int heap_open(int proc_fd, pid_t pid, struct heap **ret, const char **ret_why)
{
	struct heap *heap = calloc(1, sizeof(*heap));
	int result;

	*ret_why = "out of memory";
	if (!heap)
		return -ENOMEM;
	heap->remote.dir_fd = heap->remote.pagemap_fd = -1;
	result = open_heap(heap, proc_fd, pid, ret_why);
	if (result) {
		heap_close(heap);
		return result;
	}
	*ret = heap;
	return 0;
}

void heap_close(struct heap *heap)
{
	if (!heap)
		return;
	remote_close(&heap->remote);
	anonymous_free(&heap->maps);
	owned_free(&heap->owned);
	owned_free(&heap->next);
	free(heap);
}

int heap_read(struct heap *heap, const struct heap_budget *budget, struct heap_view *ret)
{
	struct heap_view view;
	struct heap_head head;
	struct owned previous;
	int result = anonymous_read(heap->remote.dir_fd, &heap->maps);

	heap->next.n = 0;
	if (!result)
		result = read_heap(&heap->image, &heap->place, &heap->maps, &heap->owned, budget, &heap->next, &view);
	/* else another process may have had the pid by then */
	if (!remote_is_alive(&heap->remote))
		return -ESRCH;
	if (result)
		return result;
	if (!heap_glance(heap, &head))
		view.reach = head.reach;
	previous = heap->owned;
	heap->owned = heap->next;
	heap->next = previous;
	*ret = view;
	return 0;
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

int heap_glance(const struct heap *heap, struct heap_head *ret)
{
	struct parameters parameters;
	struct heap_head head = { 0 };
	struct arena arena = { .next = heap->place.main_arena };
	int result = parameters_read(&heap->image, &heap->place, &parameters);

	for (unsigned int i = 0; !result && i < GLANCED_ARENAS && (!i || arena.next != heap->place.main_arena); i++) {
		result = arena_read(&heap->image, heap->place.layout, arena.next, &arena);
		if (!result)
			result = add_reach(&heap->image, &arena, &head);
	}
	if (!result && (arena.next != heap->place.main_arena || parameters.mmapped_mem >= ADDRESS_MAX))
		result = -EAGAIN;
	if (result)
		return result;
	head.sys += (int64_t)parameters.mmapped_mem;
	head.reach += (int64_t)parameters.mmapped_mem;
	*ret = head;
	return 0;
}

const char *heap_why(int result)
{
	switch (result) {
	case -EAGAIN:
		return "it changes its heap faster than that can be read, or its heap is corrupt";
	case -ETIME:
		return "its heap is too large for the time that a reading may take";
	case -ENOBUFS:
		return "too much of its heap is swapped out";
	case -EOPNOTSUPP:
		return "its main arena is in pieces that cannot be told apart";
	case -ESRCH:
		return "it is gone";
	case -EPERM:
	case -EACCES:
		return "its memory may not be looked into";
	default:
		return "its heap cannot be read";
	}
}

const char *heap_versions(const struct heap *heap)
{
	return heap->place.layout->versions;
}

struct heap_part_of heap_owned(const struct heap *heap, uint64_t start, uint64_t end)
{
	struct heap_part_of sum = { 0 };

	if (heap)
		owned_sum(&heap->owned, start, end, &sum.bytes, &sum.resident);
	return sum;
}
