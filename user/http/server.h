/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The HTTP side of `memgap serve`: GET and HEAD, read-only, in a thread of its own, so that no client holds up an interval.
 * Everything about a connection is bounded: their number, the size of a request, the time that a client may take.
 */
#ifndef MEMGAP_HTTP_SERVER_H
#define MEMGAP_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "user/base/error.h"
#include "user/store/store.h"

struct http_server;

/* Of one request. */
struct http_request;
/* A parameter of the query ("?id=5"), decoded; NULL: it is not there. It lives as long as the request. */
const char *http_parameter(const struct http_request *request, const char *name);
/* A header's value; NULL: it is not there. */
const char *http_header(const struct http_request *request, const char *name);

/* The data of its route. */
void *http_data(const struct http_request *request);

/* Of the server as a whole. */
struct http_counts {
	uint64_t requests; /* answered, with whatever status */
	uint64_t dropped;  /* connections that were ended because they were slow, idle for too long, or too many */
	unsigned int connections, streams; /* at this time */
};
struct http_counts http_counts(const struct http_request *request);

#define HTTP_VARIANTS 4

struct http_route {
	const char *path; /* "/metrics" */
	const char *content_type; /* of the answer with status 200 */
	/*
	 * Writes the body. Called in the server's thread. Returns the status: 200; or 400, 404, 503..., whose body is text for
	 * people, a line. *ret_type may be set to another content type.
	 */
	int (*render)(const struct http_request *request, struct store *store, FILE *body, const char **ret_type);
	/*
	 * Or, for Server-Sent Events (text/event-stream): render is called after each interval, once for all who listen, and what it has
	 * written is sent to each. A client that does not keep up is dropped.
	 */
	bool stream;
	/*
	 * Or, when the answer is the same for all who ask in an interval, but for one thing: which of the HTTP_VARIANTS this request
	 * wants. Each is rendered once an interval then, and shared. NULL: each request is rendered.
	 */
	unsigned int (*variant)(const struct http_request *request);
	void *data;      /* for http_data(), the caller's */
	const char *csp; /* Content-Security-Policy; NULL: everything from here, nothing from elsewhere, nothing inline */
	bool open;       /* needs no auth: it tells nobody anything */
};

/*
 * Who listens at a private address without auth answers only to an address or "localhost" as its name: else a page from anywhere could
 * have the user's browser ask, under a name of its own that leads here (DNS rebinding).
 */
struct http_options {
	const char *listen;    /* "127.0.0.1:9435", "[::1]:9435", ":9435" */
	bool is_public_meant;  /* a public address without auth is what the user wants */
	const char *tls_cert, *tls_key; /* PEM files; NULL: no TLS */
	const char *auth_file; /* user/http/auth.h; NULL: no auth */
	unsigned int connections; /* at one time; one more, and who has been idle for longest is dropped. At most half are streams */
	unsigned int patience_ms; /* for a request to be there as a whole, its answer to be taken, or the next one to come; 0: 10 s */
};

/*
 * Listens. routes: terminated by one without a path; they and the store stay the caller's until http_close(). Fails with EXIT_USAGE
 * (a public address without auth, a bad certificate), EXIT_FAILED (the port is in use), and one line with the remedy.
 */
int http_open(const struct http_options *options, const struct http_route *routes, struct store *store, struct http_server **ret,
	      struct error *err);
/* Ends all connections. NULL is allowed. */
void http_close(struct http_server *server);

/* Where it listens, "127.0.0.1:9435": the port that the kernel has chosen, if 0 was asked for. */
const char *http_address(const struct http_server *server);

#endif
