// SPDX-License-Identifier: GPL-2.0-only
/* What is fetched from the kernel and given back. */
#include "tests/exercise/ledger.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static void *map(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		abort();
	expected.mapped += ((long)bytes + PAGE - 1) / PAGE * PAGE;
	return at;
}

static void unmap(void *at, size_t bytes)
{
	if (munmap(at, bytes))
		abort();
	expected.unmapped += ((long)bytes + PAGE - 1) / PAGE * PAGE;
}

static void flows(void)
{
	char *at = map(10 * PAGE + 1), *moved;

	if (madvise(at, 4 * PAGE, MADV_DONTNEED) || madvise(at, 2 * PAGE, MADV_FREE) || madvise(at, PAGE, MADV_WILLNEED))
		abort();
	expected.returned += 6 * PAGE;
	moved = mremap(at, 11 * PAGE, 20 * PAGE, MREMAP_MAYMOVE);
	expected.mapped += 9 * PAGE;
	moved = mremap(moved, 20 * PAGE, 5 * PAGE, 0);
	expected.unmapped += 15 * PAGE;
	unmap(moved, 5 * PAGE);
	/* and those that fail count nothing */
	if (mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED || !munmap((void *)1, PAGE) ||
	    !madvise((void *)PAGE, PAGE, MADV_DONTNEED) || mremap((void *)PAGE, PAGE, 2 * PAGE, 0) != MAP_FAILED)
		abort();
}

static void brk_up(void)
{
	if (sbrk(64 * PAGE) == (void *)-1)
		abort();
	expected.brk += 64 * PAGE;
}

static void brk_down(void)
{
	if (sbrk(-32 * PAGE) == (void *)-1)
		abort();
	expected.brk -= 32 * PAGE;
}

const struct action address_space_actions[] = {
	{ "flows", flows },
	{ "brk_up", brk_up },
	{ "brk_down", brk_down },
	{ NULL, NULL },
};
