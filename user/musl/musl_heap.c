// SPDX-License-Identifier: GPL-2.0-only
#include "user/musl/musl_heap.h"

#include "user/musl/find.h"
#include "user/musl/read.h"

static int open_heap(void *data, const struct heap_process *process, const char **ret_why)
{
	struct context *context = data;
	int result = find_context(process->dir_fd, &process->image, context, ret_why);

	if (!result)
		*ret_why = "1.2.1 to 1.2.6";
	return result;
}

static void close_heap(void *data)
{
	(void)data;
}

static int read_all(void *data, const struct heap_process *process, const struct heap_budget *budget, const struct owned *before,
		    struct owned *ret_owned, struct heap_view *ret)
{
	(void)before;
	return read_musl(&process->image, data, budget, ret_owned, ret);
}

const struct heap_kind musl_heap = {
	.name = "musl",
	.state_bytes = sizeof(struct context),
	.open = open_heap,
	.close = close_heap,
	.read = read_all,
};
