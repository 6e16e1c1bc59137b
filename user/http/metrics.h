/* SPDX-License-Identifier: GPL-2.0-only */
/* The page /metrics: for struct http_route. Its data is a struct routes. */
#ifndef MEMGAP_HTTP_METRICS_H
#define MEMGAP_HTTP_METRICS_H

#include "user/http/server.h"
#include "user/output/prometheus.h"

int metrics_render(const struct http_request *request, struct store *store, FILE *body, const char **ret_type);
/* By the Accept header: an enum prometheus_format. */
unsigned int metrics_variant(const struct http_request *request);

/* The same of a header's value; NULL: there is none. OpenMetrics is given to whoever prefers it, or has both alike (RFC 9110, 12.5.1). */
enum prometheus_format metrics_negotiate(const char *accept);

#endif
