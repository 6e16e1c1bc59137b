/* SPDX-License-Identifier: GPL-2.0-only */
/* The mappings of a process: /proc/PID/maps (proc(5)). */
#ifndef MEMGAP_MEMORY_MAPS_H
#define MEMGAP_MEMORY_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of one line. */
struct mapping {
	uint64_t start, end;
	uint64_t offset; /* in the file */
	uint64_t inode;  /* 0: of no file */
	bool writable, private, executable;
	const char *name; /* a path, "[heap]", "" when it has none: in the line */
};

/* False when the line is none. A header in smaps is one. */
bool mapping_parse(const char *line, struct mapping *ret);

struct range {
	uint64_t start, end;
};

/* What the reader of the heap has to know. */
struct anonymous {
	struct range *list; /* private and writable, of no file, neither the heap nor a stack; by address */
	size_t n, room;
	uint64_t brk_end; /* end of "[heap]", a page's; 0 when there is none */
};

/* Reads it anew into what is there. -ESRCH: it is gone; -ENOMEM, -EFBIG. */
int anonymous_read(int dir_fd, struct anonymous *maps);
void anonymous_free(struct anonymous *maps);

#endif
