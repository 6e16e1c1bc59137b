/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lies that are written into a made-up process's memory (tests/unit/heap_image.h), before it is read and while it is: the input says
 * which words and pages change to what, and at which of the reads. The memory is as it was again afterwards.
 */
#ifndef MEMGAP_TESTS_FUZZ_PATCHES_H
#define MEMGAP_TESTS_FUZZ_PATCHES_H

#include "tests/fuzz/fuzz.h"

#include "tests/unit/heap_image.h"

#define PATCH_BYTES 12
#define PATCHES_MAX 64
#define WORDS_MAX 8192
#define READS_MAX 400 /* a sound heap takes some 50; then the process is gone: what only tries again and again is nothing new */

/* A word that had a value when the process was made: where lies matter most. */
struct words {
	uint64_t addresses[WORDS_MAX];
	size_t n;
};

static inline void words_collect(struct fake *fake, struct words *words)
{
	words->n = 0;
	for (size_t i = 0; i < fake->n; i++)
		for (uint64_t at = 0; at < fake->segments[i].size && words->n < WORDS_MAX; at += 8)
			if (memcmp(fake->segments[i].bytes + at, &(uint64_t){ 0 }, 8))
				words->addresses[words->n++] = fake->segments[i].start + at;
}

struct undo {
	uint8_t *at;
	uint64_t was;
	size_t n; /* bytes */
};

struct patches {
	struct fake *fake;
	const struct words *words;
	const uint8_t *list; /* of PATCH_BYTES each */
	size_t n, next;
	unsigned int reads;
	struct undo undone[PATCHES_MAX];
	size_t n_undone;
};

static inline void patch_bytes(struct patches *patches, uint8_t *at, uint64_t value, size_t n)
{
	struct undo *undo = &patches->undone[patches->n_undone++];

	*undo = (struct undo){ .at = at, .n = n };
	memcpy(&undo->was, at, n);
	memcpy(at, &value, n);
}

static inline uint64_t patch_word_address(const struct patches *patches, uint64_t number, bool known)
{
	const struct fake_segment *segment = &patches->fake->segments[number >> 14 & (FAKE_SEGMENTS - 1)];

	if (known)
		return patches->words->addresses[number % patches->words->n];
	if (!segment->size)
		segment = &patches->fake->segments[0];
	return segment->start + number * 8 % segment->size;
}

static inline uint64_t patch_value(struct patches *patches, unsigned int kind, uint64_t was, uint64_t value)
{
	switch (kind) {
	case 0:
		return value;
	case 1:
		return value & 0xffff;
	case 2:
		return was + (uint64_t)(int64_t)(int16_t)value;
	case 3:
		return was ^ value;
	case 4:
		return patches->fake->segments[(value >> 20) % patches->fake->n].start + (value & 0xfffff);
	case 5:
		memcpy(&value, fake_at(patches->fake, patch_word_address(patches, value, true)), sizeof(value));
		return value;
	case 6:
		return ~(value & 0xffff);
	default:
		return 1ULL << (value & 63) | (value >> 8 & 0xff);
	}
}

/* Kind and whether the word is a known one; at which read; which word; the value. */
static inline void patch_apply(struct patches *patches, const uint8_t *patch)
{
	unsigned int kind = patch[0] & 7;
	bool known = !(patch[0] & 8), is_page = (patch[0] & 0x70) == 0x70;
	uint64_t address, value, was;
	struct fake_segment *segment;
	uint16_t number;
	uint8_t *at;

	memcpy(&number, patch + 2, sizeof(number));
	memcpy(&value, patch + 4, sizeof(value));
	address = patch_word_address(patches, number, known);
	segment = fake_find(patches->fake, address);
	if (is_page) {
		patch_bytes(patches, segment->states + (address - segment->start) / PAGE, value % 3, 1);
		return;
	}
	at = segment->bytes + (address - segment->start);
	memcpy(&was, at, sizeof(was));
	patch_bytes(patches, at, patch_value(patches, kind, was, value), sizeof(value));
}

/* Those that are for this read or one before. */
static inline void patches_apply(struct patches *patches)
{
	while (patches->next < patches->n && patches->list[patches->next * PATCH_BYTES + 1] <= patches->reads)
		patch_apply(patches, patches->list + PATCH_BYTES * patches->next++);
}

static struct patches *patches_now; /* of the run that is going on */

/* As a process's memory: what is absent reads as zeros. */
static ssize_t patched_read(void *data, uint64_t address, void *buffer, size_t size)
{
	struct fake_segment *segment = fake_find(data, address);

	if (patches_now->reads++ > READS_MAX)
		return -ESRCH;
	patches_apply(patches_now);
	if (!segment)
		return 0;
	if (size > segment->start + segment->size - address)
		size = segment->start + segment->size - address;
	memcpy(buffer, segment->bytes + (address - segment->start), size);
	for (uint64_t at = address; at < address + size; at = (at / PAGE + 1) * PAGE) {
		uint64_t end = (at / PAGE + 1) * PAGE < address + size ? (at / PAGE + 1) * PAGE : address + size;

		if (segment->states[(at - segment->start) / PAGE] == PAGE_ABSENT)
			memset((uint8_t *)buffer + (at - address), 0, end - at);
	}
	return (ssize_t)size;
}

static int patched_pages(void *data, uint64_t start, size_t n, uint8_t *states)
{
	return patches_now->reads++ > READS_MAX ? -ESRCH : fake_pages(data, start, n, states);
}

static inline void patches_begin(struct patches *patches, struct fake *fake, const struct words *words, const struct input *input)
{
	size_t n = input->left / PATCH_BYTES;

	patches->fake = fake;
	patches->words = words;
	patches->list = input->at;
	patches->n = n < PATCHES_MAX ? n : PATCHES_MAX;
	patches->next = patches->n_undone = 0;
	patches->reads = 0;
	patches_now = patches;
	fake->image.read = patched_read;
	fake->image.pages = patched_pages;
	patches_apply(patches);
}

static inline void patches_end(struct patches *patches)
{
	while (patches->n_undone) {
		const struct undo *undo = &patches->undone[--patches->n_undone];

		memcpy(undo->at, &undo->was, undo->n);
	}
}

/* Any figure of a heap is one, or said not to be known. */
static inline void check_heap_view(const struct heap_view *view)
{
	const int64_t figures[] = { view->alloc,	 view->sys,	  view->mmapped, view->unused,	view->resident,
				    view->resident_free, view->trimmable, view->pinned,	 view->swapped, view->cached };

	for (size_t i = 0; i < COUNT_OF(figures); i++)
		if (figures[i] < 0 && figures[i] != INT64_MIN)
			fail_msg("figure %zu of the heap is %ld", i, figures[i]);
}

/* More than a walk through so little memory takes; what would go on for longer is nothing new. */
static const struct heap_budget fuzz_budget = { .most_ns = 5000000 };

#endif
