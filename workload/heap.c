/* SPDX-License-Identifier: GPL-2.0-only */
/* Patterns of one thread on glibc's heap: each a state that memgap has a word for. */
#include <malloc.h>
#include <unistd.h>

#include "workload/pattern.h"
#include "workload/random.h"

static int hold_start(struct workload *workload)
{
	size_t bytes = workload->options.size_bytes, blocks = (size_t)workload->options.blocks;
	int err = 0;

	/* the first few take the remainder, so that exactly --size is asked for */
	for (size_t i = 0; !err && i < blocks; i++)
		err = ledger_allocate(&workload->ledger, bytes / blocks + (i < bytes % blocks), true);
	return err;
}

const struct pattern pattern_hold = {
	.name = "hold",
	.summary = "--size (64MiB) in --blocks (64) blocks, touched and held",
	.uses = USES_SIZE | USES_BLOCKS,
	.size_bytes = 64 << 20,
	.blocks = 64,
	.start = hold_start,
};

static int untouched_start(struct workload *workload)
{
	return ledger_allocate(&workload->ledger, workload->options.size_bytes, false);
}

const struct pattern pattern_untouched = {
	.name = "untouched",
	.summary = "one block of --size (64MiB), never touched",
	.uses = USES_SIZE,
	.size_bytes = 64 << 20,
	.start = untouched_start,
};

static int leak_tick(struct workload *workload)
{
	return ledger_allocate(&workload->ledger, workload->options.size_bytes, true);
}

const struct pattern pattern_leak = {
	.name = "leak",
	.summary = "a block of --size (1MiB) each interval, touched, never freed",
	.uses = USES_SIZE,
	.size_bytes = 1 << 20,
	.tick = leak_tick,
};

/* Below glibc's mmap threshold (128 KiB), so that the blocks come from the heap that brk grows. */
#define RETAIN_BLOCK_BYTES (32 << 10)
#define RETAIN_PIN_BYTES 64

static int retain_start(struct workload *workload)
{
	struct ledger *ledger = &workload->ledger;
	size_t left = workload->options.size_bytes, bytes;
	int err = 0;

	for (; !err && left; left -= bytes) {
		bytes = left < RETAIN_BLOCK_BYTES ? left : RETAIN_BLOCK_BYTES;
		err = ledger_allocate(ledger, bytes, true);
	}
	/* the last block lies above all others: free() gives back only what is above the last block in use */
	if (!err)
		err = ledger_allocate(ledger, RETAIN_PIN_BYTES, true);
	if (!err)
		ledger_free_first(ledger, ledger->count - 1);
	return err;
}

const struct pattern pattern_retain = {
	.name = "retain",
	.summary = "--size (96MiB) in blocks of 32KiB, all freed but one on top: resident until trimmed",
	.uses = USES_SIZE,
	.size_bytes = 96 << 20,
	.start = retain_start,
};

#define FRAG_LEAST_BYTES 64
#define FRAG_MOST_BYTES 1024
/* The size field of a glibc chunk in use: all that lies between two blocks. */
#define CHUNK_OVERHEAD_BYTES sizeof(size_t)

struct frag {
	size_t hole_bytes; /* freed in a row so far */
	size_t page_bytes;
};

/* Every hole is shorter than a page, so that none contains a whole one and no trim gives anything back. */
static bool frag_keep(void *block, void *data)
{
	size_t chunk_bytes = malloc_usable_size(block) + CHUNK_OVERHEAD_BYTES;
	struct frag *frag = data;

	if (frag->hole_bytes + chunk_bytes >= frag->page_bytes) {
		frag->hole_bytes = 0;
		return true;
	}
	frag->hole_bytes += chunk_bytes;
	return false;
}

static int frag_start(struct workload *workload)
{
	struct frag frag = { .page_bytes = (size_t)sysconf(_SC_PAGESIZE) };
	size_t left = workload->options.size_bytes, bytes;
	uint64_t random = 1;
	int err = 0;

	for (; !err && left; left -= bytes) {
		bytes = FRAG_LEAST_BYTES + random_next(&random) % (FRAG_MOST_BYTES - FRAG_LEAST_BYTES + 1);
		bytes = left < bytes ? left : bytes;
		err = ledger_allocate(&workload->ledger, bytes, true);
	}
	if (!err)
		ledger_free_unless(&workload->ledger, frag_keep, &frag);
	return err;
}

const struct pattern pattern_frag = {
	.name = "frag",
	.summary = "--size (64MiB) in small blocks, all freed but scattered ones that pin every page",
	.uses = USES_SIZE,
	.size_bytes = 64 << 20,
	.start = frag_start,
};
