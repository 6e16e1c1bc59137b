/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The usable size that a request gets, for allocators that have size classes. The tests compare each with what the packaged
 * libraries' malloc_usable_size() says.
 */
#ifndef MEMGAP_CLASSES_BPF_H
#define MEMGAP_CLASSES_BPF_H

#include "maps.bpf.h"

/* Filled by the loader (user/allocator/tcmalloc.h). */
extern const volatile __u32 tcmalloc_usable[TCMALLOC_CLASSES];

static __always_inline __u64 round_up(__u64 n, __u64 power_of_two)
{
	return (n + power_of_two - 1) & -power_of_two;
}

/* The number of the highest bit; n is not 0. */
static __always_inline __u32 log2_floor(__u64 n)
{
	__u32 log2 = 0;

	if (n >> 32)
		log2 += 32, n >>= 32;
	if (n >> 16)
		log2 += 16, n >>= 16;
	if (n >> 8)
		log2 += 8, n >>= 8;
	if (n >> 4)
		log2 += 4, n >>= 4;
	if (n >> 2)
		log2 += 2, n >>= 2;
	return log2 + (__u32)(n >> 1);
}

/*
 * mimalloc's blocks with pages of their own: _mi_os_good_alloc_size() in os.c; before version 3 rounded up to whole slices, or
 * from 512 KiB on to whole medium pages (mi_segments_page_alloc() in segment.c).
 */
#define MIMALLOC_NATURAL 16UL /* MI_MAX_ALIGN_SIZE: bytes */
#define MIMALLOC_SLICE (64UL << 10)
#define MIMALLOC_MEDIUM_PAGE (512UL << 10)

static __always_inline __u64 coarse(__u64 size)
{
	if (size < 512UL << 10)
		return round_up(size, PAGE_BYTES);
	if (size < 2UL << 20)
		return round_up(size, 64UL << 10);
	if (size < 8UL << 20)
		return round_up(size, 256UL << 10);
	if (size < 32UL << 20)
		return round_up(size, 1UL << 20);
	return round_up(size, 4UL << 20);
}

static __always_inline __u64 above_classes(__u32 above, __u64 size)
{
	if (above == MEMGAP_ABOVE_PAGES)
		return round_up(size, PAGE_BYTES);
	size = coarse(size);
	if (above == MEMGAP_ABOVE_COARSE_SEGMENTS)
		size = round_up(size, size > MIMALLOC_MEDIUM_PAGE ? MIMALLOC_MEDIUM_PAGE : MIMALLOC_SLICE);
	return size;
}

/*
 * 8, 16, 32, 48, 64, and then four classes for each doubling, up to some size: jemalloc's (sz_s2u_compute() in its sz.h) and
 * mimalloc's (_mi_bin() in its page-queue.c).
 */
static __always_inline __u64 four_a_doubling(__u32 key, __u64 size)
{
	const struct memgap_library *library;

	if (size <= 8)
		return 8;
	if (size <= 128)
		return round_up(size, 16);
	if (size > MEMGAP_CLASSES_OF_ALL) {
		library = bpf_map_lookup_elem(&libraries, &key);
		if (library && library->above && size > library->class_max)
			return above_classes(library->above, size);
	}
	return round_up(size, 1ULL << (log2_floor(size - 1) - 2));
}

/* sz_sa2u() in jemalloc's sz.h, with 4 KiB pages and a quantum of 16 bytes. */
#define JEMALLOC_SMALL_MAX 14336UL /* SC_SMALL_MAXCLASS */
#define JEMALLOC_LARGE_MIN 16384UL /* SC_LARGE_MINCLASS */

static __always_inline __u64 jemalloc_usable(__u32 library, __u64 size, __u64 alignment)
{
	__u64 usable;

	if (!alignment)
		return four_a_doubling(library, size);
	if (!size)
		size = 1;
	if (size <= JEMALLOC_SMALL_MAX && alignment <= PAGE_BYTES) {
		usable = four_a_doubling(library, round_up(size, alignment));
		if (usable < JEMALLOC_LARGE_MIN)
			return usable;
	}
	return size <= JEMALLOC_LARGE_MIN ? JEMALLOC_LARGE_MIN : four_a_doubling(library, size);
}

/* gperftools' pages: kPageSize in src/common.h, its default. */
#define TCMALLOC_PAGE 8192UL
#define TCMALLOC_CLASSES_MAX 128 /* kClassSizesMax */

static __always_inline __u64 tcmalloc_plain(__u64 size)
{
	__u32 index;

	if (size > TCMALLOC_MAX_CLASS)
		return round_up(size, TCMALLOC_PAGE);
	index = tcmalloc_index(size);
	asm volatile("" : "+r"(index)); /* what the compiler knows of it the verifier has to be shown */
	return index < TCMALLOC_CLASSES ? tcmalloc_usable[index] : 0;
}

/* do_memalign() in src/tcmalloc.cc: the first class whose size is a multiple of the alignment, else whole pages. */
static __always_inline __u64 tcmalloc_aligned(__u64 size, __u64 alignment)
{
	__u64 usable = tcmalloc_plain(size ? size : 1);

	if (alignment <= TCMALLOC_PAGE)
		for (int i = 0; i < TCMALLOC_CLASSES_MAX && usable && usable <= TCMALLOC_MAX_CLASS; i++) {
			if (!(usable & (alignment - 1)))
				return usable;
			usable = tcmalloc_plain(usable + 1);
		}
	return round_up(size ? size : 1, TCMALLOC_PAGE);
}

/* do_realloc_with_callback() there: it grows by at least a quarter, and keeps a block that is at most half empty. */
static __always_inline __u64 tcmalloc_moved(__u64 size, __u64 old_usable)
{
	__u64 least = old_usable + old_usable / 4;

	return tcmalloc_plain(old_usable && size > old_usable && size < least ? least : size);
}

/*
 * Within a larger block a more than naturally aligned one may begin anywhere: that counts at the size that was asked for, its
 * usable size is somewhat more.
 */
static __always_inline __u64 mimalloc_usable(__u32 library, __u64 size, __u64 alignment)
{
	return alignment > MIMALLOC_NATURAL ? size : four_a_doubling(library, size);
}

static __always_inline __u64 class_of_request(const struct thread_state *t)
{
	switch (t->allocator) {
	case MEMGAP_JEMALLOC:
		return jemalloc_usable(t->library, t->size, t->alignment);
	case MEMGAP_TCMALLOC:
		if (t->alignment)
			return tcmalloc_aligned(t->size, t->alignment);
		return t->call == MEMGAP_CALL_REALLOC ? tcmalloc_moved(t->size, t->old_usable) : tcmalloc_plain(t->size);
	default:
		return mimalloc_usable(t->library, t->size, t->alignment);
	}
}

#endif
