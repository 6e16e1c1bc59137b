// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/uprobes.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "user/base/log.h"

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
	long fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	if (fd < 0)
		return -errno;
	ret->link_fd = (int)fd;
	return 0;
}

static int attach_one(const struct uprobes_request *request, const char *path, size_t i, struct uprobes *uprobes)
{
	LIBBPF_OPTS(bpf_uprobe_opts, options, .retprobe = request->at_return, .bpf_cookie = request->cookies[i]);
	struct bpf_link *link = bpf_program__attach_uprobe_opts(request->program, request->pid ? request->pid : -1, path,
								request->offsets[i], &options);

	if (!link)
		return -errno;
	uprobes->links[uprobes->n++] = link;
	return 0;
}

int uprobes_attach(const struct uprobes_request *request, struct uprobes *ret)
{
	struct uprobes uprobes = { .link_fd = -1 };
	char path[32]; /* of the open file: it stays the same one, whatever happens to its name */
	int result = 0;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", request->fd);
	if (uprobes_are_multi(request->program))
		result = attach_multi(request, path, &uprobes);
	for (size_t i = 0; !result && !uprobes_are_multi(request->program) && i < request->n; i++)
		result = attach_one(request, path, i, &uprobes);
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
	if (uprobes->link_fd >= 0)
		close(uprobes->link_fd);
	uprobes->link_fd = -1;
	while (uprobes->n)
		bpf_link__destroy(uprobes->links[--uprobes->n]);
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
