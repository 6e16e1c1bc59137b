/* SPDX-License-Identifier: GPL-2.0-only */
#include "workload/ledger.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void tally_add(struct tally *sum, const struct tally *part)
{
	sum->mallocs += part->mallocs;
	sum->frees += part->frees;
	sum->malloc_bytes += part->malloc_bytes;
	sum->free_bytes += part->free_bytes;
}

void *tally_malloc(struct tally *tally, size_t bytes)
{
	void *block = malloc(bytes);

	if (!block)
		return NULL;
	tally->mallocs++;
	tally->malloc_bytes += malloc_usable_size(block);
	return block;
}

void tally_free(struct tally *tally, void *block)
{
	tally->frees++;
	tally->free_bytes += malloc_usable_size(block);
	free(block);
}

void block_touch(void *block, size_t bytes)
{
	/* not 0: zero pages may be merged or never be made */
	memset(block, 0x5a, bytes);
}

void *books_map(size_t bytes)
{
	void *books = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return books == MAP_FAILED ? NULL : books;
}

int ledger_init(struct ledger *ledger)
{
	memset(ledger, 0, sizeof(*ledger));
	ledger->blocks = books_map(LEDGER_MAX_BLOCKS * sizeof(ledger->blocks[0]));
	return ledger->blocks ? 0 : -ENOMEM;
}

int ledger_allocate(struct ledger *ledger, size_t bytes, bool touch)
{
	void *block;

	if (ledger->count == LEDGER_MAX_BLOCKS)
		return -ENOBUFS;
	block = tally_malloc(&ledger->tally, bytes);
	if (!block)
		return -ENOMEM;
	if (touch)
		block_touch(block, bytes);
	ledger->blocks[ledger->count++] = block;
	return 0;
}

void ledger_free_first(struct ledger *ledger, size_t n)
{
	for (size_t i = 0; i < n; i++)
		tally_free(&ledger->tally, ledger->blocks[i]);
	ledger->count -= n;
	memmove(ledger->blocks, ledger->blocks + n, ledger->count * sizeof(ledger->blocks[0]));
}

void ledger_free_unless(struct ledger *ledger, bool (*keep)(void *block, void *data), void *data)
{
	size_t kept = 0;

	for (size_t i = 0; i < ledger->count; i++) {
		if (keep(ledger->blocks[i], data))
			ledger->blocks[kept++] = ledger->blocks[i];
		else
			tally_free(&ledger->tally, ledger->blocks[i]);
	}
	ledger->count = kept;
}
