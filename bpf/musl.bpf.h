/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The size of a musl block (mallocng, musl 1.2.1 and later): exactly what was asked for. It is kept as the distance to the
 * end of the block's slot; the slot's place and size are in the group's meta data. As get_meta() and get_nominal_size()
 * in src/malloc/mallocng/meta.h have it.
 */
#ifndef MEMGAP_MUSL_BPF_H
#define MEMGAP_MUSL_BPF_H

#include "maps.bpf.h"

#define MUSL_UNIT 16 /* bytes: of all sizes and offsets */
#define MUSL_IB 4    /* bytes of a slot's header before its block */
#define MUSL_SIZE_CLASSES 48

/* size_classes[] in src/malloc/mallocng/malloc.c, in units */
static const __u16 musl_size_classes[64] = {
	1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 18, 20, 25, 31, 36, 42, 50, 63, 72, 84, 102, 127, 146, 170, 204, 255, 292, 340, 409,
	511, 584, 682, 818, 1023, 1169, 1364, 1637, 2047, 2340, 2730, 3276, 4095, 4680, 5460, 6552, 8191,
};

/* struct meta there; flags: last_idx 5 bits, freeable 1, sizeclass 6, maplen the rest */
struct musl_meta {
	__u64 prev, next, mem;
	__u32 avail_mask, freed_mask;
	__u64 flags;
};

/* The bytes right before a block. */
struct musl_header {
	__u32 long_offset; /* to the group's start, in units, if `is_long` */
	__u8 is_long;
	__u8 index_reserved; /* slot's index 5 bits; bytes that are left at the slot's end 3 bits; 5: see there */
	__u16 offset;
};

static __always_inline __u64 musl_stride(const struct musl_meta *meta)
{
	__u64 last = meta->flags & 31, size_class = meta->flags >> 6 & 63, pages = meta->flags >> 12;

	return !last && pages ? pages * 4096 - MUSL_UNIT : MUSL_UNIT * (__u64)musl_size_classes[size_class];
}

static __always_inline int musl_usable(__u64 block, __u64 *ret_usable)
{
	__u64 group, meta_address, end;
	struct musl_header header;
	struct musl_meta meta;
	__u32 reserved;

	if (bpf_probe_read_user(&header, sizeof(header), (void *)(block - sizeof(header))))
		return -14;
	group = block - MUSL_UNIT * (__u64)(header.is_long ? header.long_offset : header.offset) - MUSL_UNIT;
	if (bpf_probe_read_user(&meta_address, sizeof(meta_address), (void *)group) ||
	    bpf_probe_read_user(&meta, sizeof(meta), (void *)meta_address) || meta.mem != group)
		return -14;
	end = group + MUSL_UNIT + musl_stride(&meta) * ((header.index_reserved & 31) + 1) - MUSL_IB;
	reserved = header.index_reserved >> 5;
	if (reserved >= 5 && bpf_probe_read_user(&reserved, sizeof(reserved), (void *)(end - sizeof(reserved))))
		return -14;
	*ret_usable = end - reserved - block;
	return 0;
}

#endif
