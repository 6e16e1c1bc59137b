// SPDX-License-Identifier: GPL-2.0-only
#include "user/musl/read.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/memory/window.h"
#include "user/memory/word.h"
#include "user/musl/metas.h"

/* Contradictions of a whole walk, of one group. */
#define RETRIES 4000
#define TRIES 8
/* The context, while it changes. */
#define TRIES_OF_CONTEXT 50
/* A thread that is stopped between taking a slot and writing its header leaves it as it is: of so many. */
#define UNSETTLED_MAX 64
/* Bytes of all that there is. */
#define SUM_MAX (1ULL << 56)
/* What the header of a block with an extreme alignment leaves open: 65536 units. */
#define FAR (65536 * UNIT)
#define FAR_MAX 65536

struct tally {
	uint64_t blocks;   /* usable bytes of those that are handed out */
	uint64_t resident; /* of them */
	uint32_t unread;   /* a bit for each slot of the group that should have a block, but has none */
};

struct reader {
	const struct image *image;
	struct context context;
	struct owned *owned;
	struct metas metas; /* as they were when the walk began: what is in use is so by them */
	unsigned int retries, unsettled;
	struct tally tally;
	uint64_t mapped, alone; /* bytes of groups' mappings, of those with one slot */
	uint64_t given;         /* bytes of groups that the loader gave */
	struct residency sum;   /* of all groups */
	struct window window;
};

/* The header right before an address that may be a block's. -EAGAIN: it is none, not yet, or not any more. */
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

/* What the slot's last word says, where its header has no room for it. */
static int read_reserved(struct reader *reader, uint64_t end, uint32_t *ret)
{
	const uint8_t *bytes;
	int result = window_get(&reader->window, end - sizeof(*ret), sizeof(*ret), &bytes);

	if (result)
		return result == -ENODATA ? -EAGAIN : result;
	*ret = word32(bytes);
	return *ret >= RESERVED_MORE ? 0 : -EAGAIN;
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
	if (reserved == RESERVED_MORE)
		result = read_reserved(reader, end, &reserved);
	if (!result && reserved > end - block)
		result = -EAGAIN;
	if (!result)
		result = window_count(&reader->window, block, end - reserved, &residency);
	if (result)
		return result;
	tally->blocks += end - reserved - block;
	tally->resident += residency.resident;
	return 0;
}

/* Those in `slots`. -EAGAIN: the group is not there. */
static int read_slots(struct reader *reader, const struct meta *meta, uint32_t slots, struct tally *tally)
{
	const uint8_t *bytes;
	int result = window_get(&reader->window, meta->group, UNIT, &bytes);

	tally->unread = slots;
	if (!result && word(bytes) != meta->address)
		result = -EAGAIN;
	for (unsigned int i = 0; i < meta->slots && !result; i++) {
		if (!(slots >> i & 1))
			continue;
		result = read_slot(reader, meta, i, tally);
		if (!result)
			tally->unread &= ~(1U << i);
		else if (result == -EAGAIN)
			result = 0;
	}
	return result == -ENODATA ? -EAGAIN : result;
}

static unsigned int count_bits(uint32_t bits)
{
	return (unsigned int)__builtin_popcount(bits);
}

/* Blocks that were freed since the walk began: their sizes are gone. They were there, so they count as what they may have had. */
static void add_freed(const struct meta *meta, uint32_t slots, struct tally *tally)
{
	tally->blocks += count_bits(slots) * slot_likely(meta);
	tally->unread &= ~slots;
}

/* What is unread may be so since it was freed meanwhile, or the whole group was unmapped, or moved. */
static int settle_freed(struct reader *reader, const struct meta *meta, struct tally *tally)
{
	struct meta now;
	int result = meta_read(reader->image, meta->address, &now);

	if (result == -ENOENT || (!result && (now.group != meta->group || now.map_bytes != meta->map_bytes)))
		add_freed(meta, tally->unread, tally);
	else if (!result)
		add_freed(meta, tally->unread & now.unused, tally);
	else if (result != -EAGAIN)
		return result;
	return 0;
}

/* What is read must not be from before what has changed since. */
static int wait_for_retry(struct reader *reader, unsigned int tries)
{
	if (!reader->retries)
		return -EAGAIN;
	reader->retries--;
	if (monotonic_ns() > reader->window.pace.deadline)
		return -ETIME;
	image_pause(reader->image, tries);
	window_forget(&reader->window);
	return 0;
}

static int read_blocks(struct reader *reader, const struct meta *meta, struct tally *tally)
{
	int result = read_slots(reader, meta, slots_used(meta), tally);

	for (unsigned int i = 0; i < TRIES && tally->unread && (!result || result == -EAGAIN); i++) {
		result = settle_freed(reader, meta, tally);
		if (result || !tally->unread)
			return result;
		result = wait_for_retry(reader, i);
		if (result)
			return result;
		result = read_slots(reader, meta, tally->unread, tally);
	}
	if (result && result != -EAGAIN)
		return result;
	reader->unsettled += count_bits(tally->unread);
	return reader->unsettled > UNSETTLED_MAX ? -EAGAIN : 0;
}

/* Groups in a slot of another one are part of that. */
static int count_memory(struct reader *reader, const struct meta *meta)
{
	uint64_t bytes = meta->map_bytes ? meta->map_bytes : meta->is_given ? UNIT + meta->stride : 0;
	struct residency residency = { 0 };
	int result = window_count(&reader->window, meta->group, meta->group + bytes, &residency);

	if (result)
		return result;
	reader->sum.resident += residency.resident;
	reader->sum.swapped += residency.swapped;
	reader->mapped += meta->map_bytes;
	if (meta->slots == 1)
		reader->alone += meta->map_bytes;
	if (meta->is_given)
		reader->given += bytes;
	if (reader->mapped > SUM_MAX)
		return -EAGAIN;
	return bytes ? owned_append(reader->owned, meta->group, meta->group + bytes, residency.resident) : 0;
}

static int read_group(struct reader *reader, const struct meta *meta)
{
	struct tally tally = { 0 };
	int result = read_blocks(reader, meta, &tally);

	if (result)
		return result;
	reader->tally.blocks += tally.blocks;
	reader->tally.resident += tally.resident;
	return tally.unread == slots_used(meta) && tally.unread ? 0 : count_memory(reader, meta);
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
		result = metas_read(&reader->window, &reader->context, reader->owned, &reader->metas);
	window_forget(&reader->window);
	for (size_t i = 0; i < reader->metas.n && !result; i++)
		result = read_group(reader, &reader->metas.list[i]);
	owned_sort(reader->owned);
	return result;
}

static void fill(const struct reader *reader, struct heap_view *ret)
{
	const struct residency *groups = &reader->sum, *metas = &reader->metas.sum;
	uint64_t free = groups->resident > reader->tally.resident ? groups->resident - reader->tally.resident : 0;

	*ret = (struct heap_view){
		.unused = UNKNOWN,
		.alloc = (int64_t)reader->tally.blocks,
		.sys = (int64_t)(reader->mapped + reader->given + reader->metas.bytes),
		.mmapped = (int64_t)reader->alone,
		.resident = (int64_t)(groups->resident + metas->resident),
		.resident_free = (int64_t)free,
		.pinned = (int64_t)free, /* a group that is free is unmapped at once, and musl can trim nothing */
		.swapped = (int64_t)(groups->swapped + metas->swapped),
		.arenas = 1,
	};
}

int read_musl(const struct image *image, const struct context *context, const struct heap_budget *budget, struct owned *ret_owned,
	      struct heap_view *ret)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	int result;

	if (!reader)
		return -ENOMEM;
	reader->image = image;
	reader->context = *context;
	reader->owned = ret_owned;
	ret_owned->n = 0;
	reader->retries = RETRIES;
	window_init(&reader->window, image, budget);
	result = read_all(reader);
	if (!result)
		fill(reader, ret);
	metas_free(&reader->metas);
	free(reader);
	return result == -ENODATA || result == -EFAULT ? -EAGAIN : result;
}
