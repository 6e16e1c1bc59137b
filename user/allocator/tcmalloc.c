// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/tcmalloc.h"

#include <stddef.h>

/* Constants of gperftools' src/common.h. */
#define PAGE_BYTES 8192U
#define MIN_ALIGNMENT 16U
#define TRANSFER_BYTES 65536U /* NumMoveSize() */
#define TRANSFER_LEAST 2U
#define TRANSFER_MOST 32U
#define MAX_CLASSES 128

static uint32_t log2_floor(uint32_t n)
{
	return 31 - (uint32_t)__builtin_clz(n);
}

/* AlignmentForSize(): an eighth of the power of two below. */
static uint32_t alignment_for(uint32_t size)
{
	uint32_t alignment = 8;

	if (size >= 128)
		alignment = (1U << log2_floor(size)) / 8;
	else if (size >= MIN_ALIGNMENT)
		alignment = MIN_ALIGNMENT;
	return alignment < PAGE_BYTES ? alignment : PAGE_BYTES;
}

/* How many objects go between the caches at a time. */
static uint32_t transfer_of(uint32_t size)
{
	uint32_t n = TRANSFER_BYTES / size;

	if (n < TRANSFER_LEAST)
		n = TRANSFER_LEAST;
	return n < TRANSFER_MOST ? n : TRANSFER_MOST;
}

/* The pages of a span of such objects: as few as waste at most an eighth, and hold a quarter of a transfer. */
static uint32_t span_of(uint32_t size)
{
	uint32_t span = 0;

	do {
		span += PAGE_BYTES;
		while (span % size > span / 8)
			span += PAGE_BYTES;
	} while (span / size < transfer_of(size) / 4);
	return span;
}

/* SizeMap::Init(): a class that fills its span no better than the next larger one is merged with it. Returns their number. */
static size_t compute_classes(uint32_t classes[MAX_CLASSES])
{
	uint32_t last_span = 0;
	size_t n = 0;

	for (uint32_t size = 8; size <= TCMALLOC_MAX_CLASS && n < MAX_CLASSES; size += alignment_for(size)) {
		uint32_t span = span_of(size);

		if (n && span == last_span && span / size == span / classes[n - 1])
			n--;
		classes[n++] = size;
		last_span = span;
	}
	return n;
}

void tcmalloc_fill_classes(uint32_t usable[TCMALLOC_CLASSES])
{
	uint32_t classes[MAX_CLASSES] = { 0 };
	size_t n = compute_classes(classes);
	uint32_t index = 0;

	for (size_t i = 0; i < n; i++)
		for (; index <= tcmalloc_index(classes[i]) && index < TCMALLOC_CLASSES; index++)
			usable[index] = classes[i];
}
