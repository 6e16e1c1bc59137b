/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The size of a glibc block without remembering it: the word before the pointer is the chunk's size with
 * three flag bits (struct malloc_chunk, mchunk_size, in malloc/malloc.c of glibc 2.26 and later).
 * What is usable is what musable() there says.
 */
#ifndef MEMGAP_GLIBC_BPF_H
#define MEMGAP_GLIBC_BPF_H

#include "maps.bpf.h"

#define CHUNK_FLAGS 7UL     /* SIZE_BITS */
#define CHUNK_IS_MMAPPED 2UL

/*
 * A chunk lends the word before its header, prev_size, to its neighbour below. An mmapped one has none, and pays for it itself;
 * from glibc 2.43 on what it pays is not in its size. There its size ends short of the page that it ends with.
 */
static __always_inline __u64 usable_of_header(__u64 block, __u64 head)
{
	__u64 size = head & ~CHUNK_FLAGS, end = block - 2 * sizeof(head) + size;

	return size - (head & CHUNK_IS_MMAPPED && !(end & (PAGE_BYTES - 1)) ? 2 : 1) * sizeof(head);
}

/* Usable bytes of the block at `block`; -EFAULT when its header cannot be read (paged out). */
static __always_inline int chunk_usable(__u64 block, __u64 *ret_usable)
{
	__u64 head;

	if (bpf_probe_read_user(&head, sizeof(head), (void *)(block - sizeof(head))))
		return -14;
	*ret_usable = usable_of_header(block, head);
	return 0;
}

#endif
