// SPDX-License-Identifier: GPL-2.0-only
#include "user/http/answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "user/base/text_stream.h"

#define TEXT "text/plain; charset=utf-8"
#define STRICT_CSP "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const char *http_parameter(const struct http_request *request, const char *name)
{
	return request->connection ? MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name) : NULL;
}

const char *http_header(const struct http_request *request, const char *name)
{
	return request->connection ? MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name) : NULL;
}

void *http_data(const struct http_request *request)
{
	return request->route->data;
}

struct http_counts http_counts(const struct http_request *request)
{
	const struct answers *answers = request->answers;

	return (struct http_counts){ answers->requests, answers->clients.dropped, answers->clients.n, answers->clients.n_listening };
}

static size_t count_routes(const struct http_route *routes)
{
	size_t n = 0;

	while (routes[n].path)
		n++;
	return n;
}

int answers_open(struct answers *answers)
{
	streams_init(&answers->streams, &answers->clients);
	answers->shared = calloc(count_routes(answers->routes) + 1, sizeof(*answers->shared));
	return answers->shared ? 0 : -ENOMEM;
}

static void forget(struct shared_answer *shared)
{
	if (shared->response)
		MHD_destroy_response(shared->response);
	shared->response = NULL;
}

void answers_close(struct answers *answers)
{
	for (size_t i = 0; answers->shared && i < count_routes(answers->routes); i++)
		for (size_t j = 0; j < HTTP_VARIANTS; j++)
			forget(&answers->shared[i][j]);
	free(answers->shared);
	answers->shared = NULL;
}

static struct client *client_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* An answer that lacks one is none: it is given up, and NULL returned. */
static struct MHD_Response *with_headers(struct MHD_Response *response, const char *type, const char *csp)
{
	bool is_html = !strncmp(type, "text/html", strlen("text/html"));

	if (!response)
		return NULL;
	if (MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) &&
	    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store") &&
	    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff") &&
	    (!is_html || MHD_add_response_header(response, "Content-Security-Policy", csp ? csp : STRICT_CSP)))
		return response;
	MHD_destroy_response(response);
	return NULL;
}

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned int status, struct MHD_Response *response)
{
	enum MHD_Result result = response ? MHD_queue_response(connection, status, response) : MHD_NO;

	if (response)
		MHD_destroy_response(response);
	return result;
}

/* A line for people, and a header that tells what would do; NULL: none. */
static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned int status, const char *text, const char *header, const char *value)
{
	struct MHD_Response *response = with_headers(MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_PERSISTENT), TEXT, NULL);

	if (response && header && !MHD_add_response_header(response, header, value)) {
		MHD_destroy_response(response);
		response = NULL;
	}
	return queue(connection, status, response);
}

/* What the route writes, malloc()ed; NULL: out of memory. */
static char *render(const struct http_request *request, size_t *ret_size, int *ret_status, const char **ret_type)
{
	struct text_stream body;
	char *text;

	if (text_stream_open(&body))
		return NULL;
	*ret_type = request->route->content_type;
	*ret_status = request->route->render(request, request->answers->store, body.stream, ret_type);
	text_stream_end(&body, &text, ret_size);
	return text;
}

static struct MHD_Response *respond(const struct http_request *request, unsigned int *ret_status)
{
	size_t size;
	int status;
	const char *type;
	char *text = render(request, &size, &status, &type);
	struct MHD_Response *response = text ? MHD_create_response_from_buffer(size, text, MHD_RESPMEM_MUST_FREE) : NULL;

	if (!response) {
		free(text);
		return NULL;
	}
	if (status != MHD_HTTP_OK && type == request->route->content_type)
		type = TEXT;
	*ret_status = (unsigned int)status;
	return with_headers(response, type, request->route->csp);
}

static uint64_t picture_number(struct store *store)
{
	const struct picture *picture = store_get(store);
	uint64_t number = picture ? picture->number : 0;

	store_put(store, picture);
	return number;
}

/* Rendered once an interval, sent to all who ask in it. */
static enum MHD_Result answer_shared(const struct http_request *request)
{
	struct answers *answers = request->answers;
	unsigned int variant = request->route->variant(request);
	struct shared_answer *shared = &answers->shared[request->route - answers->routes][variant % HTTP_VARIANTS];
	uint64_t number = picture_number(answers->store);

	if (!number || number != shared->number)
		forget(shared);
	if (!shared->response) {
		shared->response = respond(request, &shared->status);
		shared->number = number;
	}
	return shared->response ? MHD_queue_response(request->connection, shared->status, shared->response) : MHD_NO;
}

static enum MHD_Result answer_alone(const struct http_request *request)
{
	unsigned int status = MHD_HTTP_OK;
	struct MHD_Response *response = respond(request, &status);

	return queue(request->connection, status, response);
}

static enum MHD_Result answer_stream(const struct http_request *request, struct client *client, bool head)
{
	struct answers *answers = request->answers;
	struct MHD_Response *response;

	if (answers->clients.n_listening >= answers->clients.most / 2)
		return refuse(request->connection, MHD_HTTP_SERVICE_UNAVAILABLE, "too many listen already\n", NULL, NULL);
	response = head ? MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT) :
			  streams_add(&answers->streams, request->route, request->connection, client);
	response = with_headers(response, request->route->content_type, NULL);
	if (response && !head)
		clients_set(&answers->clients, client, CLIENT_LISTENING);
	return queue(request->connection, MHD_HTTP_OK, response);
}

static const struct http_route *find_route(const struct answers *answers, const char *path)
{
	for (const struct http_route *route = answers->routes; route->path; route++)
		if (!strcmp(route->path, path))
			return route;
	return NULL;
}

static bool has_body(struct MHD_Connection *connection)
{
	const char *length = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);

	return (length && strspn(length, "0") != strlen(length)) ||
	       MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

static bool is_allowed(const struct http_request *request)
{
	struct auth *auth = request->answers->auth;

	return !auth || (request->route && request->route->open) || auth_check(auth, http_header(request, MHD_HTTP_HEADER_AUTHORIZATION));
}

/* A name may be anybody's: one that leads here does so for a page of theirs as well. */
static bool is_local_name(const char *host)
{
	size_t letters = host ? strcspn(host, ":") : 0;

	if (!host || host[0] == '[')
		return true;
	return strspn(host, "0123456789.") == letters || (letters == strlen("localhost") && !strncasecmp(host, "localhost", letters));
}

static enum MHD_Result answer(const struct http_request *request, struct client *client, const char *method)
{
	struct MHD_Connection *connection = request->connection;
	bool head = !strcmp(method, MHD_HTTP_METHOD_HEAD);

	if (request->answers->local && !is_local_name(http_header(request, MHD_HTTP_HEADER_HOST)))
		return refuse(connection, MHD_HTTP_FORBIDDEN, "only as localhost, or by its address\n", NULL, NULL);
	if (!is_allowed(request))
		return refuse(connection, MHD_HTTP_UNAUTHORIZED, "a user and a password are needed\n", MHD_HTTP_HEADER_WWW_AUTHENTICATE,
			      "Basic realm=\"memgap\", charset=\"UTF-8\"");
	if (!head && strcmp(method, MHD_HTTP_METHOD_GET))
		return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "nothing can be changed here: GET and HEAD\n", MHD_HTTP_HEADER_ALLOW,
			      "GET, HEAD");
	if (has_body(connection))
		return refuse(connection, MHD_HTTP_BAD_REQUEST, "a request has no body here\n", NULL, NULL);
	if (!request->route)
		return refuse(connection, MHD_HTTP_NOT_FOUND, "there is no such page\n", NULL, NULL);
	if (request->route->stream)
		return answer_stream(request, client, head);
	return request->route->variant ? answer_shared(request) : answer_alone(request);
}

/*
 * MHD calls it when it has the headers, and again when it has the body. What has none is answered at the second call, after which MHD
 * takes the next request; the rest at the first: MHD ends the connection then, and the body is never read.
 */
enum MHD_Result answers_request(void *data, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
				const char *upload, size_t *upload_size, void **context)
{
	struct answers *answers = data;
	struct http_request request = { connection, find_route(answers, url), answers };
	struct client *client = client_of(connection);

	(void)version, (void)upload, (void)upload_size;
	if (!client)
		return MHD_NO; /* there was no memory for it */
	if (!*context && !has_body(connection)) {
		*context = answers;
		return MHD_YES;
	}
	answers->requests++;
	clients_set(&answers->clients, client, CLIENT_BUSY);
	return answer(&request, client, method);
}

void answers_completed(void *data, struct MHD_Connection *connection, void **request, enum MHD_RequestTerminationCode code)
{
	struct answers *answers = data;
	struct client *client = client_of(connection);

	(void)request, (void)code;
	if (client)
		clients_set(&answers->clients, client, CLIENT_IDLE);
}

void answers_connection(void *data, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code)
{
	struct answers *answers = data;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = clients_add(&answers->clients, MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
	} else if (*context) {
		clients_remove(&answers->clients, *context);
		*context = NULL;
	}
}

void answers_interval(struct answers *answers)
{
	for (const struct http_route *route = answers->routes; route->path; route++) {
		struct http_request request = { NULL, route, answers };
		size_t size;
		int status;
		const char *type;
		char *text;

		if (!route->stream || !streams_any(&answers->streams, route))
			continue;
		text = render(&request, &size, &status, &type);
		if (text && status == MHD_HTTP_OK)
			streams_send(&answers->streams, route, text, size);
		else
			free(text);
	}
}
