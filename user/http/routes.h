/* SPDX-License-Identifier: GPL-2.0-only */
/* What `memgap serve` answers: /metrics, /healthz, /readyz, the live page and its API. A further one is a line in routes.c. */
#ifndef MEMGAP_HTTP_ROUTES_H
#define MEMGAP_HTTP_ROUTES_H

#include <stddef.h>

#include "user/http/pulse.h"
#include "user/http/server.h"

#define ROUTES_MAX 16

/* What the pages need besides the store. */
struct routes {
	struct http_route table[ROUTES_MAX + 1]; /* for http_open() */
	struct pulse *pulse; /* the caller's */
	size_t max_targets;
};

/* Fills the table; routes stays where it is until http_close(). */
void routes_init(struct routes *routes, struct pulse *pulse, size_t max_targets);

#endif
