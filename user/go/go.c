// SPDX-License-Identifier: GPL-2.0-only
#include "user/go/go.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/go/build_info.h"
#include "user/go/executable.h"
#include "user/go/find.h"
#include "user/go/layout.h"
#include "user/memory/remote.h"

/*
 * A reading amid a change does not balance: it is done again, after up to 2 ms (image_pause()). A thread may be kept from its
 * CPU in the middle of one; whether it is a Go that is known is not to depend on that.
 */
#define TRIES 20
#define TRIES_AT_OPEN 50

struct go {
	struct remote remote;
	struct image image;
	struct build_info info;
	bool has_c;
	struct go_place place;
	const struct go_layout *layout;
};

struct books {
	uint8_t controller[CONTROLLER_BYTES];
	uint8_t memstats[MEMSTATS_BYTES];
};

static int read_books(const struct go *go, struct books *ret)
{
	int result = image_get(&go->image, go->place.memstats, ret->memstats, sizeof(ret->memstats));

	return result ? result : image_get(&go->image, go->place.controller, ret->controller, sizeof(ret->controller));
}

static int find_layout(struct go *go, const char **ret_why)
{
	struct books books;

	for (unsigned int tries = 0; tries < TRIES_AT_OPEN; tries++) {
		int result = read_books(go, &books);

		if (result)
			return result;
		go->layout = layout_find(books.controller, books.memstats);
		if (go->layout) {
			*ret_why = layout_versions(go->layout);
			return 0;
		}
		image_pause(&go->image, tries);
	}
	*ret_why = "its Go runtime has not started yet";
	if (layout_is_unset(books.controller))
		return -EAGAIN;
	*ret_why = "its Go runtime's figures do not balance as those of a Go that memgap knows";
	return -EPROTO;
}

/* As people are told. */
static int refusal(int result, const char **ret_why)
{
	switch (result) {
	case -ENOEXEC:
	case -ENOENT:
		*ret_why = "it is no Go program";
		return -ENOENT;
	case -ESRCH:
		*ret_why = "it is gone";
		return result;
	default:
		*ret_why = fs_is_short(result) ? "out of memory or descriptors" : "its memory may not be looked into";
		return result;
	}
}

static int look_into(struct go *go, struct elf_file *file, const char **ret_why)
{
	uint64_t bias;
	int result;

	go->has_c = executable_has_c(file);
	*ret_why = "where its executable is in memory is not told";
	if (executable_bias(go->remote.dir_fd, file, &bias))
		return -EPROTO;
	result = find_go_place(file, &go->image, bias, &go->place, ret_why);
	if (!result)
		result = find_layout(go, ret_why);
	if (result == -EFAULT)
		*ret_why = "its Go runtime's figures are not where its executable has them";
	return result == -ENOENT || result == -EFAULT ? -EPROTO : result;
}

static int open_go(struct go *go, int proc_fd, pid_t pid, const char **ret_why)
{
	struct elf_file file;
	int result = remote_open(proc_fd, pid, &go->remote, &go->image);

	if (!result)
		result = executable_open(go->remote.dir_fd, &file);
	if (result)
		return refusal(result, ret_why);
	result = build_info_read(&file, &go->info);
	result = result ? refusal(result, ret_why) : look_into(go, &file, ret_why);
	executable_close(&file);
	if (remote_is_alive(&go->remote))
		return result;
	return refusal(-ESRCH, ret_why);
}

int go_open(int proc_fd, pid_t pid, struct go **ret, const char **ret_why)
{
	struct go *go = calloc(1, sizeof(*go));
	int result;

	*ret_why = "out of memory";
	if (!go)
		return -ENOMEM;
	go->remote.dir_fd = go->remote.pagemap_fd = -1;
	result = open_go(go, proc_fd, pid, ret_why);
	if (result) {
		go_close(go);
		return result;
	}
	*ret = go;
	return 0;
}

void go_close(struct go *go)
{
	if (!go)
		return;
	remote_close(&go->remote);
	free(go);
}

int go_is(int proc_fd, pid_t pid)
{
	struct build_info ignored;
	struct elf_file file;
	pid_t tid;
	int dir_fd = process_open(proc_fd, pid, &tid), result;

	if (dir_fd < 0)
		return dir_fd;
	result = executable_open(dir_fd, &file);
	close(dir_fd);
	if (result)
		return result == -ENOEXEC ? -ENOENT : result;
	result = build_info_read(&file, &ignored);
	executable_close(&file);
	return result;
}

/* Cheaper than remote_is_alive(), and enough: a zombie's memory cannot be read, and nobody else has its pid yet. */
static bool is_there(const struct go *go)
{
	return !faccessat(go->remote.dir_fd, "maps", F_OK, 0);
}

static int read_balanced(const struct go *go, struct go_view *ret)
{
	int result = -EAGAIN;

	for (unsigned int tries = 0; result == -EAGAIN && tries < TRIES; tries++) {
		struct books books;

		if (tries)
			image_pause(&go->image, tries - 1);
		result = read_books(go, &books);
		if (!result)
			result = layout_view(go->layout, books.controller, books.memstats, ret);
	}
	return result == -EFAULT ? -EAGAIN : result;
}

int go_read(struct go *go, struct go_view *ret)
{
	struct go_view view;
	int result = read_balanced(go, &view);

	/* else another process may have had the pid by then */
	if (!is_there(go))
		return -ESRCH;
	if (!result)
		*ret = view;
	return result;
}

const char *go_why(int result)
{
	switch (result) {
	case -EAGAIN:
		return "it changes its heap faster than its figures can be read, or it runs another program now";
	case -ESRCH:
		return "it is gone";
	case -EPERM:
	case -EACCES:
		return "its memory may not be looked into";
	default:
		return "its figures cannot be read";
	}
}

const char *go_version(const struct go *go)
{
	return go->info.version;
}

bool go_has_c(const struct go *go)
{
	return go->has_c;
}
