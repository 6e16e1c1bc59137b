// SPDX-License-Identifier: GPL-2.0-only
#include "tests/exercise/ledger.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct expected expected;
void *held[BLOCKS];

void *got(void *block)
{
	if (!block)
		abort();
	expected.alloc += (long)malloc_usable_size(block);
	expected.total_alloc += (long)malloc_usable_size(block);
	expected.mallocs++;
	return block;
}

void taken_back(void *block)
{
	expected.alloc -= (long)malloc_usable_size(block);
	expected.frees++;
}

void give_back(void *block)
{
	taken_back(block);
	free(block);
}

void *got_again(void *block, size_t size)
{
	taken_back(block);
	return got(realloc(block, size));
}

void must_fail(void *result)
{
	if (result)
		abort();
}

void free_all(void)
{
	for (size_t i = 0; i < BLOCKS; i++)
		if (held[i])
			give_back(held[i]);
	memset(held, 0, sizeof(held));
}

void tally(struct expected *account, void *block, long sign)
{
	long usable = (long)malloc_usable_size(block);

	account->alloc += sign * usable;
	account->total_alloc += sign > 0 ? usable : 0;
	account->mallocs += sign > 0;
	account->frees += sign < 0;
}

void expect_also(const struct expected *account)
{
	expected.alloc += account->alloc;
	expected.total_alloc += account->total_alloc;
	expected.mallocs += account->mallocs;
	expected.frees += account->frees;
}

void say(const char *text)
{
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		_exit(1);
}

void answer(void)
{
	char line[512];

	snprintf(line, sizeof(line), "%ld %ld %ld %ld %ld %ld %ld %ld %ld %ld\n", expected.alloc, expected.total_alloc,
		 expected.mallocs, expected.frees, expected.mapped, expected.unmapped, expected.brk, expected.returned,
		 expected.missed, expected.early_freed);
	memset(&expected, 0, sizeof(expected));
	say(line);
}
