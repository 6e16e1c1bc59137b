// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does one known thing with the allocator or its address space for each line on stdin, and answers with what a
 * watcher must have counted for it, computed from malloc_usable_size() and the arguments:
 *
 *	alloc total_alloc mallocs frees mapped unmapped brk returned missed early_freed
 *
 * Nothing in here allocates but what is meant to: no stdio, answers in one write(2).
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCKS 1000
#define THREADS 4
#define ROUNDS 300
#define PAGE 4096L

struct expected {
	long alloc, total_alloc, mallocs, frees;
	long mapped, unmapped, brk, returned;
	long missed, early_freed;
};

static struct expected expected;
static void *held[BLOCKS];
static volatile size_t huge = PTRDIFF_MAX; /* volatile: the compiler must not know that it fails */

static void *got(void *block)
{
	if (!block)
		abort();
	expected.alloc += (long)malloc_usable_size(block);
	expected.total_alloc += (long)malloc_usable_size(block);
	expected.mallocs++;
	return block;
}

static void give_back(void *block)
{
	expected.alloc -= (long)malloc_usable_size(block);
	expected.frees++;
	free(block);
}

/* A realloc is a free of what was there and a malloc of what is there then. */
static void *got_again(void *block, size_t size)
{
	expected.alloc -= (long)malloc_usable_size(block);
	expected.frees++;
	return got(realloc(block, size));
}

static void must_fail(void *result)
{
	if (result)
		abort();
}

/* --- the allocator ------------------------------------------------------------------------------------- */

/* From nothing to far above the mmap threshold. */
static void malloc_all_sizes(void)
{
	for (size_t i = 0; i < BLOCKS; i++)
		held[i] = got(malloc(i % 10 == 9 ? i * 1000 : i));
}

static void free_all(void)
{
	for (size_t i = 0; i < BLOCKS; i++)
		if (held[i])
			give_back(held[i]);
	memset(held, 0, sizeof(held));
}

static void free_null(void)
{
	free(NULL);
}

static void calloc_blocks(void)
{
	for (size_t i = 0; i < 100; i++)
		held[i] = got(calloc(i + 1, 24));
}

static void calls_that_fail(void)
{
	void *block = (void *)1, *volatile kept = got(malloc(100)); /* else gcc 14 takes it for freed */

	must_fail(malloc(huge));
	must_fail(calloc(huge, 16)); /* overflows */
	must_fail(calloc(huge / 16, 16));
	must_fail(realloc(kept, huge));
	must_fail(reallocarray(kept, huge, 16));
	must_fail(reallocarray(NULL, huge / 16, 16));
	must_fail(memalign(64, huge));
	must_fail(aligned_alloc(64, huge));
	must_fail(valloc(huge));
#ifdef __GLIBC__
	must_fail(pvalloc(huge));
#endif
	if (posix_memalign(&block, 3, 100) != EINVAL || posix_memalign(&block, 64, huge) != ENOMEM || block != (void *)1)
		abort();
	give_back(kept);
}

static void aligned_blocks(void)
{
	size_t n = 0;

	for (size_t alignment = 8; alignment <= 8192; alignment *= 2) {
		for (size_t size = 1; size <= 1 << 20; size *= 32) {
			void *block = NULL;

			held[n++] = got(memalign(alignment, size));
			held[n++] = got(aligned_alloc(alignment, size));
			if (posix_memalign(&block, alignment, size))
				abort();
			held[n++] = got(block);
		}
	}
	held[n++] = got(valloc(100));
}

/* An allocator that has none leaves it to the libc, whose block it then does not know. */
static void pvalloc_block(void)
{
#ifdef __GLIBC__
	held[0] = got(pvalloc(100));
#endif
}

static void realloc_from_null(void)
{
	held[0] = got(realloc(NULL, 1000));
	held[1] = got(reallocarray(NULL, 10, 1000));
}

/* The only neighbour is the top of the heap, so it grows where it is. */
static void realloc_in_place(void)
{
	void *block = got(malloc(1000)), *before = block;

	block = got_again(block, 500);
	if (block != before)
		abort();
	give_back(block);
}

/* Shut in between live neighbours on both sides. */
static void realloc_moving(void)
{
	bool moved = false;

	for (size_t i = 0; i < 100; i++)
		held[i] = got(malloc(1000));
	for (size_t i = 40; i < 60; i++) {
		void *before = held[i];

		held[i] = got_again(held[i], 50000);
		moved |= held[i] != before;
	}
	if (!moved)
		abort();
	free_all();
}

/* mmapped blocks are moved by mremap(2), or copied when they become small. */
static void realloc_mmapped(void)
{
	void *block = got(malloc(1 << 20));

	block = got_again(block, 8 << 20);
	block = got_again(block, 100);
	block = got_again(block, 4 << 20);
	expected.alloc -= (long)malloc_usable_size(block);
	expected.frees++;
	block = got(reallocarray(block, 3, 1000));
	give_back(block);
}

/* Whatever an allocator makes of it: step by step up and down, by a little and by much. */
static void realloc_sizes(void)
{
	static const size_t sizes[] = { 1, 9, 17, 100, 110, 140, 1000, 1001, 1300, 5000, 4000, 2000, 1999, 20000, 33000, 40000,
					30000, 140000, 170000, 100000, 600000, 1200000, 700000, 3000000, 40000000, 50000, 10 };
	void *block = got(malloc(0)), *neighbour = NULL;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		block = got_again(block, sizes[i]);
		if (neighbour)
			give_back(neighbour);
		neighbour = got(malloc(sizes[i] / 3));
	}
	give_back(neighbour);
	give_back(block);
}

/* C99 leaves open whether that frees it, or hands out a new one of no size. */
static void realloc_to_zero(void)
{
	void *block = got(malloc(777));

	expected.alloc -= (long)malloc_usable_size(block);
	expected.frees++;
	block = realloc(block, 0);
	if (block)
		give_back(got(block));
}

/* C++'s, where there are any: operator new and delete, for arrays, with an alignment, sized, not throwing. */
void *operator_new(size_t size) __asm__("_Znwm") __attribute__((weak));
void *operator_new_array(size_t size) __asm__("_Znam") __attribute__((weak));
void *operator_new_nothrow(size_t size, const void *tag) __asm__("_ZnwmRKSt9nothrow_t") __attribute__((weak));
void operator_delete(void *block) __asm__("_ZdlPv") __attribute__((weak));
void operator_delete_sized(void *block, size_t size) __asm__("_ZdlPvm") __attribute__((weak));
void operator_delete_array(void *block) __asm__("_ZdaPv") __attribute__((weak));

static void new_and_delete(void)
{
	if (!operator_new || !operator_new_array || !operator_new_nothrow || !operator_delete || !operator_delete_sized ||
	    !operator_delete_array)
		return;
	for (size_t i = 1; i < 40000; i += i / 3 + 1) {
		void *one = got(operator_new(i)), *array = got(operator_new_array(i * 2)), *other = got(operator_new_nothrow(i, ""));

		expected.alloc -= (long)(malloc_usable_size(one) + malloc_usable_size(array) + malloc_usable_size(other));
		expected.frees += 3;
		operator_delete(one);
		operator_delete_array(array);
		operator_delete_sized(other, i);
	}
}

/* jemalloc's own, where it is there: mallocx(3). */
void *mallocx(size_t size, int flags) __attribute__((weak));
void *rallocx(void *block, size_t size, int flags) __attribute__((weak));
size_t xallocx(void *block, size_t size, size_t extra, int flags) __attribute__((weak));
void dallocx(void *block, int flags) __attribute__((weak));
void sdallocx(void *block, size_t size, int flags) __attribute__((weak));

#define LG_ALIGN_256 8 /* MALLOCX_LG_ALIGN(8) */

static void jemalloc_calls(void)
{
	for (size_t i = 1; mallocx && i < 100000; i += i / 2 + 1) {
		void *one = got(mallocx(i, 0)), *aligned = got(mallocx(i, LG_ALIGN_256));

		expected.alloc -= (long)malloc_usable_size(one);
		expected.frees += 2;
		one = got(rallocx(one, i * 3, 0));
		expected.alloc -= (long)malloc_usable_size(aligned);
		xallocx(aligned, i * 2, 0, LG_ALIGN_256);
		got(aligned);
		expected.alloc -= (long)(malloc_usable_size(one) + malloc_usable_size(aligned));
		expected.frees += 2;
		sdallocx(aligned, malloc_usable_size(aligned), LG_ALIGN_256);
		dallocx(one, 0);
	}
}

/* realloc(block, 0) frees it and returns NULL; so does reallocarray. */
static void realloc_to_nothing(void)
{
	for (int i = 0; i < 2; i++) {
		void *block = got(malloc(777));

		expected.alloc -= (long)malloc_usable_size(block);
		expected.frees++;
		must_fail(i ? reallocarray(block, 0, 8) : realloc(block, 0));
	}
}

/* --- threads ------------------------------------------------------------------------------------------- */

static struct {
	pthread_barrier_t start, middle, end;
	void *slots[THREADS][ROUNDS];
	struct expected counted[THREADS];
} crew;

static void tally(struct expected *e, void *block, long sign)
{
	long usable = (long)malloc_usable_size(block);

	e->alloc += sign * usable;
	e->total_alloc += sign > 0 ? usable : 0;
	e->mallocs += sign > 0;
	e->frees += sign < 0;
}

/* Each allocates, all wait, then each frees three quarters of what its neighbour allocated. */
static void *work(void *data)
{
	size_t self = (size_t)(uintptr_t)data, neighbour = (self + 1) % THREADS;
	struct expected *e = &crew.counted[self];

	for (;;) {
		pthread_barrier_wait(&crew.start);
		memset(e, 0, sizeof(*e));
		for (size_t i = 0; i < ROUNDS; i++) {
			void *scratch = malloc(i % 300), *block = malloc(1 + (self + 1) * i % 5000);

			tally(e, scratch, 1);
			tally(e, block, 1);
			tally(e, scratch, -1);
			free(scratch);
			crew.slots[self][i] = block;
		}
		pthread_barrier_wait(&crew.middle);
		for (size_t i = 0; i < ROUNDS; i++) {
			if (i % 4 == 0)
				continue;
			tally(e, crew.slots[neighbour][i], -1);
			free(crew.slots[neighbour][i]);
		}
		pthread_barrier_wait(&crew.end);
	}
	return NULL;
}

/* What libc allocates for a thread itself is not for us to know. */
static void threads_start(void)
{
	pthread_barrier_init(&crew.start, NULL, THREADS + 1);
	pthread_barrier_init(&crew.middle, NULL, THREADS);
	pthread_barrier_init(&crew.end, NULL, THREADS + 1);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, work, (void *)(uintptr_t)i))
			abort();
	}
}

static void threads_work(void)
{
	pthread_barrier_wait(&crew.start);
	pthread_barrier_wait(&crew.end);
	for (size_t i = 0; i < THREADS; i++) {
		expected.alloc += crew.counted[i].alloc;
		expected.total_alloc += crew.counted[i].total_alloc;
		expected.mallocs += crew.counted[i].mallocs;
		expected.frees += crew.counted[i].frees;
	}
}

/* Blocks that a thread freed lie in its cache; when it ends, libc frees them once more, for itself. */
static void *allocate_and_end(void *data)
{
	struct expected *e = data;
	void *blocks[200];

	for (size_t i = 0; i < 200; i++) {
		blocks[i] = malloc(i * 3);
		tally(e, blocks[i], 1);
	}
	for (size_t i = 0; i < 200; i++) {
		tally(e, blocks[i], -1);
		free(blocks[i]);
	}
	return NULL;
}

/* From the second time on, libc uses the first thread's stack again and allocates nothing for it. */
static void thread_ends(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, allocate_and_end, &expected) || pthread_join(thread, NULL))
		abort();
}

/* --- losses -------------------------------------------------------------------------------------------- */

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

/* --- address space ------------------------------------------------------------------------------------- */

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

/* --- process life -------------------------------------------------------------------------------------- */

static int children[2] = { -1, -1 };

static void say(const char *text)
{
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		_exit(1);
}

static void answer(void)
{
	char line[512];

	snprintf(line, sizeof(line), "%ld %ld %ld %ld %ld %ld %ld %ld %ld %ld\n", expected.alloc, expected.total_alloc,
		 expected.mallocs, expected.frees, expected.mapped, expected.unmapped, expected.brk, expected.returned,
		 expected.missed, expected.early_freed);
	memset(&expected, 0, sizeof(expected));
	say(line);
}

/*
 * The child allocates 100 blocks more, or first frees all that it inherited and does not say so, and waits until it is told to
 * go; answers its pid, then what it added.
 */
static void fork_child(int frees_inherited)
{
	char text[32], go;
	int pid;

	if (pipe(children))
		abort();
	pid = fork();
	if (!pid) {
		close(children[1]);
		snprintf(text, sizeof(text), "%d ", getpid());
		if (frees_inherited)
			free_all();
		memset(&expected, 0, sizeof(expected));
		for (size_t i = 0; i < 100; i++)
			got(malloc(i * 10));
		say(text);
		answer();
		_exit(read(children[0], &go, 1) > 0);
	}
	close(children[0]);
}

static void end_child(void)
{
	close(children[1]);
	if (wait(NULL) < 0)
		abort();
	say("ended\n");
}

/* Its child lives in our memory, so its blocks are ours. */
static void vfork_child(void)
{
	volatile int pid = vfork();

	if (!pid) {
		got(malloc(4321));
		_exit(0);
	}
	if (waitpid(pid, NULL, 0) != pid)
		abort();
}

static const struct {
	const char *name;
	void (*run)(void);
} actions[] = {
	{ "malloc_all_sizes", malloc_all_sizes },
	{ "free_all", free_all },
	{ "free_null", free_null },
	{ "calloc_blocks", calloc_blocks },
	{ "calls_that_fail", calls_that_fail },
	{ "aligned_blocks", aligned_blocks },
	{ "pvalloc_block", pvalloc_block },
	{ "realloc_from_null", realloc_from_null },
	{ "realloc_in_place", realloc_in_place },
	{ "realloc_moving", realloc_moving },
	{ "realloc_mmapped", realloc_mmapped },
	{ "realloc_to_nothing", realloc_to_nothing },
	{ "realloc_sizes", realloc_sizes },
	{ "realloc_to_zero", realloc_to_zero },
	{ "new_and_delete", new_and_delete },
	{ "jemalloc_calls", jemalloc_calls },
	{ "threads_start", threads_start },
	{ "threads_work", threads_work },
	{ "thread_ends", thread_ends },
	{ "unreadable_header", unreadable_header },
	{ "abandoned_call", abandoned_call },
	{ "flows", flows },
	{ "brk_up", brk_up },
	{ "brk_down", brk_down },
	{ "vfork_child", vfork_child },
};

/* What is done without an answer of counts. */
static int run_other(const char *name, char *argv[])
{
	if (!strcmp(name, "fork_child"))
		fork_child(0);
	else if (!strcmp(name, "fork_child_that_frees"))
		fork_child(1);
	else if (!strcmp(name, "end_child"))
		end_child();
	else if (!strcmp(name, "exec"))
		execv("/proc/self/exe", argv);
	else
		return 0;
	return 1;
}

static void run(const char *name, char *argv[])
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].name, name))
			continue;
		actions[i].run();
		answer();
		return;
	}
	if (!run_other(name, argv))
		_exit(3);
}

int main(int argc, char *argv[])
{
	char line[64];
	size_t length = 0;

	(void)argc;
	say("ready\n");
	while (length < sizeof(line) && read(STDIN_FILENO, &line[length], 1) == 1) {
		if (line[length++] != '\n')
			continue;
		line[length - 1] = '\0';
		length = 0;
		run(line, argv);
	}
	return 0;
}
