// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <sys/socket.h>

#include "user/http/server.h"
#include "user/http/streams.h"

#define MOST_CLIENTS 4

/* Two who listen to two routes, each with a connection that is never asked for more. */
struct scene {
	struct clients clients;
	struct streams streams;
	struct http_route routes[2];
	struct MHD_Response *answers[2];
	struct client *listeners[2];
	int ends[2];
};

static int begin(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	clients_init(&scene->clients, MOST_CLIENTS, 0);
	streams_init(&scene->streams, &scene->clients);
	for (int i = 0; i < 2; i++) {
		int pair[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		scene->ends[i] = pair[1];
		scene->listeners[i] = clients_add(&scene->clients, pair[0]);
		scene->answers[i] = streams_add(&scene->streams, &scene->routes[i], NULL, scene->listeners[i]);
		assert_non_null(scene->answers[i]);
	}
	*state = scene;
	return 0;
}

/* MHD frees an answer when its connection has ended. */
static void leave(struct scene *scene, int i)
{
	MHD_destroy_response(scene->answers[i]);
	scene->answers[i] = NULL;
}

static int end(void **state)
{
	struct scene *scene = *state;

	for (int i = 0; i < 2; i++) {
		if (scene->answers[i])
			leave(scene, i);
		close(scene->listeners[i]->fd);
		close(scene->ends[i]);
		clients_remove(&scene->clients, scene->listeners[i]);
	}
	free(scene);
	return 0;
}

static const struct stream *stream_of(const struct scene *scene, int i)
{
	const struct stream *stream;

	TAILQ_FOREACH(stream, &scene->streams.list, link)
		if (stream->route == &scene->routes[i])
			return stream;
	return NULL;
}

static void send_text(struct scene *scene, const struct http_route *route, const char *text)
{
	streams_send(&scene->streams, route, strdup(text), strlen(text));
}

static void an_event_waits_for_those_who_listen_to_its_route(void **state)
{
	struct scene *scene = *state;

	send_text(scene, &scene->routes[0], "data: 1\n\n");
	assert_int_equal(stream_of(scene, 0)->n, 1);
	assert_int_equal(stream_of(scene, 1)->n, 0);
	assert_memory_equal(stream_of(scene, 0)->waiting[0]->text, "data: 1\n\n", 9);
}

static void a_comment_for_all_is_there_once_and_goes_with_the_last(void **state)
{
	struct scene *scene = *state;

	send_text(scene, NULL, ":\n\n");
	assert_ptr_equal(stream_of(scene, 0)->waiting[0], stream_of(scene, 1)->waiting[0]);
	assert_int_equal(stream_of(scene, 0)->waiting[0]->holders, 2);
	leave(scene, 0);
	assert_int_equal(stream_of(scene, 1)->waiting[0]->holders, 1);
}

static void without_memory_for_it_or_with_nothing_in_it_it_is_not_sent(void **state)
{
	struct scene *scene = *state;

	streams_send(&scene->streams, NULL, NULL, 3);
	streams_send(&scene->streams, NULL, strdup(""), 0);
	assert_int_equal(stream_of(scene, 0)->n, 0);
	assert_int_equal(stream_of(scene, 1)->n, 0);
}

static void who_does_not_keep_up_is_dropped_and_the_others_are_not(void **state)
{
	struct scene *scene = *state;

	for (int i = 0; i <= STREAM_BEHIND; i++)
		send_text(scene, &scene->routes[0], "data: 1\n\n");
	assert_true(scene->listeners[0]->dropped);
	assert_int_equal(stream_of(scene, 0)->n, STREAM_BEHIND);
	assert_false(scene->listeners[1]->dropped);
	assert_int_equal(scene->clients.dropped, 1);
}

static void a_route_has_listeners_until_the_last_has_left(void **state)
{
	struct scene *scene = *state;

	assert_true(streams_any(&scene->streams, &scene->routes[0]));
	leave(scene, 0);
	assert_false(streams_any(&scene->streams, &scene->routes[0]));
	assert_true(streams_any(&scene->streams, &scene->routes[1]));
	send_text(scene, &scene->routes[0], "data: nobody's\n\n");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(an_event_waits_for_those_who_listen_to_its_route),
		CASE(a_comment_for_all_is_there_once_and_goes_with_the_last),
		CASE(without_memory_for_it_or_with_nothing_in_it_it_is_not_sent),
		CASE(who_does_not_keep_up_is_dropped_and_the_others_are_not),
		CASE(a_route_has_listeners_until_the_last_has_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
