// SPDX-License-Identifier: GPL-2.0-only
/* memgap check: what this host and the targets allow, and why not. Puts nothing on any process but a child of its own. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "user/allocator/examine.h"
#include "user/allocator/probes.h"
#include "user/base/fs.h"
#include "user/base/log.h"
#include "user/base/text.h"
#include "user/base/units.h"
#include "user/cmd/check_options.h"
#include "user/cmd/containers.h"
#include "user/cmd/command_table.h"
#include "user/cmd/refusal.h"
#include "user/go/go.h"
#include "user/heap/heap.h"
#include "user/kernel/cgroup.h"
#include "user/kernel/status.h"
#include "user/output/check_text.h"
#include "user/target/hierarchy.h"
#include "user/trim/reclaim.h"

struct check {
	struct check_options options;
	int proc_fd;
	struct hierarchy hierarchy;
	struct probes *probes; /* NULL: they could not be loaded */
	struct utsname system;
	struct error failure;  /* why not */
	char reclaim_why[ERROR_TEXT_MAX];
	struct error no_hierarchy; /* unset when there is one */
	struct check_host host;
	struct examiner examiner;
	size_t members;        /* of the cgroup that is being looked at */
	enum exit_status status;
};

/* Of several failures the one that is most in the way counts: no such target, then the host, then the work. */
static void note(struct check *check, enum exit_status status)
{
	if (status > check->status)
		check->status = status;
}

static bool has_all_needs(const struct host *host)
{
	bool all = true;

	for (int i = 0; i < HOST_NEEDS; i++)
		all &= host->has[i];
	return all;
}

static void look_at_host(struct check *check)
{
	const struct probes_limits limits = { 0 };
	struct check_host *host = &check->host;

	uname(&check->system);
	*host = (struct check_host){
		.kernel = check->system.release,
		.cost = unknown_cost,
		.cgroup_version = check->hierarchy.fd < 0 ? 0 : check->hierarchy.version,
		.cgroup_hybrid = check->hierarchy.hybrid,
		.cgroup_mount = text_make_printable(check->hierarchy.mount),
		.cgroup_why = check->no_hierarchy.text,
	};
	hierarchy_require(&check->hierarchy, &check->no_hierarchy);
	host->cgroup_has_memory = host->cgroup_version && cgroup_root_has_memory(check->hierarchy.fd, host->cgroup_version);
	if (host->cgroup_version && reclaim_check(check->hierarchy.fd, host->cgroup_version, false, check->reclaim_why, sizeof(check->reclaim_why)))
		host->reclaim_why = check->reclaim_why;
	else if (host->cgroup_version)
		host->reclaim_spares_anon = reclaim_spares_anon(check->hierarchy.fd);
	host_read(check->proc_fd, &host->host);
	host->tried = has_all_needs(&host->host);
	if (host->tried && probes_prepare(check->proc_fd, &limits, &check->probes, &check->failure))
		host->failure = check->failure.text;
	if (check->probes) {
		host->features = probes_features(check->probes);
		if (probes_measure_cost(check->probes, &host->cost))
			log_message("what a probe costs could not be measured");
	}
	check->examiner.no_returns = host->features && !host->features->returns_survive;
	check->examiner.iterator = check->probes ? probes_module_iterator(check->probes) : NULL;
	if (!check_host_is_ready(host))
		note(check, EXIT_HOST);
}

/* Why nothing in a process is probed; the status is the one that `watch` would end with. */
static enum exit_status refuse(const struct check *check, int result, const struct pid_identity *id,
			       const struct examined *examined, char why[ERROR_TEXT_MAX])
{
	struct error err;

	if (!result) {
		examined_explain_nothing(examined, why);
		return EXIT_FAILED;
	}
	refusal_explain(result, check->proc_fd, id, &err);
	strcpy(why, err.text);
	return err.status;
}

struct inside {
	char heap[64], go[64];
};

/* What can be read of its memory from outside. */
static void look_inside(const struct check *check, const struct pid_identity *id, struct check_process *process, struct inside *inside)
{
	struct heap *heap = NULL;
	struct go *go = NULL;

	if (!heap_open(check->proc_fd, id->pid, &heap, &process->heap_why)) {
		snprintf(inside->heap, sizeof(inside->heap), "%s %s", heap_name(heap), heap_versions(heap));
		process->heap = inside->heap;
	}
	heap_close(heap);
	if (go_is(check->proc_fd, id->pid))
		return;
	if (!go_open(check->proc_fd, id->pid, &go, &process->go_why)) {
		snprintf(inside->go, sizeof(inside->go), "%s", go_version(go));
		process->go = inside->go;
	}
	go_close(go);
}

/* Of the allocator that comes first: of a program with another one than its libc's that is as near as can be told. */
static int64_t cost_of_pair(const struct check *check, const struct examined *examined)
{
	for (size_t i = 0; i < examined->n; i++) {
		struct call_cost cost;

		if (examined->allocators[i]->result)
			continue;
		cost = cost_of_library(&check->host.cost, &examined->allocators[i]->library);
		return known_add(cost.malloc_ns, cost.free_ns);
	}
	return UNKNOWN;
}

/* own: a target itself. In a cgroup, a process that is gone by now is no news, and one that cannot be probed no failure. */
static void show_process(struct check *check, const struct pid_identity *id, bool own)
{
	struct check_process process = { .pid = id->pid, .comm = id->comm, .seccomp = -1 };
	enum exit_status refused = EXIT_DONE;
	struct process_status status;
	struct examined examined;
	struct inside inside;
	char why[ERROR_TEXT_MAX];
	int result = examine_process(&check->examiner, id->pid, &examined);

	if (!process_status_read(check->proc_fd, id->pid, &status))
		process.seccomp = status.seccomp;
	if (result || !examined_is_probed(&examined)) {
		refused = refuse(check, result, id, &examined, why);
		process.refusal = why;
	}
	process.examined = &examined;
	look_inside(check, id, &process, &inside);
	process.pair_ns = cost_of_pair(check, &examined);
	if (own || refused != EXIT_TARGET)
		check_text_process(stdout, &process, &check->host);
	/* what cannot be probed is watched all the same */
	if (own && !(refused == EXIT_FAILED && check_process_has_view(&process)))
		note(check, refused);
	examined_free(&examined);
}

static void check_pid(struct check *check, pid_t pid)
{
	struct pid_identity id;
	struct error err;

	if (pid_open(check->proc_fd, pid, &id, &err)) {
		log_message("%s", err.text);
		note(check, err.status);
		return;
	}
	show_process(check, &id, true);
	pid_close(&id);
}

static int check_member(pid_t pid, void *data)
{
	struct check *check = data;
	struct pid_identity id = { .pid = pid, .pidfd = -1 };
	struct pid_stat stat;
	int result = pid_stat_read(check->proc_fd, pid, &stat);

	if (result || !pid_stat_has_memory(&stat))
		return fs_is_short(result) ? result : 0;
	id.start_time = stat.start_time;
	memcpy(id.comm, stat.comm, sizeof(id.comm));
	show_process(check, &id, false);
	check->members++;
	return 0;
}

static void check_cgroup(struct check *check, const char *name)
{
	struct cgroup_dir dir;
	struct error err;
	int result;

	if (target_open_cgroup(&check->hierarchy, name, &dir, &err)) {
		log_message("%s", err.text);
		note(check, err.status);
		return;
	}
	check->members = 0;
	result = cgroup_dir_each_pid(&dir, check_member, check);
	if (fs_is_short(result)) {
		if (!error_is_out_of_fds(-result, &err))
			error_set(&err, EXIT_FAILED, "out of memory");
		log_message("not all processes of cgroup %s can be looked at: %s", dir.path, err.text);
		note(check, err.status);
	} else if (!check->members) {
		log_message("cgroup %s has no processes: start what is to be watched first", dir.path);
		note(check, EXIT_TARGET);
	}
	cgroup_dir_close(&dir);
}

static int check_container(const char *path, void *data, struct error *err)
{
	(void)err;
	check_cgroup(data, path);
	return 0;
}

/* Each file once, in the order in which they were found. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as there are libraries of allocators */
static void show_allocators(const struct check *check, const struct examined_file *file)
{
	if (!file)
		return;
	show_allocators(check, file->next);
	if (!file->result)
		check_text_allocator(stdout, file, &check->host.cost);
}

static void run(struct check *check)
{
	const struct target_options *targets = &check->options.targets;
	struct runtime_names *names;
	struct error err;

	hierarchy_open(check->proc_fd, &check->hierarchy);
	check->examiner.proc_fd = check->proc_fd;
	look_at_host(check);
	check_text_host(stdout, &check->host);
	for (size_t i = 0; i < targets->n_pids; i++)
		check_pid(check, targets->pids[i]);
	for (size_t i = 0; i < targets->n_cgroups; i++)
		check_cgroup(check, targets->cgroups[i]);
	if (containers_each(&check->hierarchy, check->proc_fd, targets, check_container, check, &names, &err)) {
		log_message("%s", err.text);
		note(check, err.status);
	}
	runtime_names_free(names);
	show_allocators(check, check->examiner.files);
	if (fflush(stdout) || ferror(stdout)) {
		log_message("cannot write to stdout: %s", strerror(errno));
		check->status = EXIT_FAILED;
	}
}

int cmd_check(int argc, char *argv[])
{
	struct check check = { .hierarchy = { .fd = -1, .v2_fd = -1 } };
	struct error err;

	if (check_options_parse(argc, argv, &check.options, &err)) {
		log_message("%s", err.text);
		return (int)err.status;
	}
	if (check.options.help) {
		fputs(check_usage, stdout);
		check_options_free(&check.options);
		return EXIT_DONE;
	}
	check.proc_fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (check.proc_fd < 0) {
		log_message("cannot open /proc: %s", strerror(errno));
		check.status = EXIT_HOST;
	} else {
		run(&check);
		close(check.proc_fd);
	}
	probes_close(check.probes);
	examiner_close(&check.examiner);
	hierarchy_close(&check.hierarchy);
	check_options_free(&check.options);
	return (int)check.status;
}
