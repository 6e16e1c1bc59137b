/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Server-Sent Events: what is sent is there once and shared by all who listen. Who has STREAM_BEHIND events waiting does not keep up,
 * and is dropped. For the server's thread alone.
 */
#ifndef MEMGAP_HTTP_STREAMS_H
#define MEMGAP_HTTP_STREAMS_H

#include <microhttpd.h>
#include <stddef.h>
#include <sys/queue.h>

#include "user/http/clients.h"

#define STREAM_BEHIND 8

struct http_route;

struct stream_event {
	char *text;
	size_t size;
	unsigned int holders;
};

struct stream {
	struct MHD_Connection *connection;
	const struct http_route *route;
	struct client *client;
	struct streams *streams;
	struct stream_event *waiting[STREAM_BEHIND];
	size_t n, sent; /* sent: bytes of the first one */
	bool suspended;
	TAILQ_ENTRY(stream) link;
};

struct streams {
	TAILQ_HEAD(stream_list, stream) list;
	struct clients *clients;
};

void streams_init(struct streams *streams, struct clients *clients);
/* An answer that never ends, for this connection. NULL: out of memory. */
struct MHD_Response *streams_add(struct streams *streams, const struct http_route *route, struct MHD_Connection *connection,
				 struct client *client);
bool streams_any(const struct streams *streams, const struct http_route *route);
/* To all who listen to that route; NULL: to all. The text is malloc()ed, and this one's from now on; NULL: there was no memory for it. */
void streams_send(struct streams *streams, const struct http_route *route, char *text, size_t size);
/* None sleeps any more: the daemon may stop. */
void streams_wake(struct streams *streams);

#endif
