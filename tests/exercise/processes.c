// SPDX-License-Identifier: GPL-2.0-only
/* fork, vfork, exec. */
#include "tests/exercise/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int children[2] = { -1, -1 };

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

int process_act(const char *name, char *argv[])
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

const struct action process_actions[] = {
	{ "vfork_child", vfork_child },
	{ NULL, NULL },
};
