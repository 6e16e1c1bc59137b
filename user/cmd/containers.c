// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/containers.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "user/cmd/names.h"
#include "user/target/cgroup_tree.h"
#include "user/target/container.h"

/* As `docker ps` shows ids. */
#define ID_DIGITS_SHOWN 12

/* As many are listed; the others are counted. */
#define MAX_LISTED 8
#define MAX_FOUND 64

/* A container that has a cgroup, and so runs. */
struct running {
	char id[CONTAINER_ID_LENGTH + 1];
	char *path;
};

struct running_list {
	struct running *items;
	size_t n;
	bool incomplete; /* memory was out */
};

static void add_running(struct cgroup_node *node, void *data)
{
	struct running_list *list = data;
	struct container_ref ref;
	struct running *items;

	if (!container_parse(node->path, &ref) || node->path[ref.path_length])
		return; /* it is none, or below one's own */
	items = realloc(list->items, (list->n + 1) * sizeof(*items));
	if (items)
		list->items = items;
	else
		list->incomplete = true;
	if (!items)
		return;
	items[list->n].path = strdup(node->path);
	memcpy(items[list->n].id, ref.id, sizeof(ref.id));
	list->n += items[list->n].path != NULL;
}

static void ignore(struct cgroup_node *node, void *data)
{
	(void)node;
	(void)data;
}

static int list_running(const struct hierarchy *hierarchy, struct running_list *ret, struct error *err)
{
	struct cgroup_tree *tree;
	int result = cgroup_tree_open(hierarchy, INT_MAX, ignore, NULL, &tree);

	if (result)
		return error_set(err, EXIT_FAILED, "cannot look for containers: %s", strerror(-result));
	if (cgroup_tree_add(tree, "/"))
		cgroup_tree_each(tree, add_running, ret);
	cgroup_tree_close(tree);
	return ret->incomplete ? error_set(err, EXIT_FAILED, "out of memory") : 0;
}

static void free_running(struct running_list *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i].path);
	free(list->items);
}

static const struct running *running_with(const struct running_list *list, const char *id)
{
	for (size_t i = 0; i < list->n; i++)
		if (!strcmp(list->items[i].id, id))
			return &list->items[i];
	return NULL;
}

/* The engines know stopped ones as well. */
static size_t find_by_names(const struct running_list *list, const struct runtime_names *names, const char *wanted,
			    const struct running **ret)
{
	size_t all = names ? runtime_names_count(names) : 0, found = 0, n = 0;
	const struct container_info **infos = calloc(all + 1, sizeof(*infos));

	if (infos && names)
		found = runtime_names_find(names, wanted, infos, all);
	for (size_t i = 0; i < found && n < MAX_FOUND; i++) {
		ret[n] = running_with(list, infos[i]->id);
		n += ret[n] != NULL;
	}
	free(infos);
	return n;
}

static size_t find_by_id(const struct running_list *list, const char *wanted, const struct running **ret)
{
	size_t length = strlen(wanted), n = 0;

	for (size_t i = 0; length && i < list->n && n < MAX_FOUND; i++)
		if (!strncmp(list->items[i].id, wanted, length))
			ret[n++] = &list->items[i];
	return n;
}

/* "shop/web-0/nginx (0123456789ab), db (…)" */
static void list_texts(const struct running *const *found, size_t n, const struct runtime_names *names, char *text, size_t size)
{
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < n && i < MAX_LISTED && used < size; i++) {
		const struct container_info *info = names ? runtime_names_get(names, found[i]->id) : NULL;
		bool named = info && info->name[0], pod = named && info->pod[0];

		used += (size_t)snprintf(text + used, size - used, "%s%s%s%s%s%s%s%.*s%s", i ? ", " : "", pod ? info->pod_namespace : "",
					 pod ? "/" : "", pod ? info->pod : "", pod ? "/" : "", named ? info->name : "", named ? " (" : "",
					 ID_DIGITS_SHOWN, found[i]->id, named ? ")" : "");
	}
	if (n > MAX_LISTED && used < size)
		snprintf(text + used, size - used, " and %zu more", n - MAX_LISTED);
}

static int explain_none(const struct running_list *list, const struct runtime_names *names, const char *note, const char *wanted,
			struct error *err)
{
	const struct running *all[MAX_FOUND] = { NULL };
	size_t n = list->n < MAX_FOUND ? list->n : MAX_FOUND;
	char texts[512];

	for (size_t i = 0; i < n; i++)
		all[i] = &list->items[i];
	list_texts(all, n, names, texts, sizeof(texts));
	if (!n)
		return error_set(err, EXIT_TARGET, "no container '%s': no container runs here (in a container, memgap needs the host's "
				 "cgroups: --cgroupns=host)%s%s", wanted, note[0] ? "; " : "", note);
	return error_set(err, EXIT_TARGET, "no container '%s' runs here; these do: %s%s%s", wanted, texts, note[0] ? "; " : "", note);
}

static int find(const struct hierarchy *hierarchy, const struct runtime_names *names, const char *note, const char *wanted,
		char ret_path[CGROUP_PATH_MAX], struct error *err)
{
	const struct running *found[MAX_FOUND];
	struct running_list list = { 0 };
	int result = list_running(hierarchy, &list, err);
	char texts[512];
	size_t n;

	if (result)
		goto out;
	n = find_by_names(&list, names, wanted, found);
	if (!n)
		n = find_by_id(&list, wanted, found);
	if (n == 1) {
		strcpy(ret_path, found[0]->path); /* the tree has none that is longer */
	} else if (!n) {
		result = explain_none(&list, names, note, wanted, err);
	} else {
		list_texts(found, n, names, texts, sizeof(texts));
		result = error_set(err, EXIT_TARGET, "'%s' is more than one container: %s; give more of the id", wanted, texts);
	}
out:
	free_running(&list);
	return result;
}

int containers_each(const struct hierarchy *hierarchy, int proc_fd, const struct target_options *options, container_visit visit,
		    void *data, struct runtime_names **ret_names, struct error *err)
{
	char path[CGROUP_PATH_MAX], note[RUNTIME_NOTE_MAX] = "";
	int result = 0;

	*ret_names = NULL;
	if (!options->n_containers)
		return 0;
	if (hierarchy_require(hierarchy, err))
		return -1;
	if (names_read_now(proc_fd, options, ret_names, note))
		return error_set(err, EXIT_FAILED, "out of memory");
	for (size_t i = 0; i < options->n_containers && !result; i++) {
		result = find(hierarchy, *ret_names, note, options->containers[i], path, err);
		if (!result)
			result = visit(path, data, err);
	}
	return result;
}
