// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/family.h"

#include <stddef.h>

const struct family_function family[] = {
	{ "malloc", MEMGAP_CALL_MALLOC, FAMILY_OF_ALL },
	{ "calloc", MEMGAP_CALL_CALLOC, FAMILY_OF_ALL },
	{ "realloc", MEMGAP_CALL_REALLOC, FAMILY_OF_ALL },
	{ "reallocarray", MEMGAP_CALL_REALLOCARRAY, FAMILY_OF_REMEMBERED }, /* of the libcs it calls realloc, whosever that is */
	{ "memalign", MEMGAP_CALL_MEMALIGN, FAMILY_OF_ALL },
	{ "aligned_alloc", MEMGAP_CALL_MEMALIGN, FAMILY_OF_ALL },
	{ "posix_memalign", MEMGAP_CALL_POSIX_MEMALIGN, FAMILY_OF_ALL },
	{ "valloc", MEMGAP_CALL_VALLOC, FAMILY_OF_ALL },
	{ "pvalloc", MEMGAP_CALL_PVALLOC, FAMILY_OF_ALL },
	{ "free", MEMGAP_CALL_FREE, FAMILY_OF_ALL },
	{ "cfree", MEMGAP_CALL_FREE, FAMILY_OF_REMEMBERED },
	{ "free_sized", MEMGAP_CALL_FREE, FAMILY_OF_ALL }, /* C23; glibc has it from 2.43 on */
	{ "free_aligned_sized", MEMGAP_CALL_FREE, FAMILY_OF_ALL },

	/*
	 * C++: libstdc++'s operators end in malloc and free, other allocators bring their own. The names are those of the Itanium ABI:
	 * nw new, na new[], dl delete, da delete[]; m size_t, Pv void *.
	 */
	{ "_Znwm", MEMGAP_CALL_MALLOC, FAMILY_THROWING },
	{ "_Znam", MEMGAP_CALL_MALLOC, FAMILY_THROWING },
	{ "_ZnwmRKSt9nothrow_t", MEMGAP_CALL_MALLOC, FAMILY_OF_REMEMBERED },
	{ "_ZnamRKSt9nothrow_t", MEMGAP_CALL_MALLOC, FAMILY_OF_REMEMBERED },
	{ "_ZnwmSt11align_val_t", MEMGAP_CALL_ALIGNED_NEW, FAMILY_THROWING },
	{ "_ZnamSt11align_val_t", MEMGAP_CALL_ALIGNED_NEW, FAMILY_THROWING },
	{ "_ZnwmSt11align_val_tRKSt9nothrow_t", MEMGAP_CALL_ALIGNED_NEW, FAMILY_OF_REMEMBERED },
	{ "_ZnamSt11align_val_tRKSt9nothrow_t", MEMGAP_CALL_ALIGNED_NEW, FAMILY_OF_REMEMBERED },
	{ "_ZdlPv", MEMGAP_CALL_FREE, FAMILY_OF_REMEMBERED },
	{ "_ZdaPv", MEMGAP_CALL_FREE, FAMILY_OF_REMEMBERED },
	{ "_ZdlPvm", MEMGAP_CALL_FREE, FAMILY_OF_REMEMBERED },
	{ "_ZdaPvm", MEMGAP_CALL_FREE, FAMILY_OF_REMEMBERED },
	{ "_ZdlPvRKSt9nothrow_t", MEMGAP_CALL_FREE, FAMILY_OF_REMEMBERED },
	{ "_ZdaPvRKSt9nothrow_t", MEMGAP_CALL_FREE, FAMILY_OF_REMEMBERED },
	{ "_ZdlPvSt11align_val_t", MEMGAP_CALL_FREE, FAMILY_OF_REMEMBERED },
	{ "_ZdaPvSt11align_val_t", MEMGAP_CALL_FREE, FAMILY_OF_REMEMBERED },
	{ "_ZdlPvmSt11align_val_t", MEMGAP_CALL_FREE, FAMILY_OF_REMEMBERED },
	{ "_ZdaPvmSt11align_val_t", MEMGAP_CALL_FREE, FAMILY_OF_REMEMBERED },
	{ "_ZdlPvSt11align_val_tRKSt9nothrow_t", MEMGAP_CALL_FREE, FAMILY_OF_REMEMBERED },
	{ "_ZdaPvSt11align_val_tRKSt9nothrow_t", MEMGAP_CALL_FREE, FAMILY_OF_REMEMBERED },

	/* jemalloc(3) */
	{ "mallocx", MEMGAP_CALL_MALLOCX, FAMILY_OF_REMEMBERED },
	{ "rallocx", MEMGAP_CALL_RALLOCX, FAMILY_OF_REMEMBERED },
	{ "xallocx", MEMGAP_CALL_XALLOCX, FAMILY_OF_REMEMBERED },
	{ "dallocx", MEMGAP_CALL_FREE, FAMILY_OF_REMEMBERED },
	{ "sdallocx", MEMGAP_CALL_FREE, FAMILY_OF_REMEMBERED },

	/* gperftools/tcmalloc.h, with the prefix tc_ */
	{ "malloc_skip_new_handler", MEMGAP_CALL_MALLOC, FAMILY_OF_REMEMBERED },

	/* mimalloc.h, with the prefix mi_; those of a heap of one's own are not there */
	{ "malloc_small", MEMGAP_CALL_MALLOC, FAMILY_OF_REMEMBERED },
	{ "zalloc", MEMGAP_CALL_MALLOC, FAMILY_OF_REMEMBERED },
	{ "zalloc_small", MEMGAP_CALL_MALLOC, FAMILY_OF_REMEMBERED },
	{ "mallocn", MEMGAP_CALL_CALLOC, FAMILY_OF_REMEMBERED },
	{ "malloc_aligned", MEMGAP_CALL_ALIGNED_NEW, FAMILY_OF_REMEMBERED },
	{ "zalloc_aligned", MEMGAP_CALL_ALIGNED_NEW, FAMILY_OF_REMEMBERED },
	{ "realloc_aligned", MEMGAP_CALL_ALIGNED_REALLOC, FAMILY_OF_REMEMBERED },
	{ "rezalloc", MEMGAP_CALL_REALLOC, FAMILY_OF_REMEMBERED },
	{ "reallocn", MEMGAP_CALL_REALLOCARRAY, FAMILY_OF_REMEMBERED },
	{ "recalloc", MEMGAP_CALL_REALLOCARRAY, FAMILY_OF_REMEMBERED },
	{ "new_nothrow", MEMGAP_CALL_MALLOC, FAMILY_OF_REMEMBERED },
	{ "new_n", MEMGAP_CALL_CALLOC, FAMILY_THROWING },
	{ "new", MEMGAP_CALL_MALLOC, FAMILY_THROWING },
	{ "new_aligned", MEMGAP_CALL_ALIGNED_NEW, FAMILY_THROWING },
	{ "new_aligned_nothrow", MEMGAP_CALL_ALIGNED_NEW, FAMILY_OF_REMEMBERED },
	{ "new_realloc", MEMGAP_CALL_REALLOC, FAMILY_THROWING },
	{ "free_size", MEMGAP_CALL_FREE, FAMILY_OF_REMEMBERED },
	{ "free_aligned", MEMGAP_CALL_FREE, FAMILY_OF_REMEMBERED },
	{ "free_size_aligned", MEMGAP_CALL_FREE, FAMILY_OF_REMEMBERED },

	/* exported for glibc's own libraries: a thread calls it right before it empties its cache (start_thread()) */
	{ FAMILY_THREAD_END, MEMGAP_CALL_THREAD_END, FAMILY_OF_GLIBC },
	{ NULL, 0, FAMILY_OF_ALL },
};

bool family_has(const struct family_function *function, enum memgap_allocator allocator)
{
	switch (function->whose) {
	case FAMILY_OF_ALL:
		return true;
	case FAMILY_OF_REMEMBERED:
	case FAMILY_THROWING:
		return memgap_is_remembered(allocator);
	case FAMILY_OF_GLIBC:
		return allocator == MEMGAP_GLIBC;
	}
	return false;
}

unsigned int family_arguments(enum memgap_allocator allocator, enum memgap_call call)
{
	switch (call) {
	case MEMGAP_CALL_REALLOC:
		return 2;
	case MEMGAP_CALL_REALLOCARRAY:
	case MEMGAP_CALL_ALIGNED_REALLOC:
	case MEMGAP_CALL_RALLOCX:
		return 3;
	case MEMGAP_CALL_FREE:
	case MEMGAP_CALL_XALLOCX:
		return 1;
	case MEMGAP_CALL_POSIX_MEMALIGN:
		return memgap_is_remembered(allocator) ? 3 : 1;
	case MEMGAP_CALL_MALLOC:
	case MEMGAP_CALL_VALLOC:
	case MEMGAP_CALL_PVALLOC:
		return memgap_is_remembered(allocator) ? 1 : 0;
	case MEMGAP_CALL_THREAD_END:
		return 0;
	case MEMGAP_CALL_CALLOC:
	case MEMGAP_CALL_MEMALIGN:
	case MEMGAP_CALL_ALIGNED_NEW:
	case MEMGAP_CALL_MALLOCX:
		return memgap_is_remembered(allocator) ? 2 : 0;
	}
	return MEMGAP_ARGUMENTS;
}
