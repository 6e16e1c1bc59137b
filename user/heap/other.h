/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Anonymous memory that is not the heap of glibc's malloc: /proc/PID/smaps (proc(5); fs/proc/task_mmu.c, show_smap()).
 * Mappings are put together by what they are called, or by their size: 96 of 1 MiB are rather one thing than 96.
 */
#ifndef MEMGAP_HEAP_OTHER_H
#define MEMGAP_HEAP_OTHER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "user/heap/heap.h"

enum other_kind {
	OTHER_NONE,   /* there is no such memory */
	OTHER_SIZE,   /* mappings without a name, of one size */
	OTHER_NAME,   /* "[stack]", "[anon:NAME]" (PR_SET_VMA_ANON_NAME), of any size */
	OTHER_FILE,   /* written to by the process, private to it, in mappings of files: all together */
};

/* A name that the kernel shows has at most 80 bytes (ANON_VMA_NAME_MAX_LEN) and what is around it. It may be hostile text. */
#define OTHER_NAME_MAX 96

struct other_group {
	enum other_kind kind;
	int64_t resident; /* bytes */
	uint64_t count;   /* mappings; the kernel makes one of two that touch and are alike */
	uint64_t size;    /* bytes of each, resident or not: OTHER_SIZE; else of all together */
	char name[OTHER_NAME_MAX]; /* OTHER_NAME, else "" */
};

struct other_view {
	int64_t resident; /* bytes; private pages of files are in it */
	int64_t file;     /* of it: OTHER_FILE */
	struct other_group largest;
};

/* What of a range is the heap's. */
typedef struct heap_part_of (*other_owned)(const void *data, uint64_t start, uint64_t end);

/* The text of smaps, a line at a time. */
struct other_mapping {
	uint64_t size;
	int64_t resident;
	enum other_kind kind;
	char name[OTHER_NAME_MAX];
};

struct other_parser {
	other_owned owned; /* NULL: nothing is */
	const void *data;
	uint64_t start, end; /* of the mapping whose lines come; end 0: none that counts */
	struct other_mapping mapping;
	struct other_mapping *list;
	size_t n, room;
};

void other_begin(struct other_parser *parser, other_owned owned, const void *data);
int other_line(struct other_parser *parser, const char *line); /* -ENOMEM */
/* After the last line; releases all. */
int other_end(struct other_parser *parser, struct other_view *ret);
void other_free(struct other_parser *parser);

/*
 * heap: after a heap_read() of it, as recent as can be; NULL: "[heap]" is the heap, and nothing else. "[heap]" never counts.
 * -ESRCH, -EACCES, -ENOMEM, -EFBIG (lines.h).
 */
int other_read(int proc_fd, pid_t pid, const struct heap *heap, struct other_view *ret);

#endif
