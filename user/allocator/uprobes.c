// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/uprobes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/base/shielded.h"

/* More at a time do not make the kernel any faster. */
#define DETACHING_THREADS 32

/*
 * The part of union bpf_attr that BPF_LINK_CREATE takes for such a link, since libbpf and the headers of Debian 12 are older
 * than it is: include/uapi/linux/bpf.h of Linux 6.6.
 */
#define TRACE_UPROBE_MULTI 48 /* BPF_TRACE_UPROBE_MULTI of enum bpf_attach_type */
#define MULTI_RETURN 1U       /* BPF_F_UPROBE_MULTI_RETURN */

struct multi_link_attr {
	uint32_t program_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_counter_offsets, cookies;
	uint32_t n, multi_flags, pid, padding;
};

_Static_assert(sizeof(struct multi_link_attr) == 64, "as the kernel lays it out");

void uprobes_prefer_multi(struct bpf_program *program)
{
	bpf_program__set_expected_attach_type(program, (enum bpf_attach_type)TRACE_UPROBE_MULTI);
}

bool uprobes_are_multi(const struct bpf_program *program)
{
	return (int)bpf_program__expected_attach_type(program) == TRACE_UPROBE_MULTI;
}

static int attach_multi(const struct uprobes_request *request, const char *path, struct uprobes *ret)
{
	struct multi_link_attr attr = {
		.program_fd = (uint32_t)bpf_program__fd(request->program),
		.attach_type = TRACE_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)request->offsets,
		.cookies = (uintptr_t)request->cookies,
		.n = (uint32_t)request->n,
		.multi_flags = request->at_return ? MULTI_RETURN : 0,
		.pid = (uint32_t)request->pid,
	};
	const long arguments[SHIELDED_ARGUMENTS] = { BPF_LINK_CREATE, (intptr_t)&attr, sizeof(attr) };
	long fd = shielded_call(SYS_bpf, arguments);

	if (fd < 0)
		return (int)fd;
	ret->fds[ret->n++] = (int)fd;
	return 0;
}

/* A number that the kernel tells of its uprobe events, in a file below their directory of sysfs: of a bit, "config:0". */
static int read_number(const char *name, uint32_t *ret)
{
	char path[64];
	FILE *file;
	bool found;

	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/uprobe/%s", name);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	found = fscanf(file, "config:%u", ret) == 1 || fscanf(file, "%u", ret) == 1;
	fclose(file);
	return found ? 0 : -EINVAL;
}

/* The event's type, and the bit of its config that says "at return": Documentation/ABI of sysfs-bus-event_source-devices. */
static int describe_event(bool at_return, struct perf_event_attr *attr)
{
	uint32_t type = 0, bit = 0;
	int result = read_number("type", &type);

	if (!result && at_return)
		result = read_number("format/retprobe", &bit);
	if (result)
		return result;
	attr->type = type;
	attr->config = at_return ? 1ULL << (bit & 63) : 0;
	return 0;
}

/* The link keeps the event, and with it the probe. */
static int attach_one(const struct uprobes_request *request, struct perf_event_attr *attr, size_t i, struct uprobes *uprobes)
{
	LIBBPF_OPTS(bpf_link_create_opts, options, .perf_event.bpf_cookie = request->cookies[i]);
	const long arguments[SHIELDED_ARGUMENTS] = { (intptr_t)attr, request->pid ? request->pid : -1, request->pid ? -1 : 0, -1,
						     PERF_FLAG_FD_CLOEXEC };
	int event_fd, fd;

	attr->probe_offset = request->offsets[i];
	event_fd = (int)shielded_call(SYS_perf_event_open, arguments);
	if (event_fd < 0)
		return event_fd;
	fd = bpf_link_create(bpf_program__fd(request->program), event_fd, BPF_PERF_EVENT, &options);
	shielded_close(event_fd);
	if (fd < 0)
		return fd;
	uprobes->fds[uprobes->n++] = fd;
	return 0;
}

static int attach_events(const struct uprobes_request *request, const char *path, struct uprobes *ret)
{
	struct perf_event_attr attr = { .size = sizeof(attr), .uprobe_path = (uintptr_t)path };
	int result = describe_event(request->at_return, &attr);

	for (size_t i = 0; !result && i < request->n; i++)
		result = attach_one(request, &attr, i, ret);
	return result;
}

int uprobes_attach(const struct uprobes_request *request, struct uprobes *ret)
{
	struct uprobes uprobes = { 0 };
	char path[32]; /* of the open file: it stays the same one, whatever happens to its name */
	int result;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", request->fd);
	result = uprobes_are_multi(request->program) ? attach_multi(request, path, &uprobes) : attach_events(request, path, &uprobes);
	if (result) {
		log_debug("%zu uprobes on %s, the first at %#llx: errno %d", request->n, path,
			  (unsigned long long)request->offsets[0], -result);
		uprobes_detach(&uprobes);
		return result;
	}
	*ret = uprobes;
	return 0;
}

void uprobes_detach(struct uprobes *uprobes)
{
	while (uprobes->n)
		shielded_close(uprobes->fds[--uprobes->n]);
}

struct detaching {
	struct uprobes *const *list;
	size_t n;
	atomic_size_t next;
};

static void *detach_next(void *data)
{
	struct detaching *detaching = data;

	for (size_t i; (i = atomic_fetch_add(&detaching->next, 1)) < detaching->n;)
		uprobes_detach(detaching->list[i]);
	return NULL;
}

void uprobes_detach_all(struct uprobes *const list[], size_t n)
{
	struct detaching detaching = { .list = list, .n = n };
	pthread_t threads[DETACHING_THREADS];
	size_t n_threads = 0;

	/* this thread takes part: where there can be no others, it does all */
	while (n_threads < DETACHING_THREADS && n_threads + 1 < n &&
	       !pthread_create(&threads[n_threads], NULL, detach_next, &detaching))
		n_threads++;
	detach_next(&detaching);
	while (n_threads)
		pthread_join(threads[--n_threads], NULL);
}
