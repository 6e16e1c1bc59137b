// SPDX-License-Identifier: GPL-2.0-only
/* How processes are followed where no probes are: who is in which cgroup is read at each interval. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "user/base/fs.h"
#include "user/base/log.h"
#include "user/cmd/targets.h"

/* Whose processes are counted where this cgroup is: the nearest watched one, itself or above; NULL: nobody's. */
static struct watched_cgroup *watched_at(const struct cgroup_node *node)
{
	for (; node; node = node->parent)
		if (node->data)
			return node->data;
	return NULL;
}

/* The one that a pid target is at home in, as --per cgroup shows it, is now a target as well. */
static struct watched_cgroup *home_with(const struct targets *targets, uint64_t id)
{
	for (size_t i = 0; i < targets->n_cgroups; i++)
		if (targets->cgroups[i]->dir.id == id && !targets->cgroups[i]->found)
			return targets->cgroups[i];
	return NULL;
}

/* A cgroup that --all finds processes in is a target from now on. NULL: memory is out. */
static struct watched_cgroup *find_cgroup(struct targets *targets, struct cgroup_node *node)
{
	struct watched_cgroup *cgroup = home_with(targets, node->id);
	struct cgroup_dir dir = { .fd = node->fd, .id = node->id };

	if (cgroup) {
		cgroup->adopts = true;
		node->data = cgroup;
		return cgroup;
	}
	strcpy(dir.path, node->path); /* no longer than CGROUP_PATH_MAX, as the tree made it */
	cgroup = targets_add_cgroup(targets, &dir, true);
	if (!cgroup)
		return NULL;
	cgroup->found = true;
	cgroup->slot = 0;
	node->data = cgroup;
	return cgroup;
}

struct scan {
	struct targets *targets;
	struct cgroup_node *node;
	bool found;    /* a new cgroup, in this scan */
	bool cut;      /* for want of descriptors or memory not all was seen */
	size_t hidden; /* processes of other pid namespaces */
};

static struct watched_process *add_process(struct scan *scan, pid_t pid, const struct pid_stat *stat, struct watched_cgroup *cgroup)
{
	struct pid_identity id = { .pid = pid, .pidfd = -1, .start_time = stat->start_time };
	struct watched_process *process;

	memcpy(id.comm, stat->comm, sizeof(id.comm));
	process = targets_add_process(scan->targets, &id, cgroup, false);
	if (!process)
		return NULL;
	process->scanned = true;
	process->reading.start_stack = stat->start_stack;
	return process;
}

static struct watched_cgroup *cgroup_for_member(struct scan *scan)
{
	struct watched_cgroup *cgroup = scan->node->data;

	if (!cgroup && scan->targets->options->targets.all) {
		cgroup = find_cgroup(scan->targets, scan->node);
		scan->found |= cgroup != NULL;
	}
	if (cgroup)
		cgroup->populated = scan->targets->interval.number;
	return watched_at(scan->node);
}

static bool is_to_watch(const struct targets *targets, pid_t pid, struct pid_stat *ret)
{
	return !pid_stat_read(targets->proc_fd, pid, ret) && pid_stat_has_memory(ret);
}

/* A process that a cgroup has now. One that vanishes is no error. */
static int see(pid_t pid, void *data)
{
	struct scan *scan = data;
	struct targets *targets = scan->targets;
	struct watched_process *process = targets_find(targets, pid);
	struct watched_cgroup *cgroup;
	struct pid_stat stat;

	scan->hidden += !pid;
	if (!pid || (process && !process->scanned && !process->own))
		return 0;
	/* that one of our own is over, its pidfd says */
	if (process && process->scanned && !interval_is_there(targets, process)) {
		targets_remove_process(targets, process);
		process = NULL;
	}
	if (!process && !is_to_watch(targets, pid, &stat))
		return 0;
	cgroup = cgroup_for_member(scan);
	if (cgroup && !process)
		process = add_process(scan, pid, &stat, cgroup);
	if (!process)
		return cgroup ? -ENOMEM : 0;
	targets_move(process, cgroup);
	process->seen = targets->interval.number;
	return 0;
}

/* Of what is in there, events tell. */
static bool is_covered(const struct targets *targets, const struct cgroup_node *node)
{
	if (!targets->probes)
		return false;
	for (; node; node = node->parent) {
		const struct watched_cgroup *cgroup = node->data;

		if (cgroup && cgroup->followed)
			return true;
	}
	return false;
}

static void look_into(struct cgroup_node *node, void *data)
{
	struct scan *scan = data;

	if (is_covered(scan->targets, node))
		return;
	scan->node = node;
	scan->cut |= fs_is_short(cgroup_each_own_pid(node->fd, see, scan));
}

static void link_node(struct cgroup_node *node, void *data)
{
	struct watched_cgroup *cgroup = node->data;

	(void)data;
	if (cgroup)
		cgroup->parent = node->parent ? watched_at(node->parent) : NULL;
}

static void forget_node(struct cgroup_node *node, void *data)
{
	struct targets *targets = data;
	struct watched_cgroup *cgroup = node->data;

	/* what the user named goes with a last word, when its row finds it gone */
	if (cgroup && cgroup->found)
		targets_remove_cgroup(targets, cgroup);
}

static void drop_if_empty(struct cgroup_node *node, void *data)
{
	struct targets *targets = data;
	struct watched_cgroup *cgroup = node->data;

	if (!cgroup || !cgroup->found || cgroup->populated == targets->interval.number)
		return;
	node->data = NULL;
	targets_remove_cgroup(targets, cgroup);
}

static void tell_trouble(struct targets *targets, bool cut)
{
	const char *trouble = cgroup_tree_trouble(targets->tree);

	if (!trouble && cut)
		trouble = "out of descriptors or memory: not all processes are seen in this interval (raise `ulimit -n`)";
	if (trouble && trouble != targets->tree_trouble)
		log_message("%s", trouble);
	targets->tree_trouble = trouble;
}

void targets_scan(struct targets *targets)
{
	struct scan scan = { .targets = targets };

	cgroup_tree_follow(targets->tree);
	cgroup_tree_each(targets->tree, look_into, &scan);
	tell_trouble(targets, scan.cut);
	if (scan.hidden && !targets->hidden_told)
		log_message("%zu processes are in pid namespaces that cannot be seen from here: they are not in the figures (in a container, "
			    "--pid=host shows them)", scan.hidden);
	targets->hidden_told |= scan.hidden > 0;
	if (scan.found)
		cgroup_tree_each(targets->tree, link_node, NULL);
	if (scan.cut)
		return; /* what was not seen may be there */
	for (size_t i = targets->n_processes; i-- > 0;) {
		struct watched_process *process = targets->processes[i];

		if (process->scanned && process->seen != targets->interval.number)
			targets_remove_process(targets, process);
	}
	if (targets->options->targets.all)
		cgroup_tree_each(targets->tree, drop_if_empty, targets);
}

static int scan_below(struct targets *targets, const char *path, struct watched_cgroup *cgroup, struct error *err)
{
	struct cgroup_node *node = cgroup_tree_add(targets->tree, path);

	if (!node && errno == ENOENT)
		return 0; /* gone meanwhile */
	if (!node)
		return error_set(err, EXIT_FAILED, "cannot look into cgroup %s: %s", path, strerror(errno));
	if (cgroup)
		node->data = cgroup;
	return 0;
}

int targets_scan_open(struct targets *targets, struct error *err)
{
	int result = cgroup_tree_open(&targets->hierarchy, targets->max_fds / 2, forget_node, targets, &targets->tree);

	if (result)
		return error_set(err, EXIT_FAILED, "cannot watch cgroups come and go: %s", strerror(-result));
	if (targets->options->targets.all && hierarchy_require(&targets->hierarchy, err))
		return -1;
	if (targets->options->targets.all && targets->hierarchy.partial)
		log_message("only the cgroups below %s are seen, not all of the host (in a container: --cgroupns=host, and the host's "
			    "/sys/fs/cgroup)", targets->hierarchy.mount);
	if (targets->options->targets.all && scan_below(targets, "/", NULL, err))
		return -1;
	/* from the top down: one that is below another is in its tree already */
	for (size_t i = 0; i < targets->n_cgroups; i++)
		if (targets->cgroups[i]->adopts && !targets->cgroups[i]->parent &&
		    scan_below(targets, targets->cgroups[i]->dir.path, targets->cgroups[i], err))
			return -1;
	for (size_t i = 0; i < targets->n_cgroups; i++)
		if (targets->cgroups[i]->adopts && scan_below(targets, targets->cgroups[i]->dir.path, targets->cgroups[i], err))
			return -1;
	return 0;
}
