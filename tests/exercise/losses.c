// SPDX-License-Identifier: GPL-2.0-only
/* What cannot be counted, and has to show as missed. */
#include "tests/exercise/ledger.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

static sigjmp_buf escape;

static void on_fault(int signal)
{
	siglongjmp(escape, signal);
}

static void with_faults(void (*action)(char *page))
{
	char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct sigaction handler = { .sa_handler = on_fault, .sa_flags = SA_NODEFER };

	if (pages == MAP_FAILED || mprotect(pages, PAGE, PROT_NONE))
		abort();
	sigaction(SIGSEGV, &handler, NULL);
	action(pages);
	signal(SIGSEGV, SIG_DFL);
	munmap(pages, 2 * PAGE);
}

/* The header of the block cannot be read: by the probe, nor by realloc() itself. */
static void break_header(char *pages)
{
	if (!sigsetjmp(escape, 1))
		must_fail(realloc(pages + PAGE, 100));
	expected.missed++;
}

static void unreadable_header(void)
{
	with_faults(break_header);
}

/* posix_memalign() faults on its result and never returns; the next call on that stack tells. */
static void break_return(char *pages)
{
	if (!sigsetjmp(escape, 1) && posix_memalign((void **)pages, 64, 64))
		abort();
	give_back(got(malloc(10)));
	expected.missed++;
}

static void abandoned_call(void)
{
	with_faults(break_return);
}

const struct action loss_actions[] = {
	{ "unreadable_header", unreadable_header },
	{ "abandoned_call", abandoned_call },
	{ NULL, NULL },
};
