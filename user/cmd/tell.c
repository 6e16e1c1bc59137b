// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/tell.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "user/base/log.h"
#include "user/cmd/sample.h"

/* So many are named in one message, the others counted: each takes at most 48 bytes. */
#define NAMED_UNPROBED 4

/* Told once a process, an interval after it came: a program just started has not loaded its libc yet. */
static bool is_to_tell(const struct targets *targets, struct watched_process *process)
{
	bool told = !has_allocator(process) && process->failure != -ENOENT;

	/* its heap may tell as much */
	if (targets->options->heap && !targets->options->insists)
		told |= !process->survey.at_ns || process->survey.has_heap;
	told |= process->survey.language == GO_PROGRAM;
	if (process->scanned || is_sampled(targets, process) || process->dirty || told)
		process->ticks_unprobed = 0;
	else
		process->ticks_unprobed++;
	return process->ticks_unprobed == 2;
}

void tell_unprobed(struct targets *targets)
{
	char names[256] = "";
	size_t n = 0, used = 0;

	for (size_t i = 0; targets->probes && i < targets->n_processes; i++) {
		struct watched_process *process = targets->processes[i];

		if (!is_to_tell(targets, process))
			continue;
		if (n++ < NAMED_UNPROBED)
			used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%d (%.32s)", used ? ", " : "", process->id.pid,
						 process->id.comm);
	}
	if (n > NAMED_UNPROBED)
		snprintf(names + used, sizeof(names) - used, " and %zu more", n - NAMED_UNPROBED);
	if (n)
		log_message("no malloc that memgap knows in use (stripped and static, Go, or another allocator) in pid %s: what it allocates is not in Alloc", names);
}

/* Only a COMMAND is our child, whose status we learn. */
void tell_exit(const struct watched_process *process)
{
	pid_t pid = process->id.pid;
	const char *comm = process->id.comm;
	int status;

	if (waitpid(pid, &status, WNOHANG) != pid)
		log_message("pid %d (%s) has exited", pid, comm);
	else if (WIFSIGNALED(status))
		log_message("pid %d (%s) was killed by signal %d (%s)", pid, comm, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		log_message("pid %d (%s) has exited with status %d", pid, comm, WEXITSTATUS(status));
}
