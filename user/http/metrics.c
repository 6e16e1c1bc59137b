// SPDX-License-Identifier: GPL-2.0-only
#include "user/http/metrics.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "user/http/routes.h"
#include "user/kernel/self.h"

#define OPENMETRICS "application/openmetrics-text"
#define TEXT "text/plain"

/* Whether an item of the header, of that length, is of the type. */
static bool is_type(const char *item, size_t length, const char *type)
{
	size_t n = strlen(type);

	return length >= n && !strncasecmp(item, type, n) && (length == n || strchr("; \t", item[n]));
}

/* How much an item is preferred, from 0 on to 1. */
static double quality(const char *item, size_t length)
{
	for (size_t i = 0; i + 2 < length; i++)
		if (item[i] == ';') {
			const char *parameter = item + i + 1 + strspn(item + i + 1, " \t");

			if (!strncasecmp(parameter, "q=", 2))
				return strtod(parameter + 2, NULL);
		}
	return 1;
}

enum prometheus_format metrics_negotiate(const char *accept)
{
	double openmetrics = 0, text = 0;

	for (const char *at = accept ? accept : ""; *at; at += *at == ',') {
		size_t length = strcspn(at += strspn(at, " \t"), ",");
		double preferred = quality(at, length);

		if (is_type(at, length, OPENMETRICS) && preferred > openmetrics)
			openmetrics = preferred;
		else if (is_type(at, length, TEXT) && preferred > text)
			text = preferred;
		at += length;
	}
	return openmetrics > 0 && openmetrics >= text ? PROMETHEUS_OPENMETRICS : PROMETHEUS_TEXT;
}

unsigned int metrics_variant(const struct http_request *request)
{
	return metrics_negotiate(http_header(request, "Accept"));
}

static void fill_self(struct prometheus_self *self, const struct pulse *pulse, const struct http_request *request)
{
	struct self_usage usage = self_usage_read();
	struct http_counts counts = http_counts(request);

	*self = (struct prometheus_self){
		.version = MEMGAP_VERSION,
		.cpu_s = usage.cpu_s,
		.resident = usage.resident,
		.open_fds = usage.open_fds,
		.intervals = (int64_t)pulse->intervals,
		.interval_s = (double)pulse->interval_ns / 1e9,
		.late_s = (double)pulse->late_ns / 1e9,
		.latest_s = (double)pulse->latest_ns / 1e9,
		.longest_s = (double)pulse->longest_ns / 1e9,
		.requests = (int64_t)counts.requests,
		.dropped = (int64_t)counts.dropped,
		.connections = counts.connections,
	};
}

int metrics_render(const struct http_request *request, struct store *store, FILE *body, const char **ret_type)
{
	const struct routes *routes = http_data(request);
	enum prometheus_format format = metrics_variant(request);
	struct prometheus_page page = { .picture = store_get(store), .max_targets = routes->max_targets };

	fill_self(&page.self, routes->pulse, request);
	prometheus_write(body, format, &page);
	store_put(store, page.picture);
	*ret_type = format == PROMETHEUS_OPENMETRICS ? PROMETHEUS_OPENMETRICS_TYPE : PROMETHEUS_TEXT_TYPE;
	return 200;
}
