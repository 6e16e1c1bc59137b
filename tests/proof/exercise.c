// SPDX-License-Identifier: GPL-2.0-only
/* What is called, with what, and whether the memory that comes of it is sound. */
#include "tests/proof/caller.h"

#define PAGE 4096
#define IMPOSSIBLE ((size_t)1 << 62) /* no machine has it */
#define CHECKED 64                   /* bytes at either end of a block that are written and looked at */
#define SMALL 1000
#define MANY 48                      /* blocks held at once */

/* None, small, page-sized, large, and what allocators get by a mmap of its own: glibc from 128 KiB, mimalloc from 16 MiB on. */
static const size_t sizes[] = { 0, 1, 24, 40, 200, 1000, 5000, 70000, 200000, 3 << 20, 40 << 20 };
#define N_SIZES (sizeof(sizes) / sizeof(sizes[0]))

static const char nothrow;

static uint64_t tag(void)
{
	return (uint64_t)&nothrow;
}

static bool is_checked(const struct block *block, size_t i)
{
	return i < CHECKED || i >= block->size - CHECKED;
}

/* A block as large as it was asked for can be written to from end to end. */
static void fill(struct block *block)
{
	static uint8_t pattern;

	block->pattern = ++pattern;
	for (size_t i = 0; i < block->size; i = is_checked(block, i + 1) ? i + 1 : block->size - CHECKED)
		block->bytes[i] = (uint8_t)(block->pattern + i);
}

static void check(const struct function *function, const struct block *block, size_t size)
{
	for (size_t i = 0; i < size; i = is_checked(block, i + 1) ? i + 1 : block->size - CHECKED) {
		if (block->bytes[i] == (uint8_t)(block->pattern + i))
			continue;
		complain("found a block changed at byte", function, i);
		return;
	}
}

static void check_new(const struct function *function, const struct block *block)
{
	if (!block->bytes && block->size)
		complain("gave nothing for bytes", function, block->size);
	for (size_t i = 0; function->shape == MAKE_ZEROED && block->bytes && i < block->size; i++) {
		if (!block->bytes[i])
			continue;
		complain("gave a block that is not 0 at byte", function, i);
		return;
	}
}

static uint64_t call_maker(const struct function *make, size_t size, size_t alignment)
{
	switch (make->shape) {
	case MAKE_SIZE_TAG:
		return call(make, size, tag(), 0);
	case MAKE_SIZE_ALIGN:
		return call(make, size, alignment, 0);
	case MAKE_SIZE_ALIGN_TAG:
		return call(make, size, alignment, tag());
	case MAKE_ALIGN_SIZE:
		return call(make, alignment, size, 0);
	case MAKE_COUNT_SIZE:
	case MAKE_ZEROED:
		return size % 8 ? call(make, size, 1, 0) : call(make, 8, size / 8, 0);
	case MAKE_STORED:
		return call(make, 0, alignment, size);
	case REMAKE_SIZE:
		return call(make, 0, size, 0);
	case REMAKE_COUNT_SIZE:
		return size % 8 ? call(make, 0, size, 1) : call(make, 0, size / 8, 8);
	default:
		return call(make, size, 0, 0);
	}
}

static struct block make_block(const struct function *make, size_t wanted, size_t alignment)
{
	/* aligned_alloc() need not take any other size: C11, 7.22.3.1 */
	size_t size = make->shape == MAKE_ALIGN_SIZE ? (wanted + alignment - 1) / alignment * alignment : wanted;
	struct block block = { (uint8_t *)call_maker(make, size, alignment), size, alignment, 0 };

	check_new(make, &block);
	if (!block.bytes)
		block.size = 0;
	fill(&block);
	return block;
}

static void call_releaser(const struct function *release, uint64_t block, size_t size, size_t alignment)
{
	switch (release->shape) {
	case RELEASE_SIZE:
		call(release, block, size, 0);
		break;
	case RELEASE_TAG:
		call(release, block, tag(), 0);
		break;
	case RELEASE_ALIGN:
		call(release, block, alignment, 0);
		break;
	case RELEASE_SIZE_ALIGN:
		call(release, block, size, alignment);
		break;
	case RELEASE_ALIGN_SIZE:
		call(release, block, alignment, size);
		break;
	case RELEASE_ALIGN_TAG:
		call(release, block, alignment, tag());
		break;
	default:
		call(release, block, 0, 0);
	}
}

static void release_block(const struct function *release, const struct block *block)
{
	check(release, block, block->size);
	call_releaser(release, (uint64_t)block->bytes, block->size, block->alignment);
}

/* The first that is to be called of the shapes from..to; an allocator's own go with its malloc and free where need be. */
/* NOLINTNEXTLINE(misc-no-recursion): once */
static const struct function *find(enum class class, enum shape from, enum shape to)
{
	for (const struct function *f = functions; f->name; f++)
		if (f->named && f->address && f->class == class && f->shape >= from && f->shape <= to)
			return f;
	return class == OWN ? find(MALLOC, from, to) : NULL;
}

/* The one that needs to know nothing of the block, if there is one. */
static const struct function *find_release(enum class class)
{
	const struct function *release = find(class, RELEASE, RELEASE);

	return release ? release : find(class, RELEASE, RELEASE_ALIGN_TAG);
}

/* The alignments that are asked for; 16 is what malloc gives anyway. */
static size_t alignment_of(const struct function *function, size_t i)
{
	static const size_t alignments[] = { 16, 64, 256, PAGE, 16 * PAGE };

	switch (function->shape) {
	case MAKE_ALIGN_SIZE:
	case MAKE_STORED:
	case MAKE_SIZE_ALIGN:
	case MAKE_SIZE_ALIGN_TAG:
		return alignments[i % (sizeof(alignments) / sizeof(alignments[0]))];
	default:
		return 1;
	}
}

/* Many small blocks, held and released out of order: the allocator's caches fill up and run out. */
static void exercise_many(const struct function *make, const struct function *release)
{
	static struct block blocks[MANY];

	for (size_t i = 0; i < 3 * MANY; i++) {
		struct block *block = &blocks[i * 7 % MANY];

		if (block->bytes)
			release_block(release, block);
		*block = make_block(make, 8 + i % 5 * 16, alignment_of(make, 0));
	}
	for (size_t i = 0; i < MANY; i++) {
		release_block(release, &blocks[i]);
		blocks[i].bytes = NULL;
	}
}

static void exercise_maker(const struct function *make)
{
	const struct function *release = find_release(make->class);
	size_t first = make->class == OWN ? 1 : 0;

	for (size_t i = first; i < 2 * N_SIZES; i++) {
		size_t size = sizes[i % N_SIZES];
		struct block block;

		if (size < first || (make->shape == MAKE_SMALL && size > SMALL))
			continue;
		block = make_block(make, size, alignment_of(make, i));
		if (release)
			release_block(release, &block);
	}
	if (release)
		exercise_many(make, release);
}

/* Where the function says that it cannot; operators without std::nothrow throw instead. */
static void exercise_failure(const struct function *make)
{
	if (make->class != MALLOC)
		return;
	if (call_maker(make, IMPOSSIBLE, 16))
		complain("gave the impossible", make, IMPOSSIBLE);
	if (make->shape == MAKE_ZEROED && call(make, IMPOSSIBLE, 16, 0))
		complain("gave the impossible", make, IMPOSSIBLE);
	if (make->shape == REMAKE_COUNT_SIZE && call(make, 0, IMPOSSIBLE, 16))
		complain("gave the impossible", make, IMPOSSIBLE);
	if (make->shape == MAKE_STORED && call(make, 0, 3, 16))
		complain("gave a block for an alignment of", make, 3);
}

static uint64_t call_remaker(const struct function *remaker, const uint8_t *block, size_t size)
{
	switch (remaker->shape) {
	case REMAKE_COUNT_SIZE:
		return call(remaker, (uint64_t)block, 1, size);
	case REMAKE_SIZE_ALIGN:
		return call(remaker, (uint64_t)block, size, 64);
	default:
		return call(remaker, (uint64_t)block, size, 0);
	}
}

/* The old block's bytes are at the front of the new one. */
static void remake(const struct function *remaker, struct block *block, size_t size)
{
	struct block old = *block;

	check(remaker, &old, old.size);
	block->bytes = (uint8_t *)call_remaker(remaker, old.bytes, size);
	block->size = size;
	check_new(remaker, block);
	old.bytes = block->bytes;
	check(remaker, &old, old.size < size ? old.size : size);
	fill(block);
}

/* A failure leaves the block alone; in the end it is made to nothing. */
static void exercise_last_steps(const struct function *remaker, const struct function *release, const struct block *block)
{
	uint64_t rest = remaker->shape == REMAKE_SIZE ? call(remaker, (uint64_t)block->bytes, IMPOSSIBLE, 0) :
							call(remaker, (uint64_t)block->bytes, IMPOSSIBLE, 16);

	if (rest)
		complain("gave the impossible", remaker, rest);
	check(remaker, block, block->size);
	rest = call(remaker, (uint64_t)block->bytes, 0, 8);
	if (rest && release)
		call_releaser(release, rest, 0, 16);
}

/* In place, moving, shrinking, and where mremap() does it. */
static void exercise_remaker(const struct function *remaker)
{
	static const size_t steps[] = { 20, 24, 100, 5000, 4000, 70000, 3 << 20, 6 << 20, 40 << 20, 200, 1 };
	const struct function *release = find_release(remaker->class);
	const struct function *make = remaker->class == OWN ? find(OWN, MAKE_SIZE, MAKE_SIZE) : remaker;
	struct block block = make_block(make, 10, 1);

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		remake(remaker, &block, steps[i]);
	if (remaker->class == MALLOC)
		exercise_last_steps(remaker, release, &block);
	else if (release)
		release_block(release, &block);
}

/* A block that stays where it is keeps what it has. */
static void exercise_resizer(const struct function *resizer)
{
	static const size_t steps[] = { 100, 200, 5000, 70000, 100 };
	const struct function *make = find(resizer->class, MAKE_SIZE, MAKE_SIZE);
	const struct function *release = find_release(resizer->class);

	for (size_t i = 0; make && release && i < N_SIZES; i++) {
		struct block block = make_block(make, sizes[i] + 1, 1);

		for (size_t j = 0; j < sizeof(steps) / sizeof(steps[0]); j++) {
			uint64_t size = call(resizer, (uint64_t)block.bytes, steps[j], 0);

			check(resizer, &block, block.size < size ? block.size : size);
		}
		call_releaser(release, (uint64_t)block.bytes, block.size, 1);
	}
}

/* jemalloc 5.3 spoils its heap when the C23 functions get NULL, and when the sized operators get a size of 0. */
static void exercise_releaser(const struct function *release)
{
	const struct function *make = find(release->class, MAKE_SIZE, REMAKE_COUNT_SIZE);
	bool takes_null = release->class != OWN && (release->class != MALLOC || release->shape == RELEASE);
	size_t first = release->class == OWN || release->shape == RELEASE_SIZE || release->shape == RELEASE_SIZE_ALIGN ? 1 : 0;

	if (release->shape == RELEASE_ALIGN_SIZE)
		make = find(release->class, MAKE_ALIGN_SIZE, MAKE_ALIGN_SIZE);
	if (takes_null)
		call_releaser(release, 0, 24, 16);
	for (size_t i = first; make && i < N_SIZES; i++) {
		struct block block = make_block(make, sizes[i], alignment_of(make, i));

		release_block(release, &block);
	}
	if (takes_null)
		call_releaser(release, 0, 24, 16);
	if (make)
		exercise_many(make, release);
}

void exercise(const struct function *function)
{
	switch (function->shape) {
	case REMAKE_SIZE:
	case REMAKE_COUNT_SIZE:
	case REMAKE_SIZE_ALIGN:
		exercise_remaker(function);
		break;
	case RESIZE:
		exercise_resizer(function);
		return;
	case NO_BLOCK:
		call(function, 0, 0, 0);
		return;
	default:
		break;
	}
	if (function->shape >= RELEASE) {
		exercise_releaser(function);
	} else if (function->class != OWN || function->shape < REMAKE_SIZE) {
		exercise_maker(function); /* of NULL, a remaker makes */
		exercise_failure(function);
	}
}
