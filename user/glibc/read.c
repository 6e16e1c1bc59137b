// SPDX-License-Identifier: GPL-2.0-only
#include "user/glibc/read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "user/base/units.h"
#include "user/glibc/chunk.h"
#include "user/glibc/fastbins.h"
#include "user/glibc/mmapped.h"
#include "user/glibc/reader.h"

/* Contradictions of a whole walk; each costs some 20 us. */
#define RETRIES 4000
/* An arena's list of heaps that changes while it is followed. */
#define TRIES 50
/* One of these heaps, which may be about to be given back. */
#define TRIES_OF_PART 4
/* Heaps of an arena: 4 TiB. */
#define PARTS_MAX 65536
/* Of all there is, mmapped chunks that were not found may have this part: they come and go. */
#define MISSED_PART 50

/* Before each try, the first one of which is 0. */
static int wait_for_try(struct reader *reader, unsigned int i)
{
	int result = i ? pace_check(&reader->window.pace) : 0;

	if (result < 0)
		return result;
	image_pause(reader->image, i);
	return 0;
}

int reader_reread_arena(struct reader *reader)
{
	int result = -EAGAIN;

	for (unsigned int i = 0; i < TRIES && result == -EAGAIN; i++) {
		result = wait_for_try(reader, i);
		if (!result)
			result = arena_read(reader->image, reader->place->layout, reader->arena.address, &reader->arena);
	}
	return result == -EFAULT ? -EAGAIN : result;
}

int reader_count(struct reader *reader, uint64_t start, uint64_t end, bool is_mmapped)
{
	struct residency sum;
	int result = window_count(&reader->window, start, end, &sum);

	if (result)
		return result;
	reader->sum.resident += sum.resident;
	reader->sum.swapped += sum.swapped;
	return owned_add(is_mmapped ? &reader->found : reader->owned,
			 &(struct owned_range){ start, end, sum.resident, is_mmapped });
}

struct part_of_arena {
	struct reader *reader;
	uint64_t address; /* of the heap */
};

static int set_part_piece(struct reader *reader, const struct heap_part *part, struct piece *piece)
{
	*piece = (struct piece){ .start = part->first_chunk, .end = part->address + part->size };
	if ((reader->arena.top & ~(HEAP_ALIGNMENT - 1)) == part->address)
		piece->top = reader->arena.top;
	return piece->start < piece->end ? 0 : -EAGAIN;
}

static int refresh_part(void *data, struct piece *piece)
{
	struct part_of_arena *of = data;
	struct reader *reader = of->reader;
	struct heap_part part;
	int result = reader_reread_arena(reader);

	if (!result)
		result = heap_part_read(reader->image, reader->place->layout, reader->arena.address, of->address, &part);
	if (result)
		return result == -EFAULT ? -EAGAIN : result;
	return set_part_piece(reader, &part, piece);
}

static int read_part(struct reader *reader, const struct heap_part *part)
{
	struct part_of_arena of = { reader, part->address };
	struct piece piece;
	int result = set_part_piece(reader, part, &piece);

	if (result)
		return result;
	reader->walk.refresh = refresh_part;
	reader->walk.data = &of;
	result = walk_piece(&reader->walk, &piece, &reader->tally);
	reader->walk.data = reader;
	return result ? result : reader_count(reader, part->address, part->address + part->size, false);
}

/* The heaps of an arena, from the one with the top down to the first one, each once: more than the arena has are none. */
static int list_parts_once(struct reader *reader)
{
	uint64_t address = reader->arena.top, sum = 0;

	for (reader->parts.n = 0; address && reader->parts.n < PARTS_MAX;) {
		struct heap_part part;
		int result = heap_part_read(reader->image, reader->place->layout, reader->arena.address, address, &part);

		sum += result ? 0 : part.size;
		if (!result && sum > reader->arena.system_mem + HEAP_ALIGNMENT)
			result = -EAGAIN;
		if (!result)
			result = addresses_add(&reader->parts, part.address);
		if (result)
			return result == -EFAULT ? -EAGAIN : result;
		address = part.prev;
	}
	return address ? -EAGAIN : 0;
}

/* While a heap is being given back the top may be in it still. */
static int list_parts(struct reader *reader)
{
	int result = -EAGAIN;

	for (unsigned int i = 0; i < TRIES && result == -EAGAIN; i++) {
		result = wait_for_try(reader, i);
		if (!result)
			result = reader_reread_arena(reader);
		if (!result)
			result = list_parts_once(reader);
	}
	return result;
}

/* -EFAULT: it has been given back meanwhile. */
static int read_part_at(struct reader *reader, uint64_t address)
{
	struct heap_part part;
	int result = -EAGAIN;

	for (unsigned int i = 0; i < TRIES_OF_PART && result == -EAGAIN; i++) {
		result = wait_for_try(reader, i);
		if (!result)
			result = reader_reread_arena(reader);
		if (!result)
			result = heap_part_read(reader->image, reader->place->layout, reader->arena.address, address, &part);
		if (!result)
			result = read_part(reader, &part);
	}
	return result;
}

static int read_parts(struct reader *reader)
{
	int result = list_parts(reader);

	for (size_t i = 0; !result && i < reader->parts.n; i++) {
		result = read_part_at(reader, reader->parts.list[i]);
		if (result == -EFAULT)
			result = 0;
	}
	return result;
}

static void keep_arena(struct reader *reader, const struct tally *before)
{
	const struct tally *after = &reader->tally;

	if (reader->arenas > HEAP_ARENAS_SHOWN)
		return;
	reader->shown[reader->arenas - 1] = (struct heap_arena){
		.sys = (int64_t)reader->arena.system_mem,
		.used = (int64_t)(after->used - before->used),
		.resident_free = (int64_t)(after->free - before->free),
		.trimmable = (int64_t)(after->trimmable - before->trimmable),
	};
}

static int read_arena(struct reader *reader, uint64_t address)
{
	struct tally before;
	int result;

	reader->arena.address = address;
	result = reader_reread_arena(reader);
	if (result)
		return result;
	reader->arenas++;
	reader->system_mem += reader->arena.system_mem;
	reader->fast.n = 0;
	result = fastbins_collect(reader->image, reader->arena.fastbins, reader->arena.system_mem, reader->window.pace.deadline,
				  &reader->fast);
	if (result)
		return result;
	addresses_sort(&reader->fast);
	before = reader->tally;
	result = address == reader->place->main_arena ? read_main_arena(reader) : read_parts(reader);
	if (!result)
		keep_arena(reader, &before);
	return result;
}

/* The ring of all arenas, from the main one back to it. One that closes elsewhere comes by an arena that was seen (Brent). */
static int read_arenas(struct reader *reader)
{
	uint64_t address = reader->place->main_arena, seen = address;
	uint32_t next_seen = 1;

	do {
		int result = reader->arenas < ARENAS_MAX ? read_arena(reader, address) : -EAGAIN;

		if (result)
			return result;
		address = reader->arena.next;
		if (address == seen && address != reader->place->main_arena)
			return -EAGAIN;
		if (reader->arenas == next_seen) {
			seen = address;
			next_seen *= 2;
		}
	} while (address != reader->place->main_arena);
	return 0;
}

static uint64_t skip_owned(void *data, uint64_t at)
{
	const struct reader *reader = data;
	const struct owned_range *range = owned_from(reader->owned, at);

	return range && range->start <= at ? range->end : at;
}

static int add_mmapped(void *data, const struct mmapped_chunk *chunk)
{
	struct reader *reader = data;

	reader->mmapped_usable += chunk->usable;
	return reader_count(reader, chunk->start, chunk->start + chunk->bytes, true);
}

/* What was found becomes the heap's. */
static int merge_found(struct reader *reader)
{
	int result = 0;

	for (size_t i = 0; i < reader->found.n && !result; i++)
		result = owned_add(reader->owned, &reader->found.list[i]);
	reader->found.n = 0;
	owned_sort(reader->owned);
	return result;
}

static int recall_mmapped(struct reader *reader, struct mmapped_search *search)
{
	int result = 0;

	for (size_t i = 0; i < reader->before->n && !result; i++) {
		const struct owned_range *range = &reader->before->list[i];

		if (range->is_mmapped && skip_owned(reader, range->start) == range->start)
			result = mmapped_recall(&reader->window, reader->maps, range->start, search);
	}
	return result ? result : merge_found(reader);
}

static int read_mmapped(struct reader *reader, struct mmapped_search *search)
{
	int result;

	owned_sort(reader->owned);
	result = recall_mmapped(reader, search);
	for (int every_page = 0; every_page < 2 && !result && !mmapped_is_complete(search); every_page++) {
		result = mmapped_search(&reader->window, reader->maps, every_page, search);
		if (!result)
			result = merge_found(reader);
	}
	return result;
}

/* Those that were not found have the usual overhead. */
static int64_t usable_of_mmapped(const struct reader *reader, const struct mmapped_search *search)
{
	int64_t overhead = search->pays_outside ? CHUNK_HEADER + 8 : CHUNK_HEADER;

	return (int64_t)reader->mmapped_usable + (int64_t)search->bytes - (int64_t)search->found_bytes -
	       overhead * ((int64_t)search->n - (int64_t)search->found_n);
}

static int64_t not_negative(int64_t value)
{
	return value > 0 ? value : 0;
}

static void fill(const struct reader *reader, const struct mmapped_search *search, struct heap_view *ret)
{
	const struct tally *tally = &reader->tally;
	int64_t missed = llabs((int64_t)search->bytes - (int64_t)search->found_bytes);
	struct heap_view view = {
		.alloc = not_negative((int64_t)tally->used - (int64_t)tally->cached + usable_of_mmapped(reader, search)),
		.sys = (int64_t)reader->system_mem + (int64_t)search->bytes,
		.mmapped = (int64_t)search->bytes,
		.unused = (int64_t)tally->unused,
		.resident = (int64_t)reader->sum.resident,
		.resident_free = (int64_t)tally->free + (int64_t)tally->cached_resident,
		.trimmable = (int64_t)tally->trimmable,
		.swapped = (int64_t)reader->sum.swapped,
		.cached = (int64_t)tally->cached,
		.reach = UNKNOWN,
		.arenas = reader->arenas,
	};

	memcpy(view.arena, reader->shown, sizeof(view.arena));

	view.pinned = not_negative(view.resident_free - view.trimmable);
	if (missed > view.sys / MISSED_PART)
		view.resident = view.swapped = UNKNOWN;
	*ret = view;
}

static int read_all(struct reader *reader, struct heap_view *ret)
{
	struct mmapped_search search = { .pays_outside = reader->place->layout->pays_outside, .skip = skip_owned,
					 .found = add_mmapped, .data = reader };
	int result = parameters_read(reader->image, reader->place, &reader->parameters);

	if (result)
		return result;
	reader->walk.tcache_count = reader->parameters.tcache_count;
	result = read_arenas(reader);
	if (result)
		return result;
	search.n = reader->parameters.n_mmaps;
	search.bytes = reader->parameters.mmapped_mem;
	if (search.bytes >= ADDRESS_MAX)
		return -EAGAIN;
	result = read_mmapped(reader, &search);
	if (result)
		return result;
	if (mmapped_is_complete(&search))
		search.bytes = search.found_bytes;
	fill(reader, &search, ret);
	return 0;
}

int read_heap(const struct image *image, const struct place *place, const struct anonymous *maps, const struct owned *before,
	      const struct heap_budget *budget, struct owned *ret_owned, struct heap_view *ret)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	int result;

	if (!reader)
		return -ENOMEM;
	reader->image = image;
	reader->place = place;
	reader->maps = maps;
	reader->before = before;
	reader->owned = ret_owned;
	window_init(&reader->window, image, budget);
	reader->walk = (struct walk){ .image = image, .window = &reader->window, .fast = &reader->fast, .retries = RETRIES,
				      .data = reader };
	result = read_all(reader, ret);
	addresses_free(&reader->fast);
	addresses_free(&reader->parts);
	owned_free(&reader->found);
	free(reader);
	return result == -ENODATA || result == -EFAULT ? -EAGAIN : result;
}
