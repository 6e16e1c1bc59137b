// SPDX-License-Identifier: GPL-2.0-only
#include "user/musl/musl_heap.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/fs.h"
#include "user/memory/owned.h"
#include "user/memory/remote.h"
#include "user/musl/find.h"
#include "user/musl/read.h"

#define VERSIONS "1.2.1 to 1.2.6"

struct musl_heap {
	struct remote remote;
	struct image image;
	struct context context;
	struct owned owned, next; /* of the last read that succeeded, of the one that is going on */
};

static int open_heap(struct musl_heap *heap, int proc_fd, pid_t pid, const char **ret_why)
{
	int result = remote_open(proc_fd, pid, &heap->remote, &heap->image);

	if (result) {
		*ret_why = result == -ESRCH ? "it is gone" : "its memory may not be looked into";
		return result;
	}
	result = find_context(heap->remote.dir_fd, &heap->image, &heap->context, ret_why);
	if (!result)
		*ret_why = VERSIONS;
	return result;
}

int musl_heap_open(int proc_fd, pid_t pid, struct musl_heap **ret, const char **ret_why)
{
	struct musl_heap *heap = calloc(1, sizeof(*heap));
	int result;

	*ret_why = "out of memory";
	if (!heap)
		return -ENOMEM;
	heap->remote.dir_fd = heap->remote.pagemap_fd = -1;
	result = open_heap(heap, proc_fd, pid, ret_why);
	if (result) {
		musl_heap_close(heap);
		return result;
	}
	*ret = heap;
	return 0;
}

void musl_heap_close(struct musl_heap *heap)
{
	if (!heap)
		return;
	remote_close(&heap->remote);
	owned_free(&heap->owned);
	owned_free(&heap->next);
	free(heap);
}

int musl_heap_read(struct musl_heap *heap, uint64_t budget_ns, struct heap_view *ret)
{
	struct heap_view view;
	struct owned previous;
	int result = read_musl(&heap->image, &heap->context, monotonic_ns() + budget_ns, &heap->next, &view);

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

const char *musl_heap_versions(const struct musl_heap *heap)
{
	(void)heap;
	return VERSIONS;
}

struct heap_part_of musl_heap_owned(const struct musl_heap *heap, uint64_t start, uint64_t end)
{
	struct heap_part_of sum = { 0 };

	if (heap)
		owned_sum(&heap->owned, start, end, &sum.bytes, &sum.resident);
	return sum;
}
