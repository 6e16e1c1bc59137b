/* SPDX-License-Identifier: GPL-2.0-only */
/* From a request to its answer; and what the parts of the server share. For the server's thread alone. */
#ifndef MEMGAP_HTTP_ANSWER_H
#define MEMGAP_HTTP_ANSWER_H

#include <microhttpd.h>
#include <stdint.h>

#include "user/http/auth.h"
#include "user/http/clients.h"
#include "user/http/server.h"
#include "user/http/streams.h"

struct http_request {
	struct MHD_Connection *connection; /* NULL: nobody's, an event for all who listen */
	const struct http_route *route;
	struct answers *answers;
};

/* What was rendered in an interval. */
struct shared_answer {
	struct MHD_Response *response; /* NULL: none */
	uint64_t number; /* of the picture */
	unsigned int status;
};

struct answers {
	const struct http_route *routes;
	struct store *store;
	struct auth *auth; /* NULL: everybody may ask */
	bool local;        /* but only by an address, or as localhost */
	struct clients clients;
	struct streams streams;
	struct shared_answer (*shared)[HTTP_VARIANTS]; /* of each route */
	uint64_t requests;
};

/* 0 or -ENOMEM. */
int answers_open(struct answers *answers);
void answers_close(struct answers *answers);

/* MHD's three callbacks, data being the answers. */
enum MHD_Result answers_request(void *data, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
				const char *upload, size_t *upload_size, void **context);
void answers_completed(void *data, struct MHD_Connection *connection, void **request, enum MHD_RequestTerminationCode code);
void answers_connection(void *data, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code);

/* An interval is over: who listens is told. */
void answers_interval(struct answers *answers);

#endif
