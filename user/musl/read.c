// SPDX-License-Identifier: GPL-2.0-only
#include "user/musl/read.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/fs.h"
#include "user/memory/window.h"
#include "user/memory/word.h"
#include "user/musl/group.h"

/* Contradictions of a whole walk, of one group. */
#define RETRIES 4000
#define TRIES 8
/* The context, while it changes. */
#define TRIES_OF_CONTEXT 50
/* A thread that is stopped between taking a slot and writing its header leaves it as it is: of so many. */
#define UNSETTLED_MAX 64
/* More than any process has: with 4 KiB each, 64 GiB. */
#define GROUPS_MAX (1U << 24)
/* All that there is. */
#define SUM_MAX (1ULL << 56)
/* What the header of a block with an extreme alignment leaves open: 65536 units. */
#define FAR (65536 * UNIT)
#define FAR_MAX 65536

struct entry {
	uint64_t group, meta;
};

struct tally {
	uint64_t blocks;   /* usable bytes of those that are handed out */
	uint64_t resident; /* of them */
	unsigned int unsettled;
};

struct reader {
	const struct image *image;
	struct context context;
	struct entry *entries;
	size_t n, room;
	unsigned int retries;
	struct tally tally;
	uint64_t areas, given; /* bytes */
	uint64_t mapped, alone; /* bytes of groups' mappings, of those with one slot */
	uint64_t areas_resident;
	struct residency sum; /* of all three */
	struct window window;
};

static int add_entry(struct reader *reader, uint64_t group, uint64_t meta)
{
	if (reader->n == GROUPS_MAX)
		return -ETIME;
	if (reader->n == reader->room) {
		size_t room = reader->room ? 2 * reader->room : 1024;
		struct entry *entries = realloc(reader->entries, room * sizeof(*entries));

		if (!entries)
			return -ENOMEM;
		reader->entries = entries;
		reader->room = room;
	}
	reader->entries[reader->n++] = (struct entry){ group, meta };
	return 0;
}

static int count(struct reader *reader, uint64_t start, uint64_t end, struct residency *ret)
{
	int result = window_count(&reader->window, start, end, ret);

	if (result)
		return result;
	reader->sum.resident += ret->resident;
	reader->sum.swapped += ret->swapped;
	return 0;
}

static int read_area(struct reader *reader, uint64_t address, uint64_t *ret_next)
{
	struct residency residency;
	const uint8_t *bytes;
	int result = window_get(&reader->window, address, AREA_BYTES, &bytes);

	if (result)
		return result == -ENODATA ? -EAGAIN : result;
	if (!area_parse(bytes, reader->context.secret, ret_next))
		return -EAGAIN;
	for (unsigned int i = 0; i < AREA_SLOTS && !result; i++) {
		uint64_t offset = AREA_HEADER + META_BYTES * i;
		uint64_t group = word(bytes + offset + 16);

		/* what is not sound may be so in a moment */
		if (group)
			result = add_entry(reader, group, address + offset);
	}
	if (!result)
		result = count(reader, address, address + AREA_BYTES, &residency);
	if (!result)
		reader->areas_resident += residency.resident;
	reader->areas += AREA_BYTES;
	return result;
}

/* The pages of meta data are a list that only grows: one that has more than all groups may need is a ring. */
static int read_areas(struct reader *reader)
{
	uint64_t address = reader->context.first_area;
	int result = 0;

	for (unsigned int i = 0; address && !result; i++) {
		uint64_t next;

		if (i > GROUPS_MAX / AREA_SLOTS || monotonic_ns() > reader->window.deadline)
			return -ETIME;
		result = read_area(reader, address, &next);
		address = result ? 0 : next;
	}
	return result;
}

static int compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return (x->group > y->group) - (x->group < y->group);
}

/* The header right before an address that may be a block's. -EAGAIN: it is none, or not yet. */
static int try_block(struct reader *reader, const struct meta *meta, unsigned int index, uint64_t block, enum slot_kind *ret,
		     uint32_t *ret_reserved)
{
	const uint8_t *bytes;
	int result;

	if (block > slot_end(meta, index))
		return -EAGAIN;
	result = window_get(&reader->window, block - BEFORE_BLOCK, BEFORE_BLOCK, &bytes);
	if (result)
		return result == -ENODATA ? -EAGAIN : result;
	*ret = slot_parse(meta, index, block, bytes, ret_reserved);
	return *ret == SLOT_UNSOUND ? -EAGAIN : 0;
}

static int find_block(struct reader *reader, const struct meta *meta, unsigned int index, uint64_t *ret_block,
		      enum slot_kind *ret, uint32_t *ret_reserved)
{
	const uint8_t *bytes;
	uint64_t block;
	int result = window_get(&reader->window, slot_start(meta, index) - BEFORE_BLOCK, BEFORE_BLOCK, &bytes);

	if (result)
		return result == -ENODATA ? -EAGAIN : result;
	block = slot_block(meta, index, bytes);
	result = try_block(reader, meta, index, block, ret, ret_reserved);
	for (unsigned int i = 0; result == -EAGAIN && i < FAR_MAX && block + FAR <= slot_end(meta, index); i++) {
		block += FAR;
		result = try_block(reader, meta, index, block, ret, ret_reserved);
	}
	*ret_block = block;
	return result;
}

/* Adds the block of a slot that is in use; another group in it is not one. */
static int read_slot(struct reader *reader, const struct meta *meta, unsigned int index, struct tally *tally)
{
	uint64_t end = slot_end(meta, index), block;
	struct residency residency;
	enum slot_kind kind;
	uint32_t reserved;
	int result = find_block(reader, meta, index, &block, &kind, &reserved);

	if (result || kind == SLOT_GROUP)
		return result;
	if (reserved == 5) {
		const uint8_t *bytes;

		result = window_get(&reader->window, end - sizeof(reserved), sizeof(reserved), &bytes);
		if (result)
			return result == -ENODATA ? -EAGAIN : result;
		reserved = word32(bytes);
		if (reserved < 5)
			return -EAGAIN;
	}
	if (reserved > end - block)
		return -EAGAIN;
	result = window_count(&reader->window, block, end - reserved, &residency);
	if (result)
		return result;
	tally->blocks += end - reserved - block;
	tally->resident += residency.resident;
	return 0;
}

static int read_slots(struct reader *reader, const struct meta *meta, struct tally *ret)
{
	const uint8_t *bytes;
	int result = window_get(&reader->window, meta->group, UNIT, &bytes);

	if (!result && word(bytes) != meta->address)
		result = -EAGAIN;
	for (unsigned int i = 0; i < meta->slots && !result; i++) {
		if (meta->unused >> i & 1)
			continue;
		result = read_slot(reader, meta, i, ret);
		if (result != -EAGAIN)
			continue;
		ret->unsettled++;
		result = 0;
	}
	return result == -ENODATA ? -EAGAIN : result;
}

/* -ENOENT: the group is no more. */
static int read_meta(struct reader *reader, uint64_t address, struct meta *ret)
{
	uint8_t bytes[META_BYTES];
	int result = image_get(reader->image, address, bytes, sizeof(bytes));

	if (result)
		return result == -EFAULT ? -EAGAIN : result;
	switch (meta_parse(bytes, address, ret)) {
	case META_NONE:
		return -ENOENT;
	case META_GROUP:
		return 0;
	default:
		return -EAGAIN;
	}
}

static int try_group(struct reader *reader, uint64_t address, struct meta *ret, struct tally *ret_tally)
{
	int result = read_meta(reader, address, ret);

	*ret_tally = (struct tally){ 0 };
	return result ? result : read_slots(reader, ret, ret_tally);
}

/* What is read must not be from before what has changed since. */
static int wait_for_retry(struct reader *reader, unsigned int tries)
{
	if (!reader->retries--)
		return -EAGAIN;
	if (monotonic_ns() > reader->window.deadline)
		return -ETIME;
	image_pause(reader->image, tries);
	window_forget(&reader->window);
	return 0;
}

static int add_group(struct reader *reader, const struct meta *meta, const struct tally *tally)
{
	uint64_t bytes = meta->map_bytes ? meta->map_bytes : meta->is_given ? UNIT + meta->stride : 0;
	struct residency ignored;
	int result = bytes ? count(reader, meta->group, meta->group + bytes, &ignored) : 0;

	if (result)
		return result;
	if (meta->map_bytes)
		reader->mapped += bytes;
	else
		reader->given += bytes;
	if (meta->map_bytes && meta->slots == 1)
		reader->alone += bytes;
	reader->tally.blocks += tally->blocks;
	reader->tally.resident += tally->resident;
	reader->tally.unsettled += tally->unsettled;
	return reader->mapped > SUM_MAX || reader->tally.unsettled > UNSETTLED_MAX ? -EAGAIN : 0;
}

static int read_group(struct reader *reader, uint64_t address)
{
	struct tally tally;
	struct meta meta;
	int result = try_group(reader, address, &meta, &tally);

	for (unsigned int i = 0; i < TRIES && (result == -EAGAIN || (!result && tally.unsettled)); i++) {
		result = wait_for_retry(reader, i);
		if (result)
			return result;
		result = try_group(reader, address, &meta, &tally);
	}
	if (result == -EAGAIN) { /* all of it is about to come, or to go */
		reader->tally.unsettled++;
		return reader->tally.unsettled > UNSETTLED_MAX ? -EAGAIN : 0;
	}
	if (result)
		return result == -ENOENT ? 0 : result;
	return add_group(reader, &meta, &tally);
}

static int read_context(struct reader *reader)
{
	uint64_t secret = reader->context.secret;
	int result = -EAGAIN;

	for (unsigned int i = 0; i < TRIES_OF_CONTEXT && result == -EAGAIN; i++) {
		image_pause(reader->image, i);
		result = context_read(reader->image, &reader->context);
	}
	return !result && secret != reader->context.secret ? -EAGAIN : result;
}

static int read_all(struct reader *reader)
{
	int result = read_context(reader);

	if (!result)
		result = read_areas(reader);
	if (!result && reader->n)
		qsort(reader->entries, reader->n, sizeof(*reader->entries), compare);
	for (size_t i = 0; i < reader->n && !result; i++)
		result = read_group(reader, reader->entries[i].meta);
	return result;
}

static void fill(const struct reader *reader, struct heap_view *ret)
{
	uint64_t resident = reader->sum.resident - reader->areas_resident;
	uint64_t free = resident > reader->tally.resident ? resident - reader->tally.resident : 0;

	*ret = (struct heap_view){
		.alloc = (int64_t)reader->tally.blocks,
		.sys = (int64_t)(reader->mapped + reader->areas + reader->given),
		.mmapped = (int64_t)reader->alone,
		.resident = (int64_t)reader->sum.resident,
		.resident_free = (int64_t)free,
		.pinned = (int64_t)free, /* a group that is free is unmapped at once, and musl can trim nothing */
		.swapped = (int64_t)reader->sum.swapped,
		.arenas = 1,
	};
}

int read_musl(const struct image *image, const struct context *context, uint64_t deadline, struct heap_view *ret)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	int result;

	if (!reader)
		return -ENOMEM;
	reader->image = image;
	reader->context = *context;
	reader->retries = RETRIES;
	window_init(&reader->window, image, deadline);
	result = read_all(reader);
	if (!result)
		fill(reader, ret);
	free(reader->entries);
	free(reader);
	return result == -ENODATA || result == -EFAULT ? -EAGAIN : result;
}
