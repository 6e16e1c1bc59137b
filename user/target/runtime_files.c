// SPDX-License-Identifier: GPL-2.0-only
#include "user/target/runtime_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/target/root.h"

#define STORAGE_RUN "/run/containers/storage/overlay-containers"
#define STORAGE_LIB "/var/lib/containers/storage/overlay-containers"
#define CONTAINERD_TASKS "/run/containerd/io.containerd.runtime.v2.task"
#define K3S_TASKS "/run/k3s/containerd/io.containerd.runtime.v2.task"

#define LIST_MAX (16 << 20)
#define ENTRIES_MAX (4 * RUNTIME_CONTAINERS_MAX) /* names looked at in one directory */
#define BUNDLE_PATH_MAX 512

struct reading {
	int root_fd;
	runtime_found found;
	runtime_file_failed failed;
	void *data;
};

/* Called for each name in a directory; not 0 ends the walk. */
typedef int (*name_visit)(const struct reading *reading, const char *directory, const char *name);

static bool is_absent(int error)
{
	return error == -ENOENT || error == -ENOTDIR;
}

static void report(const struct reading *reading, const char *path, int error)
{
	char reason[128];

	if (is_absent(error))
		return;
	if (error == -EPROTO || error == -EFBIG || error == -EINVAL)
		snprintf(reason, sizeof(reason), "is %s", error == -EPROTO ? "not as container engines write it" :
			 error == -EFBIG ? "longer than any that container engines write" : "no regular file");
	else
		snprintf(reason, sizeof(reason), "cannot be read: %s", strerrordesc_np(-error));
	reading->failed(path, reason, reading->data);
}

static int each_name(const struct reading *reading, const char *directory, name_visit visit)
{
	int fd = root_open(reading->root_fd, directory, O_RDONLY | O_DIRECTORY), error = 0, left = ENTRIES_MAX;
	struct dirent *entry;
	DIR *dir;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		error = fd < 0 ? fd : -errno;
		if (fd >= 0)
			close(fd);
		report(reading, directory, error);
		return 0;
	}
	while (!error && left-- && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			error = visit(reading, directory, entry->d_name);
	closedir(dir);
	return error;
}

static int read_bundle(const struct reading *reading, const char *path, const char *id)
{
	struct container_info info;
	size_t length;
	char *text;
	int error = root_read_file(reading->root_fd, path, RUNTIME_ENTRY_MAX, &text, &length);

	if (!error) {
		error = runtime_parse_oci(text, length, &info);
		free(text);
	}
	if (error) {
		if (error != -ENODATA)
			report(reading, path, error);
		return 0;
	}
	strcpy(info.id, id);
	return reading->found(&info, reading->data);
}

/* What is named otherwise is no container's, or one whose cgroup could not be told by its name. */
static int read_bundle_below(const struct reading *reading, const char *directory, const char *name, const char *file)
{
	char path[BUNDLE_PATH_MAX];

	if (!container_id_is(name, strlen(name)) ||
	    snprintf(path, sizeof(path), "%s/%s/%s", directory, name, file) >= (int)sizeof(path))
		return 0;
	return read_bundle(reading, path, name);
}

static int visit_storage(const struct reading *reading, const char *directory, const char *name)
{
	return read_bundle_below(reading, directory, name, "userdata/config.json");
}

static int visit_task(const struct reading *reading, const char *directory, const char *name)
{
	return read_bundle_below(reading, directory, name, "config.json");
}

static int visit_namespace(const struct reading *reading, const char *directory, const char *name)
{
	char path[BUNDLE_PATH_MAX];

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
		return 0;
	return each_name(reading, path, visit_task);
}

int runtime_read_bundles(int root_fd, runtime_found found, runtime_file_failed failed, void *data)
{
	struct reading reading = { root_fd, found, failed, data };
	int error = each_name(&reading, STORAGE_RUN, visit_storage);

	if (!error)
		error = each_name(&reading, CONTAINERD_TASKS, visit_namespace);
	return error ? error : each_name(&reading, K3S_TASKS, visit_namespace);
}

int runtime_read_storage(int root_fd, runtime_found found, runtime_file_failed failed, void *data)
{
	static const char *const lists[] = {
		STORAGE_LIB "/containers.json", STORAGE_LIB "/volatile-containers.json", STORAGE_RUN "/volatile-containers.json",
	};
	struct reading reading = { root_fd, found, failed, data };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		size_t length;
		char *text;
		int error = root_read_file(root_fd, lists[i], LIST_MAX, &text, &length);

		if (error) {
			report(&reading, lists[i], error);
			continue;
		}
		error = length ? runtime_parse_storage(text, length, found, data) : 0;
		free(text);
		if (error == -EPROTO)
			report(&reading, lists[i], error);
		else if (error)
			return error;
	}
	return 0;
}
