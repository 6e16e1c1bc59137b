// SPDX-License-Identifier: GPL-2.0-only
/* The main arena: its memory comes from sbrk(), and from mappings where that fails. */
#include <errno.h>

#include "user/glibc/chunk.h"
#include "user/glibc/reader.h"
#include "user/memory/word.h"

/* What it may have grown by since the maps were read; more is no arena. */
#define GROWTH_MAX (1ULL << 30)
/* Contradictions of one piece that may be none. */
#define RETRIES_OF_PIECE 20

/* What systrim() gives back is a multiple of it. */
static uint64_t trim_alignment(const struct reader *reader)
{
	uint64_t thp_pagesize = reader->parameters.thp_pagesize;

	return thp_pagesize && !(thp_pagesize & (thp_pagesize - 1)) ? thp_pagesize : reader->image->page_bytes;
}

/* The main arena: from the first sbrk() on, in one piece while nobody else's memory came between in a way that glibc minds. */
static int set_main_piece(const struct reader *reader, struct piece *piece)
{
	const struct parameters *parameters = &reader->parameters;

	piece->start = (parameters->sbrk_base + 15) & ~15ULL;
	piece->end = parameters->sbrk_base + reader->arena.system_mem;
	piece->top = reader->arena.top;
	piece->is_main = true;
	/* "[heap]" is as it was when the maps were read: the arena may have grown since */
	piece->brk_end = reader->maps->brk_end && piece->end >= reader->maps->brk_end ? piece->end : 0;
	piece->trim_alignment = trim_alignment(reader);
	return piece->start < piece->end && piece->end <= reader->maps->brk_end + GROWTH_MAX ? 0 : -EAGAIN;
}

static int refresh_main(void *data, struct piece *piece)
{
	struct reader *reader = data;
	int result = reader_reread_arena(reader);

	return result ? result : set_main_piece(reader, piece);
}

static int refresh_main_piece(void *data, struct piece *piece)
{
	struct reader *reader = data;
	int result = reader_reread_arena(reader);

	piece->top = reader->arena.top >= piece->start && reader->arena.top < piece->end ? reader->arena.top : 0;
	return result;
}

/* One that starts there and ends before `end`, where *ret_end tells. -EAGAIN when there is none. */
static int read_main_piece(struct reader *reader, uint64_t start, uint64_t end, uint64_t *ret_end)
{
	struct piece piece = { .start = start, .end = end, .is_main = true, .open_ended = true,
			       .trim_alignment = trim_alignment(reader) };
	unsigned int retries = reader->walk.retries;
	uint64_t brk_end = reader->maps->brk_end;
	int result;

	piece.brk_end = end == brk_end ? end : 0;
	reader->walk.refresh = refresh_main_piece;
	reader->walk.retries = retries < RETRIES_OF_PIECE ? retries : RETRIES_OF_PIECE;
	result = walk_piece(&reader->walk, &piece, &reader->tally);
	reader->walk.retries += retries - (retries < RETRIES_OF_PIECE ? retries : RETRIES_OF_PIECE);
	if (result)
		return result;
	*ret_end = page_up(reader->image, piece.end);
	return reader_count(reader, start, *ret_end, false);
}

/*
 * Where sbrk() failed, the main arena goes on in mappings of its own (sysmalloc_mmap_fallback()): nothing tells where they
 * are, but each starts with a chunk, and together they are as large as the arena.
 */
static int find_main_pieces(struct reader *reader, const struct range *range, uint64_t *left)
{
	for (uint64_t at = range->start; at < range->end && *left;) {
		const uint8_t *bytes;
		uint64_t end = 0, head;
		int result = window_get(&reader->window, at, CHUNK_HEADER, &bytes);

		head = result ? 0 : word(bytes + 8);
		if (!result && (head & CHUNK_FLAGS) == PREV_INUSE && !word(bytes) && chunk_size(head) >= CHUNK_MIN &&
		    chunk_size(head) <= range->end - at)
			result = read_main_piece(reader, at, range->end, &end);
		if (result && result != -ENODATA && result != -EAGAIN)
			return result;
		if (end > at && end - at > *left)
			return -EOPNOTSUPP;
		*left -= end > at ? end - at : 0;
		at = end > at ? end : page_down(reader->image, at) + reader->image->page_bytes;
	}
	return 0;
}

static int read_main_pieces(struct reader *reader)
{
	struct range brk = { (reader->parameters.sbrk_base + 15) & ~15ULL, reader->maps->brk_end };
	/* what was lost to alignment at the start of brk is the arena's too */
	uint64_t left = reader->arena.system_mem - (brk.start < brk.end ? brk.start - reader->parameters.sbrk_base : 0);
	int result = brk.start < brk.end ? find_main_pieces(reader, &brk, &left) : 0;

	for (size_t i = 0; i < reader->maps->n && !result && left; i++)
		result = find_main_pieces(reader, &reader->maps->list[i], &left);
	if (result)
		return result;
	return left ? -EOPNOTSUPP : 0;
}

int read_main_arena(struct reader *reader)
{
	struct piece piece = { 0 };
	uint64_t base = reader->parameters.sbrk_base;
	int result;

	if (!reader->arena.system_mem)
		return 0;
	if (base >= ADDRESS_MAX)
		return -EAGAIN;
	if (!reader->arena.contiguous)
		return read_main_pieces(reader);
	if (!base)
		return -EAGAIN;
	result = set_main_piece(reader, &piece);
	if (!result)
		result = reader_count(reader, base, piece.end, false);
	if (result)
		return result;
	reader->walk.refresh = refresh_main;
	return walk_piece(&reader->walk, &piece, &reader->tally);
}
