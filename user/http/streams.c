// SPDX-License-Identifier: GPL-2.0-only
#include "user/http/streams.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE 4096

static void release(struct stream_event *event)
{
	if (--event->holders)
		return;
	free(event->text);
	free(event);
}

void streams_init(struct streams *streams, struct clients *clients)
{
	TAILQ_INIT(&streams->list);
	streams->clients = clients;
}

static void first_is_sent(struct stream *stream)
{
	release(stream->waiting[0]);
	memmove(stream->waiting, stream->waiting + 1, --stream->n * sizeof(stream->waiting[0]));
	stream->sent = 0;
}

/* MHD asks for more. */
static ssize_t read_stream(void *data, uint64_t position, char *buffer, size_t max)
{
	struct stream *stream = data;
	const struct stream_event *event = stream->waiting[0];
	size_t size;

	(void)position;
	if (!stream->n) {
		MHD_suspend_connection(stream->connection);
		stream->suspended = true;
		return 0;
	}
	size = event->size - stream->sent < max ? event->size - stream->sent : max;
	memcpy(buffer, event->text + stream->sent, size);
	stream->sent += size;
	if (stream->sent == event->size)
		first_is_sent(stream);
	return (ssize_t)size;
}

static void end_stream(void *data)
{
	struct stream *stream = data;

	while (stream->n)
		first_is_sent(stream);
	TAILQ_REMOVE(&stream->streams->list, stream, link);
	free(stream);
}

struct MHD_Response *streams_add(struct streams *streams, const struct http_route *route, struct MHD_Connection *connection,
				 struct client *client)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	struct MHD_Response *response;

	if (!stream)
		return NULL;
	*stream = (struct stream){ .connection = connection, .route = route, .client = client, .streams = streams };
	response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_SIZE, read_stream, stream, end_stream);
	if (!response) {
		free(stream);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&streams->list, stream, link);
	return response;
}

bool streams_any(const struct streams *streams, const struct http_route *route)
{
	const struct stream *stream;

	TAILQ_FOREACH(stream, &streams->list, link)
		if (stream->route == route)
			return true;
	return false;
}

static void wake(struct stream *stream)
{
	if (stream->suspended)
		MHD_resume_connection(stream->connection);
	stream->suspended = false;
}

void streams_send(struct streams *streams, const struct http_route *route, char *text, size_t size)
{
	struct stream_event *event = malloc(sizeof(*event));
	struct stream *stream;

	if (!event || !text || !size) {
		free(event);
		free(text);
		return;
	}
	*event = (struct stream_event){ text, size, 1 };
	TAILQ_FOREACH(stream, &streams->list, link) {
		if (route && stream->route != route)
			continue;
		if (stream->n == STREAM_BEHIND) {
			clients_drop(streams->clients, stream->client);
			continue;
		}
		event->holders++;
		stream->waiting[stream->n++] = event;
		wake(stream);
	}
	release(event);
}

void streams_wake(struct streams *streams)
{
	struct stream *stream;

	TAILQ_FOREACH(stream, &streams->list, link)
		wake(stream);
}
