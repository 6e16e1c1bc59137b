/* SPDX-License-Identifier: GPL-2.0-only */
/* The command line: PATTERN [OPTIONS]. */
#ifndef WORKLOAD_OPTIONS_H
#define WORKLOAD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pattern;

/* Options that only some patterns use; the others refuse them. */
enum option_use {
	USES_SIZE = 1 << 0,
	USES_BLOCKS = 1 << 1,
	USES_THREADS = 1 << 2,
	USES_RATE = 1 << 3,
	USES_FILE = 1 << 4,
};

struct options {
	const struct pattern *pattern;
	size_t size_bytes;    /* of a block or in total, as the pattern has it */
	uint64_t blocks;
	uint64_t threads;
	uint64_t rate;        /* malloc/free pairs a second, all threads together; 0: as fast as possible */
	const char *file;     /* NULL: a temporary one */
	size_t noise_bytes;   /* 0: none */
	uint64_t seed;        /* of the noise */
	uint64_t interval_ns;
	uint64_t duration_ns; /* 0: endless */
	bool truth;
	bool no_trim;
};

enum options_outcome {
	OPTIONS_RUN,   /* *ret is complete, the pattern's defaults included */
	OPTIONS_HELP,  /* --help was asked for */
	OPTIONS_WRONG, /* said on stderr, in one line */
};

/* The strings in *ret are those of argv. Allocates nothing. */
enum options_outcome options_parse(int argc, char **argv, struct options *ret);

/* Every pattern and option in a line, on stdout. Returns 0 or -errno of the write. */
int options_help(void);

#endif
