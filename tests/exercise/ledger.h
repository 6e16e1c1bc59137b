/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The exerciser: does one known thing with the allocator or its address space for each line on stdin, and answers with what a
 * watcher must have counted for it, computed from malloc_usable_size() and the arguments:
 *
 *	alloc total_alloc mallocs frees mapped unmapped brk returned missed early_freed
 *
 * Nothing in it allocates but what is meant to: no stdio, answers in one write(2).
 */
#ifndef MEMGAP_TESTS_EXERCISE_LEDGER_H
#define MEMGAP_TESTS_EXERCISE_LEDGER_H

#include <stddef.h>

#define BLOCKS 1000
#define PAGE 4096L

struct expected {
	long alloc, total_alloc, mallocs, frees;
	long mapped, unmapped, brk, returned;
	long missed, early_freed;
};

extern struct expected expected; /* since the last answer */
extern void *held[BLOCKS];       /* until "free_all" */

/* A block that the allocator handed out; returned as it is. */
void *got(void *block);
/* One that is about to be given back, by whatever function. */
void taken_back(void *block);
void give_back(void *block);
/* A realloc is a free of what was there and a malloc of what is there then. */
void *got_again(void *block, size_t size);
void must_fail(void *result);
void free_all(void);

void say(const char *text);
/* The same of a thread's own account: sign is 1 for a block that was handed out, -1 for one that is about to be given back. */
void tally(struct expected *account, void *block, long sign);
/* Adds a thread's account to what is expected. */
void expect_also(const struct expected *account);

/* Says what was expected, and begins anew. */
void answer(void);

/* What can be asked for: NULL ends each list. */
struct action {
	const char *name;
	void (*run)(void);
};
extern const struct action block_actions[], other_family_actions[], thread_actions[], crowd_actions[], loss_actions[], address_space_actions[],
	process_actions[];

/* What is done without an answer of counts; 0: no such thing. */
int process_act(const char *name, char *argv[]);

#endif
