// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/json_read.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

static __thread bool out_of_memory;

static void *take(size_t size)
{
	void *block = malloc(size);

	out_of_memory = out_of_memory || !block;
	return block;
}

static void watch_memory(void)
{
	json_set_alloc_funcs(take, free);
}

int json_read(const char *text, size_t n, size_t flags, json_t **ret, json_error_t *where)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch_memory);
	out_of_memory = false;
	*ret = json_loadb(text, n, flags, where);
	if (*ret && !out_of_memory)
		return 0;
	json_decref(*ret);
	*ret = NULL;
	return out_of_memory ? -ENOMEM : -EPROTO;
}
