// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/family.h"

#include <stddef.h>

const struct family_function family[] = {
	{ "malloc", MEMGAP_CALL_RESULT },
	{ "calloc", MEMGAP_CALL_RESULT },
	{ "realloc", MEMGAP_CALL_REALLOC },
	{ "reallocarray", MEMGAP_CALL_REALLOCARRAY },
	{ "memalign", MEMGAP_CALL_RESULT },
	{ "aligned_alloc", MEMGAP_CALL_RESULT },
	{ "posix_memalign", MEMGAP_CALL_POSIX_MEMALIGN },
	{ "valloc", MEMGAP_CALL_RESULT },
	{ "pvalloc", MEMGAP_CALL_RESULT },
	{ "free", FAMILY_FREE },
	{ "free_sized", FAMILY_FREE },         /* C23; glibc has it from 2.43 on */
	{ "free_aligned_sized", FAMILY_FREE },
	{ NULL, 0 },
};
