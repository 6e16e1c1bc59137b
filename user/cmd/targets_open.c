// SPDX-License-Identifier: GPL-2.0-only
/* From the command line to watched targets. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "user/allocator/needed.h"
#include "user/allocator/translator.h"
#include "user/base/log.h"
#include "user/cmd/refusal.h"
#include "user/cmd/targets.h"
#include "user/target/command.h"

#define TASK_COMM_LEN 16 /* include/linux/sched.h */

/*
 * A hit in a process runs through the probes of all the others on the same file, some 30 ns each: a malloc/free pair took 1.6 us
 * with one pid, 2.7 us with 16, 10.7 us with 100. With 1000 the kernel needs minutes to take the probes away.
 */
#define PIDS_WITH_OWN_PROBES 16

/*
 * The watched cgroup that a pid target is in, if any. With --per cgroup it is counted in its own in any case, which is shown
 * with the watched processes in it.
 */
static int home_of(struct targets *targets, pid_t pid, struct watched_cgroup **ret, struct error *err)
{
	bool has_path = targets->hierarchy.fd >= 0;
	char path[CGROUP_PATH_MAX];
	struct cgroup_dir dir;

	has_path = has_path && !hierarchy_path_of(&targets->hierarchy, targets->proc_fd, pid, path);
	*ret = has_path ? targets_cgroup_above(targets, path) : NULL;
	if (*ret || targets->options->per != PER_CGROUP)
		return 0;
	if (hierarchy_require(&targets->hierarchy, err))
		return -1;
	if (!has_path)
		return error_set(err, EXIT_TARGET, "pid %d is in no memory cgroup: leave --per cgroup out", pid);
	for (size_t i = 0; i < targets->n_cgroups; i++)
		if (!strcmp(targets->cgroups[i]->dir.path, path))
			*ret = targets->cgroups[i];
	if (*ret)
		return 0;
	if (cgroup_dir_open(&targets->hierarchy, path, &dir, err))
		return -1;
	*ret = targets_add_cgroup(targets, &dir, false);
	return *ret ? 0 : error_set(err, EXIT_FAILED, "out of memory");
}

/* A target of its own: with a line of its own, also when it is in a cgroup that is watched as well. */
static struct watched_process *add_own(struct targets *targets, const struct pid_identity *id, struct watched_cgroup *home)
{
	struct watched_process *member = targets_find(targets, id->pid);

	if (member) {
		if (targets->probes)
			probes_remove(targets->probes, id->pid);
		targets_remove_process(targets, member);
	}
	return targets_add_process(targets, id, home, true);
}

static void count_own(struct targets *targets, const struct watched_process *process)
{
	const struct watched_cgroup *home = process->cgroup;

	probes_add(targets->probes, process->id.pid, home ? home->slot : 0,
		   home && !home->adopts ? MEMGAP_KEEP_IN_SLOT : MEMGAP_KEEP);
}

/* Of most allocators, what was live before is read from the heap (user/cmd/survey.h), which says itself when that fails. */
static bool heap_tells_what_was_before(const struct targets *targets, const struct watched_process *process)
{
	const char *name = process->allocator.name;

	return !targets->options->insists && strncmp(name, "jemalloc", strlen("jemalloc")) && strncmp(name, "tcmalloc", strlen("tcmalloc")) &&
	       strncmp(name, "mimalloc 3", strlen("mimalloc 3"));
}

/* Where nothing can be probed: Go's runtime tells as much, or the kernel's view has to do, and it is said why. */
static bool goes_without(const struct targets *targets, struct watched_process *process, int result)
{
	bool is_headless = result == -ESRCH && pid_is_alive(targets->proc_fd, &process->id);
	struct error why;

	if ((!refusal_is_mild(result) && !is_headless) || targets->options->insists)
		return false;
	if (result == -ENOENT && targets->options->go && survey_is_go(targets, process) > 0)
		return true;
	refusal_explain(result, targets->proc_fd, &process->id, &why);
	log_message("%s", why.text);
	return true;
}

static int open_pid(struct targets *targets, pid_t pid, struct error *err)
{
	struct watched_process *process = targets_find(targets, pid);
	struct watched_cgroup *home;
	struct pid_identity id;
	int result;

	if (process && process->own)
		return 0; /* named twice */
	if (pid_open(targets->proc_fd, pid, &id, err) || home_of(targets, pid, &home, err))
		return -1;
	process = add_own(targets, &id, home);
	if (!process)
		return error_set(err, EXIT_FAILED, "out of memory");
	if (!targets->probes)
		return 0;
	targets_attach(targets, process);
	result = process->failure;
	if (result && !goes_without(targets, process, result))
		return refusal_explain(result, targets->proc_fd, &id, err);
	count_own(targets, process);
	if (result)
		return 0;
	if (!heap_tells_what_was_before(targets, process))
		log_message("pid %d (%s) was running already: what it holds from before is not in Alloc", pid, id.comm);
	return 0;
}

struct needed {
	struct targets *targets;
	struct watched_process *process;
	int failure;
};

static void probe_needed(const char *path, void *data)
{
	struct needed *needed = data;
	struct targets *targets = needed->targets;
	pid_t pid = targets->everyone ? 0 : needed->process->id.pid;
	int result = probes_attach_file(targets->probes, path, pid, &needed->process->allocator);

	if (!result)
		needed->process->had_allocator = needed->process->foretold = true;
	else if (result != -ENOENT)
		needed->failure = result;
}

/* The probes are in place before the command's first instruction. */
static int probe_command(struct targets *targets, struct watched_process *process, const struct command *command,
			 struct error *err)
{
	struct needed needed = { targets, process, translator_is_named(command->path) ? IS_TRANSLATOR : 0 };
	int result = needed.failure ? 0 : needed_libraries(command->path, probe_needed, &needed);

	if (result)
		return error_set(err, EXIT_FAILED, "cannot execute %s: %s", command->path, strerror(-result));
	if (needed.failure && !goes_without(targets, process, needed.failure))
		return refusal_explain(needed.failure, targets->proc_fd, &process->id, err);
	if (!process->had_allocator && targets->options->insists)
		return refusal_explain_program(command->path, err);
	count_own(targets, process);
	return 0;
}

static int open_command(struct targets *targets, struct command *command, struct error *err)
{
	struct watched_process *process;
	struct watched_cgroup *home;
	struct pid_identity id;

	if (pid_open(targets->proc_fd, command->pid, &id, err) || home_of(targets, command->pid, &home, err))
		return -1;
	/* what the kernel will call it after its exec */
	snprintf(id.comm, TASK_COMM_LEN, "%s", basename(command->path));
	process = add_own(targets, &id, home);
	if (!process)
		return error_set(err, EXIT_FAILED, "out of memory");
	if (targets->probes && probe_command(targets, process, command, err))
		return -1;
	return command_release(command, err);
}

/* What is to be told of memory pressure is offered a FIFO to listen at, as by a service manager, unless it has been offered one. */
static bool is_to_listen(const struct watch_options *options)
{
	return options->policy.enabled && options->trim.action.kind == ACTION_PRESSURE && !getenv(PRESSURE_WATCH);
}

static int start_command(struct targets *targets, struct command *command, struct error *err)
{
	const struct watch_options *options = targets->options;
	char variable[sizeof(PRESSURE_WATCH "=") + PATH_MAX];
	struct command_gift gift = { .variable = variable };
	int result;

	if (!is_to_listen(options))
		return command_start(options->command, &targets->inherited, NULL, command, err);
	result = pressure_offer(&targets->pressure);
	if (result)
		return error_set(err, EXIT_FAILED, "cannot make a FIFO for '%s' to listen at, below $XDG_RUNTIME_DIR, /run or /tmp: %s",
				 options->command[0], strerror(-result));
	snprintf(variable, sizeof(variable), "%s=%s", PRESSURE_WATCH, targets->pressure.path);
	gift.fd = targets->pressure.gift_fd;
	return command_start(options->command, &targets->inherited, &gift, command, err);
}

/* The soft limit is for programs that use select(); we do not. */
static void raise_fd_limit(rlim_t *ret_limit)
{
	struct rlimit limit;

	*ret_limit = 1024;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	*ret_limit = limit.rlim_max;
}

/* More pids than are to have probes of their own, or can: these are on the files, as for processes still to come. */
static bool needs_files_probed(const struct targets *targets, rlim_t limit)
{
	size_t n = targets->options->targets.n_pids;

	if (!targets->probes || (n <= PIDS_WITH_OWN_PROBES && n * probes_fds_per_process(targets->probes) <= limit / 2))
		return false;
	log_message("%zu pids: the probes are on their library files, for all processes that map them%s", n,
		    n <= PIDS_WITH_OWN_PROBES ? " (too few file descriptors for others, ulimit -n)" : "");
	return true;
}

static int open_probes(struct targets *targets, struct error *err)
{
	const struct watch_options *options = targets->options;

	if (!probes_open(targets->proc_fd, &options->limits, &targets->probes, err))
		return 0;
	/* for a missing privilege there is a remedy: then nobody is given less than they may have */
	if (options->insists || !probes_are_beyond_kernel())
		return -1;
	log_message("this kernel's uprobes have no cookies (Linux 5.15 has them): no probes, only what is read from outside, of heaps and of Go");
	return 0;
}

int targets_open(struct targets *targets, struct error *err)
{
	const struct watch_options *options = targets->options;
	struct command command = { 0 };
	rlim_t limit;

	targets->proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (targets->proc_fd < 0)
		return error_set(err, EXIT_HOST, "cannot open /proc: %s", strerror(errno));
	hierarchy_open(targets->proc_fd, &targets->hierarchy);
	if (options->probes && open_probes(targets, err))
		return -1;
	/* first of all, so that it inherits nothing that we change for ourselves; it waits until it is released */
	if (options->command && start_command(targets, &command, err))
		return -1;
	targets->command_pid = options->command ? command.pid : 0;
	raise_fd_limit(&limit);
	targets->max_fds = limit < INT_MAX ? (int)limit : INT_MAX;
	targets->everyone = targets->options->targets.n_cgroups || targets->options->targets.n_containers ||
			    needs_files_probed(targets, limit);
	if (targets->probes && targets->everyone && options->command && translator_is_named(command.path))
		return error_set(err, EXIT_FAILED, "%s would have probes in what it runs, and that would end: -c and -n put them on library files for "
				 "everyone; without these, or with --source heap, it can be watched", command.path);
	if (targets_open_cgroups(targets, err))
		return -1;
	if ((options->targets.all || (!targets->probes && targets->n_cgroups)) && targets_scan_open(targets, err))
		return -1;
	for (size_t i = 0; i < options->targets.n_pids; i++)
		if (open_pid(targets, options->targets.pids[i], err))
			return -1;
	return options->command ? open_command(targets, &command, err) : 0;
}
