/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What `memgap serve` answers below /api/v1/: what the store has, as JSON, and the page that shows it. Bytes are integers; null = unknown.
 *
 * /            the live page
 * /targets     {"interval", "time", "trims": {outcome: count}, "reclaimed", "without_series",
 *              "targets": [{"id", "gone", "first", "last", "target", "snapshot"}]}; snapshot: schema 1, null of what is gone. At most
 *              API_TARGETS; ?id=N: that one, 404 when it is not known
 * /series?id=N [&from=MS][&points=N]   {"id", "time_ms": [], "alloc": [], "rss": [], "current": [], "limit": [], "gap": []}: columns of the
 *              same length, from the time on (ms since 1970), thinned to at most so many points
 * /trims[?after=N]   {"trims": [{"number", "id", "time", "target", "regrown", and what schema 1 has in "trim"}], "more"}: those with
 *              a larger number, the oldest first, at most API_TRIMS; more: there are others. id is null when the target is forgotten
 * /events      Server-Sent Events, one "interval" after each: {"interval", "time", "last_trim", "targets": [{"id", "name", "verdict", "point":
 *              [time_ms, alloc, rss, current, limit, gap]}], "trims": the last API_TRIMS_OF_EVENT}: who has missed more asks for them
 *
 * A parameter that is not a number in its bounds is answered by 400 and a line.
 */
#ifndef MEMGAP_HTTP_API_H
#define MEMGAP_HTTP_API_H

#include "user/http/server.h"

#define API_TARGETS 4096
#define API_POINTS 3600 /* unless the request says otherwise */
#define API_POINTS_MAX 10000
#define API_TRIMS 500
#define API_TRIMS_OF_EVENT 8

/* Terminated by one without a path. */
extern const struct http_route api_routes[];

#endif
