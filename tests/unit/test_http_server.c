// SPDX-License-Identifier: GPL-2.0-only
/* The server on its own, with pages of the test's. What is on the wire is read as a client has it. */
#include "tests/unit/helpers.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include "user/http/server.h"

#define SECONDS 10
#define EVENT_SIZE (256 << 10)
#define BIG_SIZE (32 << 20) /* more than the kernel takes for a connection */

static int renders; /* of the shared page; the server's thread writes it while nobody else looks */

static int render_plain(const struct http_request *request, struct store *store, FILE *body, const char **ret_type)
{
	const char *id = http_parameter(request, "id");

	(void)store, (void)ret_type;
	fprintf(body, "id is %s, data is %s\n", id ? id : "not there", (const char *)http_data(request));
	return id && !strcmp(id, "none") ? 404 : 200;
}

static int render_shared(const struct http_request *request, struct store *store, FILE *body, const char **ret_type)
{
	(void)request, (void)store, (void)ret_type;
	fprintf(body, "rendered %d\n", ++renders);
	return 200;
}

static unsigned int variant_of(const struct http_request *request)
{
	return http_parameter(request, "other") ? 1 : 0;
}

static int render_event(const struct http_request *request, struct store *store, FILE *body, const char **ret_type)
{
	const struct picture *picture = store_get(store);

	(void)ret_type;
	assert_null(http_parameter(request, "id"));
	fprintf(body, "data: %d\n\n", (int)picture->number);
	store_put(store, picture);
	return 200;
}

static int render_large(const struct http_request *request, struct store *store, FILE *body, const char **ret_type)
{
	(void)request, (void)store, (void)ret_type;
	fprintf(body, "data: %0*d\n\n", EVENT_SIZE, 0);
	return 200;
}

static int render_big(const struct http_request *request, struct store *store, FILE *body, const char **ret_type)
{
	(void)request, (void)store, (void)ret_type;
	fprintf(body, "%0*d", BIG_SIZE, 0);
	return 200;
}

static const struct http_route routes[] = {
	{ .path = "/", .content_type = "text/html; charset=utf-8", .render = render_plain, .data = "mine" },
	{ .path = "/own", .content_type = "text/html", .render = render_plain, .data = "mine", .csp = "default-src 'none'" },
	{ .path = "/shared", .content_type = "text/plain", .render = render_shared, .variant = variant_of },
	{ .path = "/events", .content_type = "text/event-stream", .render = render_event, .stream = true },
	{ .path = "/large", .content_type = "text/event-stream", .render = render_large, .stream = true },
	{ .path = "/big", .content_type = "text/plain", .render = render_big },
	{ .path = NULL },
};

struct scene {
	struct store *store;
	struct http_server *server;
};

static struct scene scene_make(unsigned int connections, unsigned int patience_ms)
{
	const struct store_limits limits = { .series_bytes = 1 << 20, .gone = 4, .trims = 4 };
	const struct http_options options = { .listen = "127.0.0.1:0", .connections = connections, .patience_ms = patience_ms };
	struct scene scene = { NULL, NULL };
	struct error err;

	renders = 0;
	assert_int_equal(store_open(&limits, &scene.store), 0);
	assert_int_equal(http_open(&options, routes, scene.store, &scene.server, &err), 0);
	return scene;
}

static void scene_end(struct scene *scene)
{
	http_close(scene->server);
	store_close(scene->store);
}

static int dial(const struct scene *scene)
{
	const char *port = strrchr(http_address(scene->server), ':') + 1;
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)atoi(port)) };
	struct timeval patience = { .tv_sec = SECONDS };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	assert_return_code(connect(fd, (struct sockaddr *)&at, sizeof(at)), errno);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Until the text is there; false: the server has ended the connection before. */
static bool read_until(int fd, const char *text, char *buffer, size_t size)
{
	size_t n = 0;

	buffer[0] = '\0';
	while (!strstr(buffer, text)) {
		ssize_t got = recv(fd, buffer + n, size - 1 - n, 0);

		if (got < 0 && errno != ECONNRESET)
			fail_msg("no \"%s\" in %d s, but: %s", text, SECONDS, buffer);
		if (got <= 0)
			return false;
		n += (size_t)got;
		buffer[n] = '\0';
		if (n == size - 1)
			fail_msg("no \"%s\" in so much: %s", text, buffer);
	}
	return true;
}

/* On a connection that stays. */
static const char *ask(int fd, const char *what, const char *end)
{
	static char answer[8192];
	char request[256];

	snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: localhost\r\n\r\n", what);
	say(fd, request);
	assert_true(read_until(fd, end, answer, sizeof(answer)));
	return answer;
}

static void a_page_is_answered_on_a_connection_that_stays(void **state)
{
	struct scene scene = scene_make(8, 0);
	int fd = dial(&scene);
	const char *answer;

	(void)state;
	answer = ask(fd, "GET /?id=a%20b", "mine\n");
	assert_non_null(strstr(answer, "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(answer, "id is a b, data is mine\n"));
	assert_non_null(strstr(answer, "Cache-Control: no-store\r\n"));
	assert_non_null(strstr(answer, "X-Content-Type-Options: nosniff\r\n"));
	assert_non_null(strstr(answer, "Content-Type: text/html; charset=utf-8\r\n"));
	assert_non_null(strstr(answer, "Content-Security-Policy: default-src 'self'; "));
	assert_non_null(strstr(ask(fd, "GET /own", "mine\n"), "Content-Security-Policy: default-src 'none'\r\n"));
	answer = ask(fd, "GET /?id=none", "mine\n");
	assert_non_null(strstr(answer, "HTTP/1.1 404 "));
	assert_non_null(strstr(answer, "Content-Type: text/plain; charset=utf-8\r\n"));
	/* a HEAD has no body: the next answer follows at once */
	assert_non_null(strstr(ask(fd, "HEAD /", "\r\n\r\n"), "Content-Length: 30\r\n"));
	assert_non_null(strstr(ask(fd, "HEAD /events", "\r\n\r\n"), "HTTP/1.1 200 OK\r\n"));
	assert_non_null(strstr(ask(fd, "GET /nowhere", "page\n"), "HTTP/1.1 404 "));
	close(fd);
	scene_end(&scene);
}

static void what_all_see_alike_is_rendered_once_an_interval_and_kind(void **state)
{
	struct scene scene = scene_make(8, 0);
	int one = dial(&scene), other = dial(&scene);

	(void)state;
	store_end_interval(scene.store);
	assert_non_null(strstr(ask(one, "GET /shared", "rendered "), "rendered 1\n"));
	assert_non_null(strstr(ask(other, "GET /shared", "rendered "), "rendered 1\n"));
	assert_non_null(strstr(ask(one, "GET /shared?other=1", "rendered "), "rendered 2\n"));
	assert_non_null(strstr(ask(other, "GET /shared", "rendered "), "rendered 1\n"));
	store_end_interval(scene.store);
	assert_non_null(strstr(ask(one, "GET /shared", "rendered "), "rendered 3\n"));
	assert_non_null(strstr(ask(other, "GET /shared?other=1", "rendered "), "rendered 4\n"));
	close(one);
	close(other);
	scene_end(&scene);
}

static void who_listens_is_sent_an_event_after_each_interval(void **state)
{
	struct scene scene = scene_make(8, 0);
	int fds[] = { dial(&scene), dial(&scene) };
	char text[64], buffer[1024];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		assert_non_null(strstr(ask(fds[i], "GET /events", "\r\n\r\n"), "Content-Type: text/event-stream\r\n"));
	for (int interval = 1; interval <= 20; interval++) {
		store_end_interval(scene.store);
		snprintf(text, sizeof(text), "data: %d\n\n", interval);
		for (size_t i = 0; i < COUNT_OF(fds); i++)
			assert_true(read_until(fds[i], text, buffer, sizeof(buffer)));
	}
	close(fds[0]);
	store_end_interval(scene.store);
	assert_true(read_until(fds[1], "data: 21\n\n", buffer, sizeof(buffer)));
	/* and a server that ends ends it too */
	scene_end(&scene);
	read_until(fds[1], "never", buffer, sizeof(buffer));
	close(fds[1]);
}

static void who_does_not_keep_up_is_dropped_and_nobody_else(void **state)
{
	struct scene scene = scene_make(8, 0);
	int slow = dial(&scene), good = dial(&scene);
	static char buffer[EVENT_SIZE * 2];
	char text[64];
	bool ended = false;

	(void)state;
	ask(slow, "GET /large", "\r\n\r\n");
	ask(good, "GET /events", "\r\n\r\n");
	/* until what the kernel takes for it is full, and then as many as may wait */
	for (int interval = 1; interval <= 100; interval++) {
		store_end_interval(scene.store);
		snprintf(text, sizeof(text), "data: %d\n\n", interval);
		assert_true(read_until(good, text, buffer, sizeof(buffer)));
	}
	while (!ended) {
		ssize_t got = recv(slow, buffer, sizeof(buffer), 0);

		assert_true(got >= 0 || errno == ECONNRESET); /* not: nothing for 10 s */
		ended = got <= 0;
	}
	close(slow);
	close(good);
	scene_end(&scene);
}

static void at_most_half_of_all_connections_are_streams(void **state)
{
	struct scene scene = scene_make(4, 0);
	int fds[3];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		fds[i] = dial(&scene);
	assert_non_null(strstr(ask(fds[0], "GET /events", "\r\n\r\n"), "HTTP/1.1 200 "));
	assert_non_null(strstr(ask(fds[1], "GET /events", "\r\n\r\n"), "HTTP/1.1 200 "));
	assert_non_null(strstr(ask(fds[2], "GET /events", "already\n"), "HTTP/1.1 503 "));
	for (size_t i = 0; i < COUNT_OF(fds); i++)
		close(fds[i]);
	scene_end(&scene);
}

static void one_more_and_who_is_idle_for_longest_goes(void **state)
{
	struct scene scene = scene_make(3, 60000);
	char buffer[1024];
	int fds[4];

	(void)state;
	/* an answer each, so that the server has seen them in this order; the first one asks again */
	for (int i = 0; i < 3; i++) {
		fds[i] = dial(&scene);
		ask(fds[i], "GET /", "mine\n");
	}
	ask(fds[0], "GET /", "mine\n");
	fds[3] = dial(&scene);
	ask(fds[3], "GET /", "mine\n");
	assert_false(read_until(fds[1], "anything", buffer, sizeof(buffer)));
	ask(fds[2], "GET /", "mine\n");
	ask(fds[0], "GET /", "mine\n");
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	scene_end(&scene);
}

static void who_takes_too_long_to_ask_is_dropped_even_if_bytes_come(void **state)
{
	struct scene scene = scene_make(8, 500);
	int silent = dial(&scene), dripping = dial(&scene);
	struct pollfd fd = { .fd = dripping, .events = POLLIN };
	char buffer[1024];
	int drops = 0;

	(void)state;
	say(dripping, "GET / HTTP/1.1\r\nX: ");
	while (!poll(&fd, 1, 100)) {
		send(dripping, "x", 1, MSG_NOSIGNAL);
		assert_true(++drops < 100);
	}
	assert_false(read_until(dripping, "anything", buffer, sizeof(buffer)));
	assert_false(read_until(silent, "anything", buffer, sizeof(buffer)));
	close(silent);
	close(dripping);
	scene_end(&scene);
}

static void who_does_not_take_the_answer_is_dropped(void **state)
{
	struct scene scene = scene_make(8, 500);
	int slow = dial(&scene), other = dial(&scene);
	struct pollfd fd = { .fd = slow, .events = POLLRDHUP };
	static char buffer[1 << 20];
	size_t size = 0;
	ssize_t got;

	(void)state;
	say(slow, "GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n");
	ask(other, "GET /", "mine\n");
	assert_int_equal(poll(&fd, 1, SECONDS * 1000), 1); /* with nothing read: the server has ended it */
	while ((got = recv(slow, buffer, sizeof(buffer), 0)) > 0)
		size += (size_t)got;
	assert_true(size < BIG_SIZE);
	close(slow);
	close(other);
	scene_end(&scene);
}

static void a_name_that_is_not_this_hosts_own_is_refused(void **state)
{
	static const struct {
		const char *host;
		bool good;
	} rows[] = {
		{ "localhost", true }, { "LocalHost:9435", true }, { "127.0.0.1:1", true }, { "10.0.0.1", true }, { "[::1]:9435", true },
		{ "evil.example", false }, { "evil.example:9435", false }, { "localhost.evil.example", false }, { "127.0.0.1.evil.example", false },
		{ "localhos", false },
	};
	struct scene scene = scene_make(8, 0);
	int fd = dial(&scene);
	char request[256], answer[8192];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		snprintf(request, sizeof(request), "GET /shared HTTP/1.1\r\nHost: %s\r\n\r\n", rows[i].host);
		say(fd, request);
		assert_true(read_until(fd, rows[i].good ? "rendered" : "address\n", answer, sizeof(answer)));
		check_row(rows[i].host, strstr(answer, rows[i].good ? "HTTP/1.1 200 " : "HTTP/1.1 403 "));
	}
	close(fd);
	scene_end(&scene);
}

/* All but SIGKILL, SIGSTOP, the two that glibc keeps for itself, and those of its own faults. */
#define OTHERS_BLOCKED "SigBlk:\tfffffffe3ffbfa07\n"

static int count_threads_with(const char *line)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *entry;
	char path[300], status[4096];
	int n = 0;

	assert_non_null(tasks);
	while ((entry = readdir(tasks))) {
		int fd;
		ssize_t size;

		snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		size = read(fd, status, sizeof(status) - 1);
		close(fd);
		status[size < 0 ? 0 : size] = '\0';
		n += strstr(status, line) != NULL;
	}
	closedir(tasks);
	return n;
}

static void the_thread_takes_no_signal_but_its_own_faults(void **state)
{
	sigset_t before = { 0 }, after = { 0 };
	struct scene scene;
	int fd;

	(void)state;
	if (getenv("UNDER"))
		skip(); /* valgrind blocks signals for itself */
	pthread_sigmask(SIG_SETMASK, NULL, &before);
	scene = scene_make(8, 0);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_memory_equal(&before, &after, NSIG / 8);
	/* it has started: glibc blocks its own two for as long as a thread does not run yet */
	fd = dial(&scene);
	ask(fd, "GET /", "mine\n");
	assert_int_equal(count_threads_with(OTHERS_BLOCKED), 1);
	close(fd);
	scene_end(&scene);
	assert_int_equal(count_threads_with(OTHERS_BLOCKED), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_answered_on_a_connection_that_stays),
		cmocka_unit_test(what_all_see_alike_is_rendered_once_an_interval_and_kind),
		cmocka_unit_test(who_listens_is_sent_an_event_after_each_interval),
		cmocka_unit_test(who_does_not_keep_up_is_dropped_and_nobody_else),
		cmocka_unit_test(at_most_half_of_all_connections_are_streams),
		cmocka_unit_test(one_more_and_who_is_idle_for_longest_goes),
		cmocka_unit_test(who_takes_too_long_to_ask_is_dropped_even_if_bytes_come),
		cmocka_unit_test(who_does_not_take_the_answer_is_dropped),
		cmocka_unit_test(a_name_that_is_not_this_hosts_own_is_refused),
		cmocka_unit_test(the_thread_takes_no_signal_but_its_own_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
