// SPDX-License-Identifier: GPL-2.0-only
#include "user/heap/read.h"

#include <errno.h>
#include <stdlib.h>

#include "user/base/units.h"
#include "user/heap/arenas.h"
#include "user/heap/chunk.h"
#include "user/heap/fastbins.h"
#include "user/heap/mmapped.h"
#include "user/heap/walk.h"

/* Contradictions of a whole walk; each costs some 20 us. */
#define RETRIES 4000
/* An arena's list of heaps that changes while it is followed. */
#define TRIES 50
/* Of all there is, mmapped chunks that were not found may have this part: they come and go. */
#define MISSED_PART 50

struct reader {
	const struct image *image;
	const struct place *place;
	const struct anonymous *maps;
	struct owned *owned;
	struct parameters parameters;
	struct arena arena; /* that is being read */
	struct addresses fast;
	struct window window;
	struct walk walk;
	struct tally tally;
	struct residency sum;
	uint64_t system_mem, mmapped_usable;
	struct owned found; /* mmapped chunks */
	uint32_t arenas;
};

static int reread_arena(struct reader *reader)
{
	int result = -EAGAIN;

	for (int i = 0; i < TRIES && result == -EAGAIN; i++)
		result = arena_read(reader->image, reader->place->layout, reader->arena.address, &reader->arena);
	return result == -EFAULT ? -EAGAIN : result;
}

static int count(struct reader *reader, struct owned *owned, uint64_t start, uint64_t end)
{
	struct residency sum;
	int result = window_count(&reader->window, start, end, &sum);

	if (result)
		return result;
	reader->sum.resident += sum.resident;
	reader->sum.swapped += sum.swapped;
	return owned_add(owned, start, end, sum.resident);
}

/* The main arena: from the first sbrk() on, in one piece while nobody else's memory came between in a way that glibc minds. */
static void set_main_piece(const struct reader *reader, struct piece *piece)
{
	const struct parameters *parameters = &reader->parameters;

	piece->start = (parameters->sbrk_base + 15) & ~15ULL;
	piece->end = parameters->sbrk_base + reader->arena.system_mem;
	piece->top = reader->arena.top;
	piece->is_main = true;
	/* "[heap]" is as it was when the maps were read: the arena may have grown since */
	piece->brk_end = reader->maps->brk_end && piece->end >= reader->maps->brk_end ? piece->end : 0;
	piece->trim_alignment = reader->image->page_bytes;
	if (parameters->thp_pagesize && !(parameters->thp_pagesize & (parameters->thp_pagesize - 1)))
		piece->trim_alignment = parameters->thp_pagesize;
}

static int refresh_main(void *data, struct piece *piece)
{
	struct reader *reader = data;
	int result = reread_arena(reader);

	if (!result)
		set_main_piece(reader, piece);
	return result;
}

static int read_main(struct reader *reader)
{
	struct piece piece = { 0 };
	uint64_t base = reader->parameters.sbrk_base;
	int result;

	if (!reader->arena.system_mem)
		return 0;
	if (!reader->arena.contiguous)
		return -EOPNOTSUPP;
	if (!base || base >= ADDRESS_MAX)
		return -EAGAIN;
	set_main_piece(reader, &piece);
	result = count(reader, reader->owned, base, piece.end);
	if (result)
		return result;
	reader->walk.refresh = refresh_main;
	return walk_piece(&reader->walk, &piece, &reader->tally);
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
	struct heap_part part;
	int result = reread_arena(of->reader);

	if (!result)
		result = heap_part_read(of->reader->image, of->reader->place->layout, of->reader->arena.address, of->address, &part);
	if (result)
		return result == -EFAULT ? -EAGAIN : result;
	return set_part_piece(of->reader, &part, piece);
}

static int read_part(struct reader *reader, const struct heap_part *part)
{
	struct part_of_arena of = { reader, part->address };
	struct piece piece;
	int result = set_part_piece(reader, part, &piece);

	if (!result)
		result = count(reader, reader->owned, part->address, part->address + part->size);
	if (result)
		return result;
	reader->walk.refresh = refresh_part;
	reader->walk.data = &of;
	result = walk_piece(&reader->walk, &piece, &reader->tally);
	reader->walk.data = reader;
	return result;
}

/* The heaps of an arena, from the one with the top down to the first one, each once: more than the arena has are none. */
static int read_parts_once(struct reader *reader)
{
	uint64_t address = reader->arena.top, sum = 0;

	while (address) {
		struct heap_part part;
		int result = heap_part_read(reader->image, reader->place->layout, reader->arena.address, address, &part);

		if (result)
			return result == -EFAULT ? -EAGAIN : result;
		sum += part.size;
		if (sum > reader->arena.system_mem + HEAP_ALIGNMENT)
			return -EAGAIN;
		result = read_part(reader, &part);
		if (result)
			return result;
		address = part.prev;
	}
	return 0;
}

/* Heaps come and go at the end of the list only: when one has, all are read anew. */
static int read_parts(struct reader *reader)
{
	const struct tally tally = reader->tally;
	const struct residency sum = reader->sum;
	size_t n_owned = reader->owned->n;
	int result = -EAGAIN;

	for (int i = 0; i < TRIES && result == -EAGAIN; i++) {
		reader->tally = tally;
		reader->sum = sum;
		reader->owned->n = n_owned;
		result = reread_arena(reader);
		if (!result)
			result = read_parts_once(reader);
	}
	return result;
}

static int read_arena(struct reader *reader, uint64_t address)
{
	int result;

	reader->arena.address = address;
	result = reread_arena(reader);
	if (result)
		return result;
	reader->arenas++;
	reader->system_mem += reader->arena.system_mem;
	reader->fast.n = 0;
	result = fastbins_collect(reader->image, reader->arena.fastbins, reader->window.deadline, &reader->fast);
	if (result)
		return result;
	addresses_sort(&reader->fast);
	return address == reader->place->main_arena ? read_main(reader) : read_parts(reader);
}

/* The ring of all arenas, from the main one back to it. */
static int read_arenas(struct reader *reader)
{
	uint64_t address = reader->place->main_arena;

	do {
		int result = reader->arenas < ARENAS_MAX ? read_arena(reader, address) : -EAGAIN;

		if (result)
			return result;
		address = reader->arena.next;
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
	return count(reader, &reader->found, chunk->start, chunk->start + chunk->bytes);
}

/* What was found becomes the heap's. */
static int merge_found(struct reader *reader)
{
	int result = 0;

	for (size_t i = 0; i < reader->found.n && !result; i++) {
		const struct owned_range *range = &reader->found.list[i];

		result = owned_add(reader->owned, range->start, range->end, range->resident);
	}
	reader->found.n = 0;
	owned_sort(reader->owned);
	return result;
}

static int read_mmapped(struct reader *reader, struct mmapped_search *search)
{
	int result = 0;

	owned_sort(reader->owned);
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
		.resident = (int64_t)reader->sum.resident,
		.resident_free = (int64_t)tally->free + (int64_t)tally->cached_chunks,
		.trimmable = (int64_t)tally->trimmable,
		.swapped = (int64_t)reader->sum.swapped,
		.arenas = reader->arenas,
	};

	view.pinned = not_negative(view.resident_free - view.trimmable);
	if (missed > view.sys / MISSED_PART)
		view.resident = view.swapped = UNKNOWN;
	*ret = view;
}

static int read_all(struct reader *reader, struct heap_view *ret)
{
	struct mmapped_search search = { .pays_outside = reader->place->layout->pays_outside, .skip = skip_owned, .found = add_mmapped,
					 .data = reader };
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
	fill(reader, &search, ret);
	return 0;
}

int read_heap(const struct image *image, const struct place *place, const struct anonymous *maps, uint64_t deadline,
	      struct owned *ret_owned, struct heap_view *ret)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	int result;

	if (!reader)
		return -ENOMEM;
	reader->image = image;
	reader->place = place;
	reader->maps = maps;
	reader->owned = ret_owned;
	window_init(&reader->window, image, deadline);
	reader->walk = (struct walk){ .image = image, .window = &reader->window, .fast = &reader->fast, .retries = RETRIES, .data = reader };
	result = read_all(reader, ret);
	addresses_free(&reader->fast);
	owned_free(&reader->found);
	free(reader);
	return result == -ENODATA || result == -EFAULT ? -EAGAIN : result;
}
