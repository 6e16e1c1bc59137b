// SPDX-License-Identifier: GPL-2.0-only
#include "user/http/api.h"

#include <stdint.h>
#include <stdlib.h>

#include "user/http/api_json.h"
#include "user/page/page.h"

#define NO_TARGET "no such target: /api/v1/targets has those that are known"

static int refuse(FILE *body, const char **ret_type, int status, const char *why)
{
	*ret_type = "text/plain; charset=utf-8";
	fprintf(body, "%s\n", why);
	return status;
}

/* Digits alone. false: it is there and something else; one that is not there is left as it is. */
static bool read_number(const struct http_request *request, const char *name, int64_t max, int64_t *value)
{
	const char *text = http_parameter(request, name);
	int64_t number = 0;

	if (!text)
		return true;
	for (const char *digit = text; *digit; digit++) {
		if (*digit < '0' || *digit > '9' || __builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, *digit - '0', &number))
			return false;
	}
	if (!*text || number > max)
		return false;
	*value = number;
	return true;
}

static int render_page(const struct http_request *request, struct store *store, FILE *body, const char **ret_type)
{
	struct page_part page = page_html();

	(void)request, (void)store, (void)ret_type;
	fwrite(page.text, 1, page.size, body);
	return 200;
}

/* The index of a target; n: it is not there. */
static size_t find_target(const struct stored_target *targets, size_t n, uint64_t id)
{
	size_t i = 0;

	while (i < n && targets[i].id != id)
		i++;
	return i;
}

static int render_targets(const struct http_request *request, struct store *store, FILE *body, const char **ret_type)
{
	const bool one = http_parameter(request, "id");
	const struct picture *picture;
	struct stored_target *targets;
	int64_t id = 0;
	size_t n, from;

	if (!read_number(request, "id", INT64_MAX, &id))
		return refuse(body, ret_type, 400, "id: a number is expected");
	targets = calloc(API_TARGETS, sizeof(*targets));
	if (!targets)
		return refuse(body, ret_type, 503, "out of memory");
	n = store_list(store, targets, API_TARGETS);
	from = one ? find_target(targets, n, (uint64_t)id) : 0;
	if (!one || from < n) {
		picture = store_get(store);
		api_write_targets(body, picture, targets + from, one ? 1 : n);
		store_put(store, picture);
	}
	free(targets);
	return !one || from < n ? 200 : refuse(body, ret_type, 404, NO_TARGET);
}

static int render_series(const struct http_request *request, struct store *store, FILE *body, const char **ret_type)
{
	int64_t id = 0, from_ms = 0, max = API_POINTS;
	struct series_point *points;
	ssize_t n;

	if (!read_number(request, "id", INT64_MAX, &id) || !http_parameter(request, "id"))
		return refuse(body, ret_type, 400, "id: the number of a target is expected");
	if (!read_number(request, "from", INT64_MAX, &from_ms))
		return refuse(body, ret_type, 400, "from: milliseconds since 1970 are expected");
	if (!read_number(request, "points", API_POINTS_MAX, &max) || !max)
		return refuse(body, ret_type, 400, "points: a number from 1 to 10000 is expected");
	points = calloc((size_t)max, sizeof(*points));
	if (!points)
		return refuse(body, ret_type, 503, "out of memory");
	n = store_read_series(store, (uint64_t)id, from_ms, points, (size_t)max);
	if (n >= 0)
		api_write_series(body, (uint64_t)id, points, (size_t)n);
	free(points);
	return n >= 0 ? 200 : refuse(body, ret_type, 404, NO_TARGET);
}

static int render_trims(const struct http_request *request, struct store *store, FILE *body, const char **ret_type)
{
	struct stored_trim *trims;
	int64_t after = 0;
	size_t n;

	if (!read_number(request, "after", INT64_MAX, &after))
		return refuse(body, ret_type, 400, "after: the number of a trim is expected");
	/* one more than is shown: whether there are others */
	trims = calloc(API_TRIMS + 1, sizeof(*trims));
	if (!trims)
		return refuse(body, ret_type, 503, "out of memory");
	n = store_read_trims(store, (uint64_t)after, trims, API_TRIMS + 1);
	api_write_trims(body, trims, n > API_TRIMS ? API_TRIMS : n, n > API_TRIMS);
	free(trims);
	return 200;
}

/* The same for all who listen, whatever each has seen: so it has the last few trims, not those since the last event. */
static int render_events(const struct http_request *request, struct store *store, FILE *body, const char **ret_type)
{
	const struct picture *picture = store_get(store);
	struct stored_trim trims[API_TRIMS_OF_EVENT];
	uint64_t last;
	size_t n;

	(void)request, (void)ret_type;
	if (!picture)
		return 200; /* no interval is over yet */
	last = api_trims_so_far(picture);
	n = store_read_trims(store, last > API_TRIMS_OF_EVENT ? last - API_TRIMS_OF_EVENT : 0, trims, API_TRIMS_OF_EVENT);
	api_write_event(body, picture, trims, n);
	store_put(store, picture);
	return 200;
}

#define JSON "application/json"

const struct http_route api_routes[] = {
	{ .path = "/", .content_type = "text/html; charset=utf-8", .render = render_page },
	{ .path = "/api/v1/targets", .content_type = JSON, .render = render_targets },
	{ .path = "/api/v1/series", .content_type = JSON, .render = render_series },
	{ .path = "/api/v1/trims", .content_type = JSON, .render = render_trims },
	{ .path = "/api/v1/events", .content_type = "text/event-stream", .render = render_events, .stream = true },
	{ 0 },
};
