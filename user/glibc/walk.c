// SPDX-License-Identifier: GPL-2.0-only
#include "user/glibc/walk.h"

#include <errno.h>
#include <string.h>

#include "user/glibc/chunk.h"
#include "user/glibc/tcache.h"
#include "user/memory/word.h"

#define CONTRADICTION (-ENODATA) /* as window_get() has it */
#define DONE 1
/* A contradiction this far from the last one has nothing to do with it. */
#define FAR (256U << 10)
/* Chunks in a row that show where memory of others ends. */
#define CHUNKS_IN_A_ROW 8
/* At one place; the later ones after a pause of up to 2 ms. */
#define TRIES 64

/* Whether a chunk may begin at an address. */
static bool is_chunk(const struct piece *piece, uint64_t address, uint64_t head)
{
	uint64_t size = chunk_size(head);

	return size >= CHUNK_MIN && !(head & IS_MMAPPED) && !(size & 15) && address < piece->end &&
	       size <= piece->end - address;
}

/* A range of free chunks, as they are after malloc_trim() has merged them: mtrim(), malloc/malloc.c. */
static int add_free(struct walk *walk, uint64_t start, uint64_t end)
{
	const struct image *image = walk->image;
	struct residency all, whole = { 0 };
	int result = window_count(walk->window, start, end, &all);

	if (!result && end - start > CHUNK_STRUCT + image->page_bytes - 1) {
		uint64_t first = page_up(image, start + CHUNK_STRUCT), last = page_down(image, end);

		result = first < last ? window_count(walk->window, first, last, &whole) : 0;
	}
	if (result)
		return result;
	walk->at.tally.unused += end - start;
	walk->at.tally.free += all.resident;
	walk->at.tally.trimmable += whole.resident;
	return 0;
}

/* The top: only the main arena's is given back, from its end downwards: systrim(), malloc/malloc.c. */
static int add_top(struct walk *walk, const struct piece *piece, uint64_t start)
{
	uint64_t size = piece->end - start, back;
	struct residency all, tail = { 0 };
	int result = window_count(walk->window, start, piece->end, &all);

	if (!result && piece->brk_end == piece->end && size > CHUNK_MIN + 1) {
		back = (size - CHUNK_MIN - 1) & ~(piece->trim_alignment - 1);
		result = window_count(walk->window, piece->end - back, piece->end, &tail);
	}
	if (result)
		return result;
	walk->at.tally.unused += size;
	walk->at.tally.free += all.resident;
	walk->at.tally.trimmable += tail.resident;
	return 0;
}

/* The chunk is in use: is it a thread's cache? */
static int add_used(struct walk *walk, uint64_t size)
{
	struct walk_position *at = &walk->at;
	struct tcache_sum cache;
	const uint8_t *bytes;
	size_t n;
	enum tcache_kind kind = tcache_kind_of(size, &n);
	int result;

	at->tally.used += chunk_usable(size);
	if (kind == TCACHE_NONE)
		return 0;
	result = window_get(walk->window, at->chunk + CHUNK_HEADER, n, &bytes);
	if (result)
		return result == -ENODATA ? 0 : result; /* its end was never written to */
	if (!tcache_read(walk->image, kind, bytes, walk->tcache_count, &cache))
		return 0;
	at->tally.used -= chunk_usable(size);
	at->tally.cached += cache.bytes - 8 * cache.blocks;
	at->tally.cached_resident += cache.resident;
	return 0;
}

static bool is_fast(struct walk *walk, uint64_t size)
{
	const struct addresses *fast = walk->fast;
	struct walk_position *at = &walk->at;

	if (size > CHUNK_FAST_MAX)
		return false;
	while (at->next_fast < fast->n && fast->list[at->next_fast] < at->chunk)
		at->next_fast++;
	return at->next_fast < fast->n && fast->list[at->next_fast] == at->chunk;
}

static int end_run(struct walk *walk)
{
	int result = walk->at.run ? add_free(walk, walk->at.run, walk->at.chunk) : 0;

	walk->at.run = 0;
	return result;
}

/* The chunk ends where the next one's header, the two words, says whether it is in use. */
static int add_chunk(struct walk *walk, uint64_t size, uint64_t next_prev_size, uint64_t next_head)
{
	struct walk_position *at = &walk->at;
	int result;

	if (!(next_head & PREV_INUSE) && next_prev_size != size)
		return CONTRADICTION;
	if (!(next_head & PREV_INUSE) || is_fast(walk, size)) {
		at->run = at->run ? at->run : at->chunk;
		return 0;
	}
	result = end_run(walk);
	return result ? result : add_used(walk, size);
}

/* Whether some chunks follow each other from here on. */
static bool is_row(struct walk *walk, const struct piece *piece, uint64_t address, uint64_t head)
{
	for (int i = 0; i < CHUNKS_IN_A_ROW; i++) {
		uint8_t bytes[16];

		if (!is_chunk(piece, address, head))
			return i && chunk_size(head) == CHUNK_HEADER;
		if (address == piece->top)
			return address + chunk_size(head) == piece->end;
		address += chunk_size(head);
		if (image_get(walk->image, address, bytes, sizeof(bytes)))
			return false;
		head = word(bytes + 8);
	}
	return true;
}

/* After fenceposts comes memory that others got with sbrk(), and then chunks again: their first one is in no way marked. */
static int skip_others(struct walk *walk, const struct piece *piece)
{
	uint64_t at = walk->at.chunk + 2 * CHUNK_HEADER;

	while (at < piece->end) {
		const uint8_t *bytes;
		int result = window_get(walk->window, at, CHUNK_HEADER, &bytes);
		uint64_t head = result ? 0 : word(bytes + 8);

		if (result == -ENODATA)
			at = page_down(walk->image, at) + walk->image->page_bytes;
		else if (result)
			return result;
		else if (head & PREV_INUSE && is_chunk(piece, at, head) && is_row(walk, piece, at, head)) {
			walk->at.chunk = at;
			walk->at.head = head;
			return 0;
		} else {
			at += 16;
		}
	}
	return CONTRADICTION;
}

/*
 * A chunk that is a fencepost. In the main arena two of them end the memory before that of others; elsewhere one, and a size
 * of 0, end the heap.
 */
static int pass_fencepost(struct walk *walk, struct piece *piece, uint64_t next_head)
{
	uint64_t end = walk->at.chunk + 2 * CHUNK_HEADER;
	int result;

	if (!piece->is_main || chunk_size(next_head) != CHUNK_HEADER)
		return CONTRADICTION;
	result = end_run(walk);
	if (result)
		return result;
	if (piece->open_ended)
		piece->end = end;
	return end < piece->end ? skip_others(walk, piece) : DONE;
}

static int finish(struct walk *walk, struct piece *piece)
{
	struct walk_position *at = &walk->at;
	uint64_t end = at->chunk + chunk_size(at->head);
	int result;

	if (piece->open_ended && end < piece->end && page_down(walk->image, end) == end)
		piece->end = end;
	if (end != piece->end)
		return CONTRADICTION;
	result = add_top(walk, piece, at->run ? at->run : at->chunk);
	return result ? result : DONE;
}

/*
 * The chunk before the top is in use, or in a fastbin. The header of the top is not always there: its page may be about to
 * come, and its size may be about to be set. But where it ends is known.
 */
static int reach_top(struct walk *walk, struct piece *piece, uint64_t size)
{
	struct walk_position *at = &walk->at;
	uint64_t next = at->chunk + size;
	const uint8_t *bytes;
	int result = window_get(walk->window, next, CHUNK_HEADER, &bytes);
	uint64_t head = result ? 0 : word(bytes + 8);

	if (result && result != -ENODATA)
		return result;
	if (next + chunk_size(head) != piece->end && !piece->open_ended) {
		result = walk->refresh ? walk->refresh(walk->data, piece) : 0;
		if (result)
			return result;
		if (next != piece->top || next >= piece->end)
			return CONTRADICTION;
		head = (piece->end - next) | PREV_INUSE;
	}
	result = size == CHUNK_HEADER || !is_chunk(piece, next, head) ? CONTRADICTION : add_chunk(walk, size, 0, head | PREV_INUSE);
	if (!result) {
		at->chunk = next;
		at->head = head;
	}
	return result;
}

/* One chunk: 0, DONE, CONTRADICTION, or another -errno. */
static int step(struct walk *walk, struct piece *piece)
{
	struct walk_position *at = &walk->at;
	uint64_t size = chunk_size(at->head), next = at->chunk + size, prev_size, head;
	const uint8_t *bytes;
	int result;

	if (at->chunk == piece->top)
		return finish(walk, piece);
	if (next > piece->end - CHUNK_HEADER)
		return CONTRADICTION;
	if (next == piece->top)
		return reach_top(walk, piece, size);
	result = window_get(walk->window, next, CHUNK_HEADER, &bytes);
	if (result)
		return result;
	prev_size = word(bytes);
	head = word(bytes + 8);
	if (!chunk_size(head) && !piece->is_main && !piece->top && next == piece->end - CHUNK_HEADER) {
		result = end_run(walk);
		return result ? result : DONE;
	}
	if (size == CHUNK_HEADER)
		return pass_fencepost(walk, piece, head);
	if (chunk_size(head) != CHUNK_HEADER && !is_chunk(piece, next, head))
		return CONTRADICTION;
	result = add_chunk(walk, size, prev_size, head);
	at->chunk = next;
	at->head = head;
	return result;
}

static void keep_checkpoint(struct walk *walk)
{
	if (walk->window->loads == walk->last_loads)
		return;
	walk->last_loads = walk->window->loads;
	walk->checkpoints[walk->n_checkpoints++ % N_CHECKPOINTS] = walk->at;
}

/* The position that was kept n checkpoints ago; the start of the piece when that is too long ago. */
static struct walk_position checkpoint(struct walk *walk, unsigned int n)
{
	if (n > walk->n_checkpoints || n > N_CHECKPOINTS) {
		walk->n_checkpoints = 0;
		return walk->first;
	}
	walk->n_checkpoints -= n;
	return walk->checkpoints[walk->n_checkpoints % N_CHECKPOINTS];
}

/* Mostly to where it is; the 2nd, 4th, 8th time and so on as many checkpoints further: that is more to read again. */
static unsigned int checkpoints_back(unsigned int tries)
{
	return (1U << __builtin_ctz(tries + 1)) >> 1;
}

static bool is_sound(const struct walk *walk, const struct piece *piece)
{
	return is_chunk(piece, walk->at.chunk, walk->at.head) || chunk_size(walk->at.head) == CHUNK_HEADER;
}

/* Goes on from where it is, or from earlier. */
static int go_back(struct walk *walk, struct piece *piece, unsigned int tries)
{
	unsigned int n = checkpoints_back(tries);
	const uint8_t *bytes;
	int result;

	if (!walk->retries || tries >= TRIES)
		return -EAGAIN;
	walk->retries--;
	image_pause(walk->image, tries);
	window_forget(walk->window);
	result = walk->refresh ? walk->refresh(walk->data, piece) : 0;
	if (result)
		return result;
	if (n)
		walk->at = checkpoint(walk, n);
	result = window_get(walk->window, walk->at.chunk, CHUNK_HEADER, &bytes);
	if (result && result != -ENODATA)
		return result;
	walk->at.head = result ? 0 : word(bytes + 8);
	if (!is_sound(walk, piece) && walk->at.chunk == piece->top && !piece->open_ended && piece->top < piece->end)
		walk->at.head = (piece->end - piece->top) | PREV_INUSE; /* as in reach_top() */
	return is_sound(walk, piece) ? 0 : CONTRADICTION;
}

int walk_piece(struct walk *walk, struct piece *piece, struct tally *sum)
{
	uint64_t furthest = piece->start;
	unsigned int tries = 0;
	int result;

	walk->n_checkpoints = 0;
	walk->first = walk->at = (struct walk_position){ .chunk = piece->start, .tally = *sum };
	walk->last_loads = walk->window->loads;
	if (piece->start >= ADDRESS_MAX || piece->end >= ADDRESS_MAX || piece->start & 15)
		return -EAGAIN;
	for (result = CONTRADICTION; result == CONTRADICTION || !result;) {
		if (result == CONTRADICTION) {
			if (walk->at.chunk > furthest + FAR)
				tries = 0;
			furthest = walk->at.chunk > furthest ? walk->at.chunk : furthest;
			result = go_back(walk, piece, tries++);
			continue;
		}
		keep_checkpoint(walk);
		result = step(walk, piece);
	}
	if (result != DONE)
		return result;
	*sum = walk->at.tally;
	return 0;
}
