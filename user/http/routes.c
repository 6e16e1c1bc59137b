// SPDX-License-Identifier: GPL-2.0-only
#include "user/http/routes.h"

#include <string.h>

#include "user/http/api.h"
#include "user/http/metrics.h"
#include "user/page/page.h"

#define TEXT "text/plain; charset=utf-8"

static int say(FILE *body, bool good, const char *if_good, const char *if_not)
{
	fprintf(body, "%s\n", good ? if_good : if_not);
	return good ? 200 : 503;
}

static int health(const struct http_request *request, struct store *store, FILE *body, const char **ret_type)
{
	const struct routes *routes = http_data(request);

	(void)store, (void)ret_type;
	return say(body, pulse_is_well(routes->pulse), "well", "no interval has ended for longer than three of them should take");
}

static int readiness(const struct http_request *request, struct store *store, FILE *body, const char **ret_type)
{
	const struct picture *picture = store_get(store);
	bool ready = picture;

	(void)request, (void)ret_type;
	store_put(store, picture);
	return say(body, ready, "ready", "the first interval is not over yet");
}

/* The live page, and what it asks. */
static void add_api(struct routes *routes)
{
	struct http_route *next = routes->table;

	while (next->path)
		next++;
	for (const struct http_route *route = api_routes; route->path; route++) {
		*next = *route;
		if (!strcmp(route->path, "/"))
			next->csp = page_csp();
		next++;
	}
}

void routes_init(struct routes *routes, struct pulse *pulse, size_t max_targets)
{
	*routes = (struct routes){
		.table = {
			{ .path = "/metrics", .content_type = PROMETHEUS_TEXT_TYPE, .render = metrics_render, .variant = metrics_variant },
			/* kubelet asks without a password */
			{ .path = "/healthz", .content_type = TEXT, .render = health, .open = true },
			{ .path = "/readyz", .content_type = TEXT, .render = readiness, .open = true },
		},
		.pulse = pulse,
		.max_targets = max_targets,
	};
	for (struct http_route *route = routes->table; route->path; route++)
		route->data = routes;
	add_api(routes);
}
