// SPDX-License-Identifier: GPL-2.0-only
#include "user/mimalloc/mimalloc_heap.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/fs.h"
#include "user/memory/maps.h"
#include "user/memory/owned.h"
#include "user/memory/remote.h"
#include "user/mimalloc/key.h"
#include "user/mimalloc/read.h"

#define VERSIONS "2.0.9"
/* To look for segments in all mappings, and to read them once. */
#define OPEN_BUDGET_NS 1000000000ULL

struct mimalloc_heap {
	struct remote remote;
	struct image image;
	struct anonymous maps;
	uint64_t key, key_address;
	struct owned owned, next; /* of the last read that succeeded, of the one that is going on */
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
static int check(struct mimalloc_heap *heap, uint64_t deadline)
{
	struct heap_view ignored;
	int result = find_key(&heap->image, &heap->maps, deadline, &heap->key);

	if (result)
		return result;
	result = key_find(heap->remote.dir_fd, &heap->image, heap->key, &heap->key_address);
	if (!result)
		result = read_mimalloc(&heap->image, &heap->maps, heap->key, deadline, &heap->next, &ignored);
	if (result == -ETIME || result == -ENOBUFS) /* in part it was read, and made sense */
		return 0;
	return result == -EAGAIN || result == -ENOENT ? -EPROTO : result;
}

static int open_heap(struct mimalloc_heap *heap, int proc_fd, pid_t pid, const char **ret_why)
{
	int result = remote_open(proc_fd, pid, &heap->remote, &heap->image);

	if (result) {
		*ret_why = result == -ESRCH ? "it is gone" : "its memory may not be looked into";
		return result;
	}
	result = anonymous_read(heap->remote.dir_fd, &heap->maps);
	if (!result)
		result = check(heap, monotonic_ns() + OPEN_BUDGET_NS);
	*ret_why = why(result);
	return result;
}

int mimalloc_heap_open(int proc_fd, pid_t pid, struct mimalloc_heap **ret, const char **ret_why)
{
	struct mimalloc_heap *heap = calloc(1, sizeof(*heap));
	int result;

	*ret_why = "out of memory";
	if (!heap)
		return -ENOMEM;
	heap->remote.dir_fd = heap->remote.pagemap_fd = -1;
	result = open_heap(heap, proc_fd, pid, ret_why);
	if (result) {
		mimalloc_heap_close(heap);
		return result;
	}
	*ret = heap;
	return 0;
}

void mimalloc_heap_close(struct mimalloc_heap *heap)
{
	if (!heap)
		return;
	remote_close(&heap->remote);
	anonymous_free(&heap->maps);
	owned_free(&heap->owned);
	owned_free(&heap->next);
	free(heap);
}

int mimalloc_heap_read(struct mimalloc_heap *heap, uint64_t budget_ns, struct heap_view *ret)
{
	uint64_t deadline = monotonic_ns() + budget_ns;
	struct heap_view view;
	struct owned previous;
	int result = anonymous_read(heap->remote.dir_fd, &heap->maps);

	if (!result)
		result = key_check(&heap->image, heap->key_address, heap->key);
	if (!result)
		result = read_mimalloc(&heap->image, &heap->maps, heap->key, deadline, &heap->next, &view);
	/* else another process may have had the pid by then */
	if (!remote_is_alive(&heap->remote))
		return -ESRCH;
	if (result)
		return result;
	previous = heap->owned;
	heap->owned = heap->next;
	heap->next = previous;
	*ret = view;
	return 0;
}

const char *mimalloc_heap_versions(const struct mimalloc_heap *heap)
{
	(void)heap;
	return VERSIONS;
}

struct heap_part_of mimalloc_heap_owned(const struct mimalloc_heap *heap, uint64_t start, uint64_t end)
{
	struct heap_part_of sum = { 0 };

	if (heap)
		owned_sum(&heap->owned, start, end, &sum.bytes, &sum.resident);
	return sum;
}
