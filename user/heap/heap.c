// SPDX-License-Identifier: GPL-2.0-only
#include "user/heap/heap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/glibc/glibc_heap.h"
#include "user/memory/lines.h"
#include "user/memory/maps.h"
#include "user/memory/remote.h"
#include "user/mimalloc/mimalloc_heap.h"
#include "user/musl/musl_heap.h"

struct heap {
	const struct heap_kind *kind;
	void *state;
	const char *versions;
	struct remote remote;
	struct heap_process process;
	struct owned owned, next; /* of the last read that succeeded, of the one that is going on */
};

/* Whose files are mapped. */
struct libraries {
	bool glibc, musl, mimalloc, other; /* other: an allocator whose heap is not read */
};

static void note_file(const char *path, struct libraries *libraries)
{
	const char *name = strrchr(path, '/');

	if (!name)
		return;
	libraries->glibc |= !strncmp(name, "/libc.so.6", 10) || !strncmp(name, "/libc-2.", 8);
	libraries->musl |= !strncmp(name, "/ld-musl-", 9);
	libraries->mimalloc |= strstr(name, "mimalloc") != NULL;
	libraries->other |= strstr(name, "jemalloc") || strstr(name, "tcmalloc");
}

static int list_libraries(int dir_fd, struct libraries *ret)
{
	int fd = openat(dir_fd, "maps", O_RDONLY | O_CLOEXEC), result = 0;
	struct lines *lines = malloc(sizeof(*lines));
	struct mapping mapping;
	const char *line;

	*ret = (struct libraries){ 0 };
	if (fd >= 0 && lines) {
		lines_open(lines, fd);
		while ((line = lines_next(lines, &result)))
			if (mapping_parse(line, &mapping) && mapping.inode)
				note_file(mapping.name, ret);
	} else {
		result = !lines ? -ENOMEM : errno == ENOENT ? -ESRCH : -errno;
	}
	free(lines);
	if (fd >= 0)
		close(fd);
	return result;
}

static int open_kind(struct heap *heap, const struct heap_kind *kind, const char **ret_why)
{
	int result;

	heap->state = calloc(1, kind->state_bytes);
	if (!heap->state)
		return -ENOMEM;
	heap->kind = kind;
	result = kind->open(heap->state, &heap->process, ret_why);
	if (!result) {
		heap->versions = *ret_why;
		return 0;
	}
	kind->close(heap->state);
	free(heap->state);
	heap->state = NULL;
	return result;
}

/* Preloaded or linked, another allocator takes the libc's place. A program without any libc's file may have either in itself. */
static int open_allocator(struct heap *heap, const char **ret_why)
{
	struct libraries libraries;
	int result = list_libraries(heap->remote.dir_fd, &libraries);

	*ret_why = "its mappings cannot be read";
	if (result)
		return result;
	if (libraries.mimalloc)
		return open_kind(heap, &mimalloc_heap, ret_why);
	*ret_why = "another allocator is in the place of musl's";
	if (libraries.musl)
		return libraries.other ? -ENOENT : open_kind(heap, &musl_heap, ret_why);
	result = open_kind(heap, &glibc_heap, ret_why);
	if (result == -ENOENT && !libraries.glibc && !open_kind(heap, &musl_heap, &(const char *){ NULL }))
		result = 0;
	return result;
}

static int open_heap(struct heap *heap, int proc_fd, pid_t pid, const char **ret_why)
{
	int result = remote_open(proc_fd, pid, &heap->remote, &heap->process.image);

	if (result) {
		*ret_why = result == -ESRCH ? "it is gone" : fs_is_short(result) ? "out of memory or descriptors" : "its memory may not be looked into";
		return result;
	}
	heap->process.dir_fd = heap->remote.dir_fd;
	result = open_allocator(heap, ret_why);
	if (!result)
		*ret_why = heap->versions;
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
	if (heap->state)
		heap->kind->close(heap->state);
	free(heap->state);
	remote_close(&heap->remote);
	owned_free(&heap->owned);
	owned_free(&heap->next);
	free(heap);
}

int heap_read(struct heap *heap, const struct heap_budget *budget, struct heap_view *ret)
{
	struct heap_view view;
	struct heap_head head;
	struct owned previous;
	int result = heap->kind->read(heap->state, &heap->process, budget, &heap->owned, &heap->next, &view);

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

int heap_glance(const struct heap *heap, struct heap_head *ret)
{
	return heap->kind->glance ? heap->kind->glance(heap->state, &heap->process, ret) : -ENOSYS;
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

const char *heap_name(const struct heap *heap)
{
	return heap->kind->name;
}

const char *heap_versions(const struct heap *heap)
{
	return heap->versions;
}

struct heap_part_of heap_owned(const struct heap *heap, uint64_t start, uint64_t end)
{
	struct heap_part_of sum = { 0 };

	if (heap)
		owned_sum(&heap->owned, start, end, &sum.bytes, &sum.resident);
	return sum;
}
