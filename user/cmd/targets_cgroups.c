// SPDX-License-Identifier: GPL-2.0-only
/* Cgroups that are targets, from their names to the processes that are in them. */
#include <errno.h>
#include <string.h>

#include "user/base/fs.h"
#include "user/cmd/containers.h"
#include "user/cmd/targets.h"

struct watched_cgroup *targets_cgroup_above(const struct targets *targets, const char *path)
{
	struct watched_cgroup *best = NULL;

	for (size_t i = 0; i < targets->n_cgroups; i++) {
		const char *above = targets->cgroups[i]->dir.path;
		size_t length = strcmp(above, "/") ? strlen(above) : 0;

		if (!targets->cgroups[i]->adopts || strncmp(path, above, length) || (path[length] && path[length] != '/'))
			continue;
		if (!best || strlen(best->dir.path) < length)
			best = targets->cgroups[i];
	}
	return best;
}

static int open_cgroup(struct targets *targets, const char *name, struct error *err)
{
	struct watched_cgroup *above, *cgroup;
	struct cgroup_dir dir;
	int result;

	if (targets->n_cgroups + 1 >= MEMGAP_MAX_CGROUPS)
		return error_set(err, EXIT_USAGE, "more than %d cgroups: watch one that holds them all", MEMGAP_MAX_CGROUPS - 1);
	if (target_open_cgroup(&targets->hierarchy, name, &dir, err))
		return -1;
	above = targets_cgroup_above(targets, dir.path);
	if (above && above->dir.id == dir.id) {
		cgroup_dir_close(&dir);
		return 0; /* named twice */
	}
	cgroup = targets_add_cgroup(targets, &dir, true);
	if (!cgroup) {
		cgroup_dir_close(&dir);
		return error_set(err, EXIT_FAILED, "out of memory");
	}
	cgroup->followed = targets->probes;
	result = targets->probes ? probes_watch_cgroup(targets->probes, dir.id, cgroup->slot) : 0;
	return result ? error_set(err, EXIT_FAILED, "cannot watch cgroup %s: %s", dir.path, strerror(-result)) : 0;
}

/* Which of the cgroups lies in which is known when all are there. */
static void link_cgroups(struct targets *targets)
{
	for (size_t i = 0; i < targets->n_cgroups; i++) {
		char path[CGROUP_PATH_MAX], *slash;

		memcpy(path, targets->cgroups[i]->dir.path, sizeof(path));
		slash = strrchr(path, '/');
		if (!slash[1])
			continue; /* the root */
		*slash = '\0';
		targets->cgroups[i]->parent = targets_cgroup_above(targets, path);
	}
}

/* That a process cannot be read is no sign that it has gone when we are short of something. */
static int unless_short(int result)
{
	return fs_is_short(result) ? result : 0;
}

/* A process that was in a cgroup before we came. Vanished ones are no error. */
static int add_member(pid_t pid, void *data)
{
	struct targets *targets = data;
	struct pid_identity id = { .pid = pid, .pidfd = -1 };
	char path[CGROUP_PATH_MAX];
	struct watched_process *process;
	struct watched_cgroup *cgroup;
	struct pid_stat stat;
	int result;

	if (pid == targets->command_pid || targets_find(targets, pid))
		return 0;
	result = pid_stat_read(targets->proc_fd, pid, &stat);
	if (!result && !pid_stat_has_memory(&stat))
		return 0;
	if (!result)
		result = hierarchy_path_of(&targets->hierarchy, targets->proc_fd, pid, path);
	if (result)
		return unless_short(result);
	cgroup = targets_cgroup_above(targets, path);
	if (!cgroup)
		return 0;
	id.start_time = stat.start_time;
	memcpy(id.comm, stat.comm, sizeof(id.comm));
	process = targets_add_process(targets, &id, cgroup, false);
	if (!process)
		return -ENOMEM;
	process->scanned = !targets->probes;
	if (!targets->probes)
		return 0;
	/* probes first: what is counted is then counted completely */
	targets_attach(targets, process);
	probes_add(targets->probes, pid, cgroup->slot, MEMGAP_KEEP_NOT);
	/* one that went meanwhile told nobody of its exit */
	result = pid_stat_read(targets->proc_fd, pid, &stat);
	if (fs_is_short(result))
		return result;
	if (result || stat.start_time != id.start_time) {
		probes_remove(targets->probes, pid);
		targets_remove_process(targets, process);
	}
	return 0;
}

static int add_members(struct targets *targets, const struct watched_cgroup *cgroup)
{
	int result = cgroup_dir_each_pid(&cgroup->dir, add_member, targets);

	return result == -ENODEV ? 0 : result;
}

static int open_container(const char *path, void *data, struct error *err)
{
	return open_cgroup(data, path, err);
}

int targets_open_cgroups(struct targets *targets, struct error *err)
{
	if (containers_each(&targets->hierarchy, targets->proc_fd, &targets->options->targets, open_container, targets,
			    &targets->known_containers, err))
		return -1;
	for (size_t i = 0; i < targets->options->targets.n_cgroups; i++)
		if (open_cgroup(targets, targets->options->targets.cgroups[i], err))
			return -1;
	link_cgroups(targets);
	for (size_t i = 0; i < targets->n_cgroups; i++) {
		int result = add_members(targets, targets->cgroups[i]);
		size_t members = 0;

		if (result && !error_is_out_of_fds(-result, err))
			return error_set(err, EXIT_FAILED, "cannot read cgroup %s: %s", targets->cgroups[i]->dir.path, strerror(-result));
		if (result)
			return -1;
		for (size_t j = 0; j < targets->n_processes; j++) {
			struct row row = { .cgroup = targets->cgroups[i] };

			members += row_has(&row, targets->processes[j]);
		}
		if (!members)
			return error_set(err, EXIT_TARGET, "cgroup %s has no processes: start what is to be watched first",
					 targets->cgroups[i]->dir.path);
	}
	return 0;
}
