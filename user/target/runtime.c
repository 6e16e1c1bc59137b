// SPDX-License-Identifier: GPL-2.0-only
#include "user/target/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/text.h"
#include "user/target/root.h"
#include "user/target/runtime_files.h"
#include "user/target/runtime_socket.h"

#define DOCKER_HOST_SCHEME "unix://"
#define QUOTE(text) #text
#define TEXT_OF(macro) QUOTE(macro)

/* Where Docker's and Podman's sockets are, below a host's root. */
static const char *const usual_sockets[] = { "/var/run/docker.sock", "/run/podman/podman.sock" };

struct known {
	struct container_info info;
	size_t order; /* what was told first goes before what was told later */
};

struct runtime_names {
	struct known *list;
	size_t n, room;
};

/* While it is read. */
struct reading {
	struct runtime_names *names;
	char *note;
	bool is_full;
};

static void add_note(struct reading *reading, const char *kind, const char *path, const char *reason)
{
	size_t used = strlen(reading->note);

	snprintf(reading->note + used, RUNTIME_NOTE_MAX - used, "%s%s %s %s", used ? "; " : "", kind, path, reason);
	text_make_printable(reading->note);
}

static void file_failed(const char *path, const char *reason, void *data)
{
	add_note(data, "the file", path, reason);
}

static void cannot_open(struct reading *reading, const char *path, int error)
{
	char reason[RUNTIME_REASON_MAX];

	snprintf(reason, sizeof(reason), "cannot be opened: %s", strerrordesc_np(error));
	add_note(reading, "the socket", path, reason);
}

/* -EFBIG: enough. */
static int add(const struct container_info *info, void *data)
{
	struct reading *reading = data;
	struct runtime_names *names = reading->names;

	if (names->n == RUNTIME_CONTAINERS_MAX) {
		reading->is_full = true;
		return -EFBIG;
	}
	if (names->n == names->room) {
		size_t room = names->room ? 2 * names->room : 16;
		struct known *list = realloc(names->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		names->list = list;
		names->room = room;
	}
	names->list[names->n] = (struct known){ *info, names->n };
	names->n++;
	return 0;
}

/* Takes the descriptor over. Only -ENOMEM and -EFBIG are failures. */
static int ask_socket(struct reading *reading, const char *path, int fd)
{
	char reason[RUNTIME_REASON_MAX], *text = NULL;
	size_t length;
	int error = runtime_socket_ask(fd, &text, &length, reason);

	close(fd);
	if (error) {
		add_note(reading, "the socket", path, reason);
		return error == -ENOMEM ? error : 0;
	}
	error = runtime_parse_api(text, length, add, reading);
	free(text);
	if (error != -EPROTO)
		return error;
	add_note(reading, "the socket", path, "did not answer with a list of containers");
	return 0;
}

/* One that the user has named: it is to be there. */
static int ask_named(struct reading *reading, const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd >= 0)
		return ask_socket(reading, path, fd);
	cannot_open(reading, path, errno);
	return 0;
}

static int ask_usual(struct reading *reading, int root_fd, const char *path)
{
	int fd = root_open(root_fd, path, O_PATH);

	if (fd >= 0)
		return ask_socket(reading, path, fd);
	if (fd != -ENOENT && fd != -ENOTDIR)
		cannot_open(reading, path, -fd);
	return 0;
}

static int ask_docker_host(struct reading *reading, const char *address)
{
	if (!address || !address[0])
		return 0;
	if (!strncmp(address, DOCKER_HOST_SCHEME, strlen(DOCKER_HOST_SCHEME)))
		return ask_named(reading, address + strlen(DOCKER_HOST_SCHEME));
	add_note(reading, "DOCKER_HOST", address, "is no unix:// address: it is not asked");
	return 0;
}

static int ask_sockets(struct reading *reading, const struct runtime_sources *sources)
{
	int error = 0;

	for (size_t i = 0; !error && i < sources->n_sockets; i++)
		error = ask_named(reading, sources->sockets[i]);
	if (error || sources->n_sockets)
		return error;
	error = ask_docker_host(reading, sources->docker_host);
	for (size_t i = 0; !error && sources->root_fd >= 0 && i < sizeof(usual_sockets) / sizeof(usual_sockets[0]); i++)
		error = ask_usual(reading, sources->root_fd, usual_sockets[i]);
	return error;
}

static int compare(const void *a, const void *b)
{
	const struct known *x = a, *y = b;
	int by_id = strcmp(x->info.id, y->info.id);

	return by_id ? by_id : x->order < y->order ? -1 : 1;
}

static void fill_gap(char *text, const char *more)
{
	if (!text[0])
		strcpy(text, more);
}

/* One entry for each container. */
static void put_together(struct runtime_names *names)
{
	size_t n = 0;

	if (names->n)
		qsort(names->list, names->n, sizeof(*names->list), compare);
	for (size_t i = 0; i < names->n; i++) {
		const struct container_info *more = &names->list[i].info;
		struct container_info *last = n ? &names->list[n - 1].info : NULL;

		if (!last || strcmp(last->id, more->id)) {
			names->list[n++] = names->list[i];
			continue;
		}
		fill_gap(last->name, more->name);
		fill_gap(last->pod, more->pod);
		fill_gap(last->pod_namespace, more->pod_namespace);
		fill_gap(last->image, more->image);
	}
	names->n = n;
}

/* Bundles before storage: of a pod's container they have its own name, not the long one that is unique on the host. */
static int read_all(struct reading *reading, const struct runtime_sources *sources)
{
	int error = ask_sockets(reading, sources);

	if (!error && sources->root_fd >= 0)
		error = runtime_read_bundles(sources->root_fd, add, file_failed, reading);
	if (!error && sources->root_fd >= 0)
		error = runtime_read_storage(sources->root_fd, add, file_failed, reading);
	return error;
}

int runtime_names_read(const struct runtime_sources *sources, struct runtime_names **ret, char *ret_note)
{
	struct reading reading = { .names = calloc(1, sizeof(*reading.names)), .note = ret_note };
	int error;

	ret_note[0] = '\0';
	if (!reading.names)
		return -ENOMEM;
	error = read_all(&reading, sources);
	if (error && !reading.is_full) {
		runtime_names_free(reading.names);
		return error;
	}
	if (reading.is_full)
		add_note(&reading, "more than", TEXT_OF(RUNTIME_CONTAINERS_MAX), "containers are known: those beyond have no names");
	put_together(reading.names);
	*ret = reading.names;
	return 0;
}

void runtime_names_free(struct runtime_names *names)
{
	if (!names)
		return;
	free(names->list);
	free(names);
}

/* Where the first id that is not before this beginning of one is. */
static size_t position_of(const struct runtime_names *names, const char *id)
{
	size_t low = 0, high = names->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(names->list[middle].info.id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct container_info *runtime_names_get(const struct runtime_names *names, const char *id)
{
	size_t at = position_of(names, id);

	return at < names->n && !strcmp(names->list[at].info.id, id) ? &names->list[at].info : NULL;
}

size_t runtime_names_find(const struct runtime_names *names, const char *wanted, const struct container_info **ret,
			  size_t max)
{
	size_t n = 0, length = strlen(wanted), at = position_of(names, wanted);

	if (!length)
		return 0;
	for (size_t i = 0; !runtime_names_get(names, wanted) && i < names->n; i++)
		if (!strcmp(names->list[i].info.name, wanted) && n++ < max)
			ret[n - 1] = &names->list[i].info;
	if (n)
		return n;
	for (; at < names->n && !strncmp(names->list[at].info.id, wanted, length); at++)
		if (n++ < max)
			ret[n - 1] = &names->list[at].info;
	return n;
}

size_t runtime_names_count(const struct runtime_names *names)
{
	return names->n;
}

const struct container_info *runtime_names_at(const struct runtime_names *names, size_t at)
{
	return at < names->n ? &names->list[at].info : NULL;
}
