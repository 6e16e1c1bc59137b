// SPDX-License-Identifier: GPL-2.0-only
#include "user/target/hierarchy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "user/base/fs.h"

#define MOUNTINFO_MAX (4 << 20)
#define MOUNT_LINE_MAX 8192

/* Whether a comma-separated list has an item. */
static bool has_item(const char *list, const char *item)
{
	size_t length = strlen(item);

	for (const char *at = list; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL)
		if (!strncmp(at, item, length) && (at[length] == ',' || at[length] == '\0'))
			return true;
	return false;
}

/* "\040" for a space: seq_path() in fs/seq_file.c writes what would end a field as three octal digits. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++) {
		unsigned int byte;

		if (*from == '\\' && strspn(from + 1, "01234567") >= 3 && sscanf(from + 1, "%3o", &byte) == 1) {
			*to++ = (char)byte;
			from += 3;
		} else {
			*to++ = *from;
		}
	}
	*to = '\0';
}

/*
 * One line of mountinfo (proc(5)): "36 35 98:0 / /mnt rw … - type source super-options". Mounts of a part of the
 * hierarchy (root other than "/") count too: that is all a cgroup namespace shows.
 */
static int parse_mount(char *line, int *ret_version, char *ret_mount)
{
	char type[64], options[512], *tail = strstr(line, " - ");

	if (!tail || sscanf(tail, " - %63s %*s %511s", type, options) != 2)
		return -ENOENT;
	if (!strcmp(type, "cgroup") && has_item(options, "memory"))
		*ret_version = 1;
	else if (!strcmp(type, "cgroup2"))
		*ret_version = 2;
	else
		return -ENOENT;
	*tail = '\0';
	if (sscanf(line, "%*s %*s %*s %*s %4095s", ret_mount) != 1)
		return -ENOENT;
	unescape(ret_mount);
	return 0;
}

/* The next line, without its end; false when there is none. One that is longer than any mount's becomes an empty one. */
static bool next_line(const char **text, char line[MOUNT_LINE_MAX])
{
	size_t length = strcspn(*text, "\n"), kept = length < MOUNT_LINE_MAX ? length : 0;

	if (!**text)
		return false;
	memcpy(line, *text, kept);
	line[kept] = '\0';
	*text += length + ((*text)[length] == '\n');
	return true;
}

int hierarchy_parse_mountinfo(const char *text, int *ret_version, char *ret_mount)
{
	char line[MOUNT_LINE_MAX], mount[PATH_MAX];
	int found = 0, version;

	while (found != 1 && next_line(&text, line))
		if (!parse_mount(line, &version, mount) && (!found || version == 1)) {
			found = version;
			strcpy(ret_mount, mount);
		}
	if (!found)
		return -ENOENT;
	*ret_version = found;
	return 0;
}

bool hierarchy_parse_has_v2(const char *text, char *ret_mount)
{
	char line[MOUNT_LINE_MAX], mount[PATH_MAX];
	int version;

	while (next_line(&text, line))
		if (!parse_mount(line, &version, mount) && version == 2) {
			if (ret_mount)
				strcpy(ret_mount, mount);
			return true;
		}
	return false;
}

bool hierarchy_parse_is_partial(const char *text, const char *mount, bool own_namespace)
{
	char line[MOUNT_LINE_MAX], found[PATH_MAX], root[PATH_MAX];
	int version;

	while (next_line(&text, line))
		if (!parse_mount(line, &version, found) && !strcmp(found, mount) && sscanf(line, "%*s %*s %*s %4095s", root) == 1)
			return own_namespace ? strncmp(root, "/..", 3) : strcmp(root, "/");
	return false;
}

/* PROC_CGROUP_INIT_INO in include/linux/proc_ns.h: the first cgroup namespace's. */
#define FIRST_NAMESPACE "cgroup:[4026531835]"

static bool has_own_namespace(int proc_fd)
{
	char name[64] = "";

	return readlinkat(proc_fd, "self/ns/cgroup", name, sizeof(name) - 1) > 0 && strcmp(name, FIRST_NAMESPACE);
}

void hierarchy_open(int proc_fd, struct hierarchy *ret)
{
	char v2_mount[PATH_MAX], *text;

	*ret = (struct hierarchy){ .fd = -1, .v2_fd = -1 };
	ret->missing = read_whole_file_at(proc_fd, "self/mountinfo", MOUNTINFO_MAX, &text);
	if (ret->missing)
		return;
	ret->missing = -ENODEV;
	if (!hierarchy_parse_mountinfo(text, &ret->version, ret->mount)) {
		ret->fd = open(ret->mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
		ret->missing = ret->fd < 0 ? -errno : 0;
	}
	ret->partial = hierarchy_parse_is_partial(text, ret->mount, has_own_namespace(proc_fd));
	ret->hybrid = ret->version == 1 && hierarchy_parse_has_v2(text, v2_mount);
	if (ret->hybrid)
		ret->v2_fd = open(v2_mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(text);
}

int hierarchy_require(const struct hierarchy *hierarchy, struct error *err)
{
	if (hierarchy->fd >= 0)
		return 0;
	if (error_is_out_of_fds(-hierarchy->missing, err))
		return -1;
	if (hierarchy->missing == -ENOMEM)
		return error_set(err, EXIT_FAILED, "out of memory");
	if (hierarchy->missing != -ENODEV)
		return error_set(err, EXIT_HOST, "cannot open %s%s: %s",
				 hierarchy->version ? "the memory cgroup hierarchy at " : "/proc/self/mountinfo", hierarchy->mount,
				 strerror(-hierarchy->missing));
	return error_set(err, EXIT_HOST, "no memory cgroup hierarchy is mounted: "
			 "mount one at /sys/fs/cgroup (in a container: -v /sys/fs/cgroup:/sys/fs/cgroup:ro)");
}

void hierarchy_close(struct hierarchy *hierarchy)
{
	if (hierarchy->fd >= 0)
		close(hierarchy->fd);
	if (hierarchy->v2_fd >= 0)
		close(hierarchy->v2_fd);
	hierarchy->fd = hierarchy->v2_fd = -1;
}

int hierarchy_parse_path(const char *text, int version, char ret_path[CGROUP_PATH_MAX])
{
	while (*text) {
		size_t length = strcspn(text, "\n");
		const char *first = memchr(text, ':', length);
		const char *second = first ? memchr(first + 1, ':', length - (size_t)(first + 1 - text)) : NULL;

		if (second) {
			size_t path_length = length - (size_t)(second + 1 - text);
			size_t controllers_length = (size_t)(second - first - 1);
			char controllers[256] = "";

			if (controllers_length < sizeof(controllers))
				memcpy(controllers, first + 1, controllers_length);
			if ((version == 2 ? !controllers_length : has_item(controllers, "memory")) &&
			    path_length < CGROUP_PATH_MAX) {
				memcpy(ret_path, second + 1, path_length);
				ret_path[path_length] = '\0';
				return 0;
			}
		}
		text += length + (text[length] == '\n');
	}
	return -ENOENT;
}

int hierarchy_path_of(const struct hierarchy *hierarchy, int proc_fd, pid_t pid, char ret_path[CGROUP_PATH_MAX])
{
	char path[32], text[16 * 1024];
	ssize_t n;

	snprintf(path, sizeof(path), "%d/cgroup", pid);
	n = read_file_at(proc_fd, path, text, sizeof(text));
	return n < 0 ? (int)n : hierarchy_parse_path(text, hierarchy->version, ret_path);
}

int hierarchy_open_path(const struct hierarchy *hierarchy, const char *path)
{
	return openat(hierarchy->fd, path[1] ? path + 1 : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int hierarchy_open_home(const struct hierarchy *hierarchy, int proc_fd, pid_t pid, char *ret_path)
{
	char path[CGROUP_PATH_MAX] = "";
	bool known = hierarchy->fd >= 0 && !hierarchy_path_of(hierarchy, proc_fd, pid, path);

	if (ret_path)
		strcpy(ret_path, known ? path : "");
	return known ? hierarchy_open_path(hierarchy, path) : -1;
}

/* The path below the mount that the user means; name itself when it already is one. */
static const char *below_mount(const struct hierarchy *hierarchy, const char *name)
{
	size_t length = strlen(hierarchy->mount);

	if (!strncmp(name, hierarchy->mount, length) && (name[length] == '/' || name[length] == '\0'))
		name += length;
	while (*name == '/')
		name++;
	return name;
}

static bool is_cgroup(int fd)
{
	struct statfs fs;

	return !fstatfs(fd, &fs) && (fs.f_type == CGROUP_SUPER_MAGIC || fs.f_type == CGROUP2_SUPER_MAGIC);
}

int cgroup_dir_open(const struct hierarchy *hierarchy, const char *name, struct cgroup_dir *ret, struct error *err)
{
	const char *path = below_mount(hierarchy, name);
	size_t length = strlen(path);
	struct stat st;
	int fd;

	while (length && path[length - 1] == '/')
		length--;
	if (hierarchy_require(hierarchy, err))
		return -1;
	if (length + 2 > CGROUP_PATH_MAX)
		return error_set(err, EXIT_TARGET, "the cgroup's path is longer than %d bytes", CGROUP_PATH_MAX - 2);
	snprintf(ret->path, sizeof(ret->path), "/%.*s", (int)length, path);
	fd = openat(hierarchy->fd, length ? ret->path + 1 : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) || !is_cgroup(fd)) {
		int error = errno;

		if (fd >= 0)
			close(fd);
		if (error_is_out_of_fds(error, err))
			return -1;
		return error_set(err, EXIT_TARGET, "no cgroup '%s' below %s%s: list what there is with `find %s -type d`", name,
				 hierarchy->mount, error == EACCES ? " (permission denied)" : "", hierarchy->mount);
	}
	ret->fd = fd;
	ret->id = st.st_ino;
	return 0;
}

void cgroup_dir_close(struct cgroup_dir *dir)
{
	if (dir->fd >= 0)
		close(dir->fd);
	dir->fd = -1;
}
