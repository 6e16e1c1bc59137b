// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can be called. The symbols are weak: what no library has is NULL. C++'s are mangled (Itanium C++ ABI, 5.1). The
 * last ones are glibc's own for the end of a thread, and in jemalloc(3), gperftools/tcmalloc.h and mimalloc.h.
 */
#include "tests/proof/caller.h"

#define FUNCTIONS(F)                                                     \
	F(malloc, MAKE_SIZE, MALLOC)                                     \
	F(calloc, MAKE_ZEROED, MALLOC)                                   \
	F(realloc, REMAKE_SIZE, MALLOC)                                  \
	F(reallocarray, REMAKE_COUNT_SIZE, MALLOC)                       \
	F(memalign, MAKE_ALIGN_SIZE, MALLOC)                             \
	F(aligned_alloc, MAKE_ALIGN_SIZE, MALLOC)                        \
	F(posix_memalign, MAKE_STORED, MALLOC)                           \
	F(valloc, MAKE_SIZE, MALLOC)                                     \
	F(pvalloc, MAKE_SIZE, MALLOC)                                    \
	F(free, RELEASE, MALLOC)                                         \
	F(cfree, RELEASE, MALLOC)                                        \
	F(free_sized, RELEASE_SIZE, MALLOC)                              \
	F(free_aligned_sized, RELEASE_ALIGN_SIZE, MALLOC)                \
	F(mi_memalign, MAKE_ALIGN_SIZE, MALLOC)                          \
	F(mi_aligned_alloc, MAKE_ALIGN_SIZE, MALLOC)                     \
	F(mi_posix_memalign, MAKE_STORED, MALLOC)                        \
	F(mi_valloc, MAKE_SIZE, MALLOC)                                  \
	F(mi_pvalloc, MAKE_SIZE, MALLOC)                                 \
	F(mi_reallocarray, REMAKE_COUNT_SIZE, MALLOC)                    \
	F(mi_cfree, RELEASE, MALLOC)                                     \
	F(_Znwm, MAKE_SIZE, NEW)                                         \
	F(_ZnwmRKSt9nothrow_t, MAKE_SIZE_TAG, NEW)                       \
	F(_ZdlPv, RELEASE, NEW)                                          \
	F(_ZdlPvm, RELEASE_SIZE, NEW)                                    \
	F(_ZdlPvRKSt9nothrow_t, RELEASE_TAG, NEW)                        \
	F(_Znam, MAKE_SIZE, NEW_ARRAY)                                   \
	F(_ZnamRKSt9nothrow_t, MAKE_SIZE_TAG, NEW_ARRAY)                 \
	F(_ZdaPv, RELEASE, NEW_ARRAY)                                    \
	F(_ZdaPvm, RELEASE_SIZE, NEW_ARRAY)                              \
	F(_ZdaPvRKSt9nothrow_t, RELEASE_TAG, NEW_ARRAY)                  \
	F(_ZnwmSt11align_val_t, MAKE_SIZE_ALIGN, NEW_ALIGNED)            \
	F(_ZnwmSt11align_val_tRKSt9nothrow_t, MAKE_SIZE_ALIGN_TAG, NEW_ALIGNED) \
	F(_ZdlPvSt11align_val_t, RELEASE_ALIGN, NEW_ALIGNED)             \
	F(_ZdlPvmSt11align_val_t, RELEASE_SIZE_ALIGN, NEW_ALIGNED)       \
	F(_ZdlPvSt11align_val_tRKSt9nothrow_t, RELEASE_ALIGN_TAG, NEW_ALIGNED) \
	F(_ZnamSt11align_val_t, MAKE_SIZE_ALIGN, NEW_ARRAY_ALIGNED)      \
	F(_ZnamSt11align_val_tRKSt9nothrow_t, MAKE_SIZE_ALIGN_TAG, NEW_ARRAY_ALIGNED) \
	F(_ZdaPvSt11align_val_t, RELEASE_ALIGN, NEW_ARRAY_ALIGNED)       \
	F(_ZdaPvmSt11align_val_t, RELEASE_SIZE_ALIGN, NEW_ARRAY_ALIGNED) \
	F(_ZdaPvSt11align_val_tRKSt9nothrow_t, RELEASE_ALIGN_TAG, NEW_ARRAY_ALIGNED) \
	F(__call_tls_dtors, NO_BLOCK, OWN)                               \
	F(mallocx, MAKE_SIZE, OWN)                                       \
	F(rallocx, REMAKE_SIZE, OWN)                                     \
	F(xallocx, RESIZE, OWN)                                          \
	F(dallocx, RELEASE, OWN)                                         \
	F(sdallocx, RELEASE_SIZE, OWN)                                   \
	F(tc_malloc_skip_new_handler, MAKE_SIZE, OWN)                    \
	F(mi_zalloc, MAKE_SIZE, OWN)                                     \
	F(mi_malloc_small, MAKE_SMALL, OWN)                              \
	F(mi_zalloc_small, MAKE_SMALL, OWN)                              \
	F(mi_mallocn, MAKE_COUNT_SIZE, OWN)                              \
	F(mi_malloc_aligned, MAKE_SIZE_ALIGN, OWN)                       \
	F(mi_zalloc_aligned, MAKE_SIZE_ALIGN, OWN)                       \
	F(mi_new_nothrow, MAKE_SIZE, OWN)                                \
	F(mi_new_n, MAKE_COUNT_SIZE, OWN)                                \
	F(mi_new_aligned_nothrow, MAKE_SIZE_ALIGN, OWN)                  \
	F(mi_realloc_aligned, REMAKE_SIZE_ALIGN, OWN)                    \
	F(mi_rezalloc, REMAKE_SIZE, OWN)                                 \
	F(mi_reallocn, REMAKE_COUNT_SIZE, OWN)                           \
	F(mi_recalloc, REMAKE_COUNT_SIZE, OWN)                           \
	F(mi_new_realloc, REMAKE_SIZE, OWN)                              \
	F(mi_free_size, RELEASE_SIZE, OWN)                               \
	F(mi_free_aligned, RELEASE_ALIGN, OWN)                           \
	F(mi_free_size_aligned, RELEASE_SIZE_ALIGN, OWN)

#define DECLARE(symbol, shape, class) void symbol(void) __attribute__((weak));
#define ENTRY(symbol, shape, class) { #symbol, (void *)(symbol), shape, class, false },

FUNCTIONS(DECLARE)

struct function functions[] = { FUNCTIONS(ENTRY) { 0 } };
