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
 *   races      the same, and its other thread executes one at about the moment in which it is to be asked
 *   forks      takes it in a handler, and has children that do so too or do not, for a short time
 *   reuses     lives for a short time, with a pid that others had: handles it or does not
 *   bare       does not handle it
 *   blocks     blocks it, and does not take it
 *
 * For each line on stdin it prints what has come of them so far, a JSON object; it ends with stdin.
 */
#include "tests/programs/habits.h"

#define MAX_SLOTS 512
#define REUSED_PIDS 4
#define MAX_PID (1 << 22)

static const char *const names[KINDS] = { "handles", "awaits", "reads", "toggles", "flickers", "flutters",
					  "ends", "becomes", "races", "forks", "reuses", "bare", "blocks" };

static struct slot {
	enum kind kind;
	pid_t pid;
} slots[MAX_SLOTS];
static size_t n_slots;

/* The next process gets one of few pids, if it is free. */
static void choose_pid(void)
{
	static pid_t base;
	int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
	char text[16];

	/* not next to the largest that there may be */
	base = base ? base : getpid() + (getpid() < MAX_SLOTS * 2 ? MAX_SLOTS : -MAX_SLOTS);
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
		setpriority(PRIO_PROCESS, 0, 0);
		kind = slot->kind;
		live();
	}
	if (slot->pid < 0 || slot->pid >= MAX_PID)
		exit(1);
	atomic_fetch_add(&shared->reused, used[slot->pid / 8] >> slot->pid % 8 & 1);
	used[slot->pid / 8] |= (unsigned char)(1 << slot->pid % 8);
}

/* Not more at a time than there are: on a busy machine those that are started may end as fast as others are reaped. */
static void reap(void)
{
	int status;
	pid_t pid;

	for (size_t n = 0; n < n_slots && (pid = waitpid(-1, &status, WNOHANG)) > 0; n++)
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
	work(strcmp(argv[2], "ends") ? 4 * SHORT_MS : 1);
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
	/* a hundred of them on a core: it is to answer all the same */
	setpriority(PRIO_PROCESS, 0, -10);
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
