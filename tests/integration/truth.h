/* SPDX-License-Identifier: GPL-2.0-only */
/* What tests/programs/preload_truth.c counts inside a program. */
#ifndef MEMGAP_TESTS_TRUTH_H
#define MEMGAP_TESTS_TRUTH_H

#include <stdatomic.h>
#include <stdint.h>

struct truth {
	_Atomic int64_t alloc, total_alloc; /* bytes */
	_Atomic int64_t mallocs, frees;     /* blocks */
};

#endif
