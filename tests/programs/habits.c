// SPDX-License-Identifier: GPL-2.0-only
/*
 * habits KIND=N…: so many processes of each kind, started anew when they end. All of them allocate BLOCK bytes and touch them, then as
 * much again, and give both back when SIGUSR1 comes, or after a while. What they take is counted by themselves, in memory that all share.
 *
 *   handles    takes it in a handler
 *   awaits     takes it by sigwait() in a thread
 *   reads      takes it from a signalfd
 *   toggles    takes it in a handler that it removes and installs all the time: SIG_IGN, SIG_DFL
 *   flickers   the same, in a thread of its own, at some 100 changes a second
 *   flutters   and without a rest
 *   ends       takes it in a handler, and ends at some moment
 *   becomes    takes it in a handler, and executes a program that handles it or does not, in its first thread or another
 *   forks      takes it in a handler, and has children that do so too or do not, for a short time
 *   reuses     lives for a short time, with a pid that others had: handles it or does not
 *   bare       does not handle it
 *   blocks     blocks it, and does not take it
 *
 * For each line on stdin it prints what has come of them so far, a JSON object; it ends with stdin.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BLOCK (3 << 20)
#define HOLD_MS 50 /* some intervals of memgap's: it sees what is held */
#define REST_MS 25
#define SHORT_MS 60
#define MAX_SLOTS 512
#define REUSED_PIDS 4
#define MAX_PID (1 << 22)

enum kind { HANDLES, AWAITS, READS, TOGGLES, FLICKERS, FLUTTERS, ENDS, BECOMES, FORKS, REUSES, BARE, BLOCKS, KINDS };

static const char *const names[KINDS] = { "handles", "awaits", "reads", "toggles", "flickers", "flutters",
					  "ends", "becomes", "forks", "reuses", "bare", "blocks" };

/* What all processes share; by kind. */
static struct shared {
	atomic_ulong taken[KINDS], killed[KINDS], failed[KINDS], ended[KINDS];
	atomic_ulong pending, reused;
} *shared;

static int shared_fd;
static enum kind kind;
static atomic_int came; /* since the last look */
static unsigned int seed;

static struct slot {
	enum kind kind;
	pid_t pid;
} slots[MAX_SLOTS];
static size_t n_slots;

static unsigned int random_below(unsigned int n)
{
	return (unsigned int)rand_r(&seed) % n;
}

static void take(int number)
{
	(void)number;
	atomic_fetch_add(&shared->taken[kind], 1);
	atomic_store(&came, 1);
}

static void set_action(void (*action)(int))
{
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = action, .sa_flags = SA_RESTART }, NULL);
}

static void sleep_us(long us)
{
	clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void toggle(unsigned int step)
{
	set_action(step % 2 ? take : step % 4 ? SIG_IGN : SIG_DFL);
}

/* Until it comes, but no longer than that. */
static void rest(int ms)
{
	static unsigned int step;
	long end = now_ms() + ms;

	while (now_ms() < end && !atomic_load(&came)) {
		if (kind == TOGGLES)
			toggle(++step);
		sleep_us(kind == TOGGLES ? 20 : 2000);
	}
}

static void work_once(void)
{
	void *first = memset(malloc(BLOCK), 1, BLOCK), *second;

	atomic_store(&came, 0);
	rest(HOLD_MS);
	second = malloc(BLOCK);
	rest(REST_MS);
	free(first);
	free(second);
	atomic_store(&came, 0);
	rest(REST_MS);
}

static void work(int ms)
{
	long end = now_ms() + ms;

	do
		work_once();
	while (!ms || now_ms() < end);
}

static void *toggle_in_thread(void *data)
{
	for (unsigned int step = 0;; step++) {
		toggle(step);
		if (data)
			sleep_us(*(long *)data);
	}
	return NULL;
}

static void *wait_for_signals(void *set)
{
	int number;

	while (!sigwait(set, &number))
		take(number);
	return NULL;
}

static void *read_signals(void *set)
{
	struct signalfd_siginfo info;
	int fd = signalfd(-1, set, SFD_CLOEXEC);

	while (read(fd, &info, sizeof(info)) == sizeof(info))
		take((int)info.ssi_signo);
	return NULL;
}

static void start_thread(void *(*body)(void *), void *data)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, body, data))
		_exit(90);
}

static void block(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, set, NULL);
}

static void *become(void *data)
{
	char fd[16];

	if (data)
		sleep_us((long)random_below(SHORT_MS) * 1000);
	snprintf(fd, sizeof(fd), "%d", shared_fd);
	execl("/proc/self/exe", "habits", "--as", random_below(2) ? "handles" : "bare", fd, NULL);
	_exit(91);
}

/* Whether a child died of the signal, or of what it did itself. */
static void judge(enum kind of, int status)
{
	atomic_fetch_add(&shared->ended[of], 1);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1)
		atomic_fetch_add(&shared->killed[of], 1);
	else if ((WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) || (WIFEXITED(status) && WEXITSTATUS(status)))
		atomic_fetch_add(&shared->failed[of], 1);
}

/* As one that handles it or does not, for a short time. */
static _Noreturn void live_shortly(void)
{
	seed ^= (unsigned int)getpid();
	if (random_below(2)) {
		set_action(take);
		work((int)random_below(SHORT_MS) + 1);
	} else {
		set_action(SIG_DFL);
		work((int)random_below(SHORT_MS) + 1);
	}
	_exit(0);
}

static void have_children(void)
{
	for (;;) {
		pid_t child = fork();
		int status;

		if (!child)
			live_shortly();
		work_once();
		waitpid(child, &status, 0);
		judge(FORKS, status);
	}
}

static void take_by_handler_and(void)
{
	static long flicker_us = 10000;

	set_action(take);
	switch (kind) {
	case FLICKERS:
		start_thread(toggle_in_thread, &flicker_us);
		break;
	case FLUTTERS:
		start_thread(toggle_in_thread, NULL);
		break;
	case ENDS:
		work((int)random_below(4 * SHORT_MS) + 1);
		raise(random_below(2) ? SIGKILL : SIGCONT);
		_exit(0);
	case BECOMES:
		if (random_below(2)) {
			work((int)random_below(SHORT_MS) + 1);
			become(NULL);
		}
		start_thread(become, shared);
		break;
	case FORKS:
		have_children();
	default:
		break;
	}
	work(0);
}

static _Noreturn void live(void)
{
	sigset_t set;

	seed ^= (unsigned int)(getpid() * 7919 + now_ms());
	switch (kind) {
	case AWAITS:
		block(&set);
		start_thread(wait_for_signals, &set);
		break;
	case READS:
		block(&set);
		start_thread(read_signals, &set);
		break;
	case BLOCKS:
		block(&set);
		break;
	case BARE:
		break;
	case REUSES:
		live_shortly();
	default:
		take_by_handler_and();
	}
	work(0);
	_exit(0);
}

/* The next process gets one of few pids, if it is free. */
static void choose_pid(void)
{
	static pid_t base;
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
	char text[16];

	base = base ? base : getpid() + MAX_SLOTS;
	snprintf(text, sizeof(text), "%u", (unsigned int)base + random_below(REUSED_PIDS));
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		atomic_fetch_add(&shared->failed[REUSES], 1);
	close(fd);
}

static void start(struct slot *slot)
{
	static unsigned char used[MAX_PID / 8];

	if (slot->kind == REUSES)
		choose_pid();
	seed = (unsigned int)rand();
	slot->pid = fork();
	if (!slot->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		kind = slot->kind;
		live();
	}
	if (slot->pid < 0 || slot->pid >= MAX_PID)
		exit(1);
	atomic_fetch_add(&shared->reused, used[slot->pid / 8] >> slot->pid % 8 & 1);
	used[slot->pid / 8] |= (unsigned char)(1 << slot->pid % 8);
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < n_slots; i++)
			if (slots[i].pid == pid) {
				judge(slots[i].kind, status);
				start(&slots[i]);
			}
}

/* A signal that lies in wait for one that does not take it. */
static bool has_pending(pid_t pid)
{
	unsigned long long of_thread = 0, of_process = 0;
	char path[64], line[256];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "SigPnd: %llx", &of_thread);
		sscanf(line, "ShdPnd: %llx", &of_process);
	}
	if (file)
		fclose(file);
	return ((of_thread | of_process) >> (SIGUSR1 - 1)) & 1;
}

static void say_counts(const char *name, const atomic_ulong *counts)
{
	printf("\"%s\": {", name);
	for (int i = 0; i < KINDS; i++)
		printf("%s\"%s\": %lu", i ? ", " : "", names[i], counts[i]);
	printf("}, ");
}

static void say(void)
{
	unsigned long pending = 0;

	for (size_t i = 0; i < n_slots; i++)
		pending += slots[i].kind == BLOCKS && has_pending(slots[i].pid);
	printf("{");
	say_counts("taken", shared->taken);
	say_counts("killed", shared->killed);
	say_counts("failed", shared->failed);
	say_counts("ended", shared->ended);
	printf("\"pending\": %lu, \"reused\": %lu, \"pids\": [", pending, shared->reused);
	for (size_t i = 0; i < n_slots; i++)
		printf("%s%d", i ? ", " : "", slots[i].pid);
	printf("]}\n");
	fflush(stdout);
}

static enum kind kind_named(const char *name, size_t length)
{
	for (int i = 0; i < KINDS; i++)
		if (strlen(names[i]) == length && !strncmp(names[i], name, length))
			return (enum kind)i;
	fprintf(stderr, "no such kind: %s\n", name);
	exit(2);
}

static void share(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, shared_fd, 0);
	if (shared == MAP_FAILED)
		exit(1);
}

/* What one becomes: for a short time. */
static int live_on(char *argv[])
{
	bool handles = !strcmp(argv[2], "handles");

	kind = BECOMES;
	shared_fd = atoi(argv[3]);
	share();
	if (handles)
		set_action(take);
	work(4 * SHORT_MS);
	return 0;
}

int main(int argc, char *argv[])
{
	struct pollfd input = { .fd = 0, .events = POLLIN };
	char line[16];

	if (argc == 4 && !strcmp(argv[1], "--as"))
		return live_on(argv);
	shared_fd = memfd_create("habits", 0);
	if (shared_fd < 0 || ftruncate(shared_fd, sizeof(*shared)))
		return 1;
	share();
	for (int i = 1; i < argc; i++)
		for (int n = atoi(strchr(argv[i], '=') + 1); n > 0 && n_slots < MAX_SLOTS; n--)
			slots[n_slots++].kind = kind_named(argv[i], (size_t)(strchr(argv[i], '=') - argv[i]));
	for (size_t i = 0; i < n_slots; i++)
		start(&slots[i]);
	for (;;) {
		if (poll(&input, 1, 2) == 1) {
			if (read(0, line, sizeof(line)) <= 0)
				return 0; /* its children go with it */
			say();
		}
		reap();
	}
}
