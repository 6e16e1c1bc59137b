/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory of a process that is made up, for the reader of heaps. After helpers.h. */
#ifndef MEMGAP_TESTS_UNIT_HEAP_IMAGE_H
#define MEMGAP_TESTS_UNIT_HEAP_IMAGE_H

#include "user/base/fs.h"
#include "user/glibc/chunk.h"
#include "user/heap/heap.h"
#include "user/memory/image.h"

#define PAGE 4096ULL
#define FAKE_SEGMENTS 4
#define A_MINUTE 60000000000ULL

static const struct heap_budget a_minute = { .most_ns = A_MINUTE };

struct fake_segment {
	uint64_t start, size;
	uint8_t *bytes, *states;
};

struct fake {
	struct fake_segment segments[FAKE_SEGMENTS];
	size_t n;
	unsigned int reads;
	void (*before_read)(struct fake *fake); /* may change what is there */
	struct image image;
};

static inline struct fake_segment *fake_find(struct fake *fake, uint64_t address)
{
	for (size_t i = 0; i < fake->n; i++)
		if (address >= fake->segments[i].start && address - fake->segments[i].start < fake->segments[i].size)
			return &fake->segments[i];
	return NULL;
}

static ssize_t fake_read(void *data, uint64_t address, void *buffer, size_t size)
{
	struct fake *fake = data;
	struct fake_segment *segment = fake_find(fake, address);

	fake->reads++;
	if (fake->before_read)
		fake->before_read(fake);
	if (!segment)
		return 0;
	if (size > segment->start + segment->size - address)
		size = segment->start + segment->size - address;
	/* to read what is absent would make a page of it */
	for (uint64_t page = address / PAGE; page <= (address + size - 1) / PAGE; page++)
		if (segment->states[page - segment->start / PAGE] == PAGE_ABSENT)
			fail_msg("an absent page was read: %#lx", (unsigned long)(page * PAGE));
	memcpy(buffer, segment->bytes + (address - segment->start), size);
	return (ssize_t)size;
}

static int fake_pages(void *data, uint64_t start, size_t n, uint8_t *states)
{
	struct fake *fake = data;

	memset(states, PAGE_ABSENT, n);
	for (size_t i = 0; i < fake->n; i++) {
		const struct fake_segment *segment = &fake->segments[i];
		uint64_t from = segment->start > start ? segment->start : start;
		uint64_t to = segment->start + segment->size < start + n * PAGE ? segment->start + segment->size : start + n * PAGE;

		if (from < to)
			memcpy(states + (from - start) / PAGE, segment->states + (from - segment->start) / PAGE, (to - from) / PAGE);
	}
	return 0;
}

/* Whole pages of zeros, resident. */
static inline void fake_add(struct fake *fake, uint64_t start, uint64_t size)
{
	struct fake_segment *segment = &fake->segments[fake->n++];

	assert_true(fake->n <= FAKE_SEGMENTS && start % PAGE == 0 && size % PAGE == 0);
	*segment = (struct fake_segment){ start, size, calloc(1, size), malloc(size / PAGE) };
	memset(segment->states, PAGE_RESIDENT, size / PAGE);
	fake->image = (struct image){ .data = fake, .page_bytes = PAGE, .read = fake_read, .pages = fake_pages };
}

static inline void fake_free(struct fake *fake)
{
	for (size_t i = 0; i < fake->n; i++) {
		free(fake->segments[i].bytes);
		free(fake->segments[i].states);
	}
	memset(fake, 0, sizeof(*fake));
}

static inline void *fake_at(struct fake *fake, uint64_t address)
{
	struct fake_segment *segment = fake_find(fake, address);

	assert_non_null(segment);
	return segment->bytes + (address - segment->start);
}

static inline void fake_put(struct fake *fake, uint64_t address, uint64_t value)
{
	memcpy(fake_at(fake, address), &value, sizeof(value));
}

static inline void fake_put32(struct fake *fake, uint64_t address, uint32_t value)
{
	memcpy(fake_at(fake, address), &value, sizeof(value));
}

static inline void fake_put16(struct fake *fake, uint64_t address, uint16_t value)
{
	memcpy(fake_at(fake, address), &value, sizeof(value));
}

static inline void fake_put8(struct fake *fake, uint64_t address, uint8_t value)
{
	memcpy(fake_at(fake, address), &value, sizeof(value));
}

static inline void fake_set_pages(struct fake *fake, uint64_t start, uint64_t n, enum page_state state)
{
	struct fake_segment *segment = fake_find(fake, start);

	assert_non_null(segment);
	memset(segment->states + (start - segment->start) / PAGE, (int)state, n);
}

/* A chunk's header; returns where the next one starts. */
static inline uint64_t fake_chunk(struct fake *fake, uint64_t address, uint64_t size, bool previous_is_used)
{
	fake_put(fake, address + 8, size | (previous_is_used ? PREV_INUSE : 0));
	return address + size;
}

/* One that is free: its size is at its end too. */
static inline uint64_t fake_free_chunk(struct fake *fake, uint64_t address, uint64_t size)
{
	fake_chunk(fake, address, size, true);
	fake_put(fake, address + size, size);
	return address + size;
}

#endif
