// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/cost.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/allocator/exits.h"
#include "user/allocator/own_code.h"
#include "user/allocator/uprobes.h"
#include "user/base/fs.h"
#include "user/base/units.h"

#define ROUNDS 15
#define ROUNDS_LEAST 3
#define CALLS 100 /* of each function in a round; a hit costs 0.2 to 20 us */
#define MOST_NS 150000000

const struct probe_cost unknown_cost = { UNKNOWN, UNKNOWN, UNKNOWN };

/*
 * Functions of which the first instruction is known: one that kernels emulate, once more for the return probe, once more to
 * stay unprobed; and one that they single-step.
 */
enum function { EMULATED, RETURNED, UNPROBED, STEPPED, FUNCTIONS };

#if defined(__x86_64__)
#define BODY_EMULATED "push %rbp\n\tpop %rbp\n\tret\n"
#define BODY_STEPPED "test %rdi, %rdi\n\tret\n"
#elif defined(__aarch64__)
#define BODY_EMULATED "b 1f\n1:\tret\n"
#define BODY_STEPPED "mov x0, x0\n\tret\n"
#endif

#define DEFINE_FUNCTION(name, body)                                                              \
	void name(void);                                                                         \
	__asm__(".pushsection .text\n\t.balign 16\n\t.type " #name ", %function\n" #name ":\n\t" \
		body "\t.size " #name ", . - " #name "\n\t.popsection\n")

DEFINE_FUNCTION(cost_emulated, BODY_EMULATED);
DEFINE_FUNCTION(cost_returned, BODY_EMULATED);
DEFINE_FUNCTION(cost_unprobed, BODY_EMULATED);
DEFINE_FUNCTION(cost_stepped, BODY_STEPPED);

static void (*const functions[FUNCTIONS])(void) = { cost_emulated, cost_returned, cost_unprobed, cost_stepped };

struct round {
	int64_t ns[FUNCTIONS]; /* of CALLS calls */
};

struct rounds {
	size_t n;
	struct round list[ROUNDS];
};

static int64_t time_calls(void (*function)(void))
{
	uint64_t start = monotonic_ns();

	for (int i = 0; i < CALLS; i++)
		function();
	return (int64_t)(monotonic_ns() - start);
}

/* Not in the child: probes on targets, which go when the last one who holds them closes them. Linux 5.9; else they go with the child. */
static void close_others(int a, int b)
{
	unsigned int low = (unsigned int)(a < b ? a : b), high = (unsigned int)(a < b ? b : a);

	if (low > STDERR_FILENO + 1)
		close_range(STDERR_FILENO + 1, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0U, 0);
}

/* In the child: waits until the probes are in place, and writes what it measured. */
static void run_child(int hold_fd, int report_fd)
{
	struct rounds rounds = { 0 };
	uint64_t start;
	char go;

	close_others(hold_fd, report_fd);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || read(hold_fd, &go, 1) != 1)
		_exit(1);
	start = monotonic_ns();
	while (rounds.n < ROUNDS && (rounds.n < ROUNDS_LEAST || monotonic_ns() - start < MOST_NS)) {
		for (int i = 0; i < FUNCTIONS; i++)
			rounds.list[rounds.n].ns[i] = time_calls(functions[i]);
		rounds.n++;
	}
	_exit(write(report_fd, &rounds, sizeof(rounds)) != sizeof(rounds));
}

static int compare_numbers(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int64_t cost_median(int64_t *numbers, size_t n)
{
	qsort(numbers, n, sizeof(*numbers), compare_numbers);
	return numbers[n / 2];
}

/* The median over the rounds of what a call of one function costs more than of the other. Less than nothing is a failure. */
static int64_t difference(const struct rounds *rounds, enum function more, enum function less)
{
	int64_t ns[ROUNDS] = { 0 }, median;

	for (size_t i = 0; i < rounds->n; i++)
		ns[i] = rounds->list[i].ns[more] - rounds->list[i].ns[less];
	median = cost_median(ns, rounds->n) / CALLS;
	return median > 0 ? median : UNKNOWN;
}

/* Lets the held child run, with the probes in place. */
static int run(const struct trial_programs *programs, int hold_fd, int report_fd, struct probe_cost *ret)
{
	uint64_t before = trial_read_hits(programs->hits);
	struct rounds rounds;

	if (write(hold_fd, "", 1) != 1)
		return -errno;
	/* one that dies closes the pipe */
	if (read(report_fd, &rounds, sizeof(rounds)) != sizeof(rounds))
		return -EIO;
	/* what was not hit was not measured */
	if (trial_read_hits(programs->hits) - before != rounds.n * CALLS * 3)
		return -ENOTSUP;
	*ret = (struct probe_cost){
		.emulated = difference(&rounds, EMULATED, UNPROBED),
		.stepped = difference(&rounds, STEPPED, UNPROBED),
		.returned = difference(&rounds, RETURNED, EMULATED),
	};
	return 0;
}

static int attach_and_run(const struct trial_programs *programs, int exe_fd, pid_t child, int hold_fd, int report_fd,
			  struct probe_cost *ret)
{
	static const enum function probed[] = { EMULATED, RETURNED, STEPPED };
	struct uprobes_request entry = { .program = programs->enter, .fd = exe_fd, .pid = child, .n = 3 };
	struct uprobes_request at_return = { .program = programs->at_return, .fd = exe_fd, .pid = child, .n = 1, .at_return = true };
	struct uprobes entries, returns;
	int result = 0;

	for (size_t i = 0; i < sizeof(probed) / sizeof(probed[0]) && !result; i++)
		result = own_code_offset((const void *)(uintptr_t)functions[probed[i]], &entry.offsets[i]);
	if (result)
		return result;
	at_return.offsets[0] = entry.offsets[1];
	result = uprobes_attach(&entry, &entries);
	if (result)
		return result;
	result = uprobes_attach(&at_return, &returns);
	if (!result) {
		result = run(programs, hold_fd, report_fd, ret);
		uprobes_detach(&returns);
	}
	uprobes_detach(&entries);
	return result;
}

/* Two pipes and a child between them. */
static int with_child(const struct trial_programs *programs, int exe_fd, int hold[2], int report[2], struct probe_cost *ret)
{
	pid_t child = fork();
	int result;

	if (!child) {
		close(hold[1]);
		run_child(hold[0], report[1]);
	}
	close(report[1]);
	report[1] = -1;
	result = child < 0 ? -errno : attach_and_run(programs, exe_fd, child, hold[1], report[0], ret);
	close(hold[1]); /* a child that was not released ends */
	hold[1] = -1;
	if (child > 0)
		waitpid(child, NULL, 0);
	return result;
}

int cost_measure(const struct trial_programs *programs, struct probe_cost *ret)
{
	int exe_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), hold[2] = { -1, -1 }, report[2] = { -1, -1 };
	int result = exe_fd < 0 || pipe2(hold, O_CLOEXEC) || pipe2(report, O_CLOEXEC) ? -errno : 0;

	*ret = unknown_cost;
	if (!result)
		result = with_child(programs, exe_fd, hold, report, ret);
	for (int i = 0; i < 2; i++) {
		if (hold[i] >= 0)
			close(hold[i]);
		if (report[i] >= 0)
			close(report[i]);
	}
	if (exe_fd >= 0)
		close(exe_fd);
	return result;
}

static int64_t cost_of_hit(const struct probe_cost *cost, const struct site *site)
{
	return site->emulated ? cost->emulated : cost->stepped;
}

int64_t cost_of_call(const struct probe_cost *cost, const struct library_function *function)
{
	const struct sites *sites = &function->sites;
	int64_t ns = cost_of_hit(cost, &sites->entry);

	if (function->call >= MEMGAP_CALL_FREE)
		return ns;
	if (function->ends_at_exits)
		return known_add(ns, EXITS_EMULATED ? cost->emulated : cost->stepped);
	/* in one place both are one trap */
	if (sites->at_return.offset != sites->entry.offset)
		ns = known_add(ns, cost_of_hit(cost, &sites->at_return));
	return known_add(ns, cost->returned);
}

/* A library has functions that may throw besides, which cost a single step more: they are no measure. */
static int64_t cost_of_first(const struct probe_cost *cost, const struct library *library, const char *symbol, enum memgap_call call)
{
	const struct library_function *function = library_find(library, symbol);

	for (size_t i = 0; !function && i < library->n; i++)
		if (library->functions[i].call == call && !library->functions[i].ends_at_exits)
			function = &library->functions[i];
	return function ? cost_of_call(cost, function) : UNKNOWN;
}

struct call_cost cost_of_library(const struct probe_cost *cost, const struct library *library)
{
	struct call_cost usual = { known_add(cost->emulated, cost->returned), cost->emulated }, found = { UNKNOWN, UNKNOWN };

	if (library) {
		found.malloc_ns = cost_of_first(cost, library, "malloc", MEMGAP_CALL_MALLOC);
		found.free_ns = cost_of_first(cost, library, "free", MEMGAP_CALL_FREE);
	}
	return (struct call_cost){ is_known(found.malloc_ns) ? found.malloc_ns : usual.malloc_ns,
				   is_known(found.free_ns) ? found.free_ns : usual.free_ns };
}
