// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "tests/unit/engine_server.h"
#include "user/base/fs.h"
#include "user/target/runtime_socket.h"

#define HTTP_CHUNKED HTTP_OK "Transfer-Encoding: chunked\r\n\r\n"

/* The machine may be busy: a hanging socket is to cost 1 s, not 3. */
#define LONGEST_NS (3ULL * 1000 * 1000 * 1000)

static struct tree tree;
static char socket_path[PATH_MAX];

static int setup(void **state)
{
	(void)state;
	tree = tree_make();
	tree_path(&tree, "engine.sock", socket_path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_remove(&tree);
	return 0;
}

struct outcome {
	int error;
	char *text;
	size_t length;
	char reason[RUNTIME_REASON_MAX];
	uint64_t took_ns;
};

static struct outcome ask(const char *path)
{
	struct outcome outcome = { .reason = "" };
	int fd = open(path, O_PATH | O_CLOEXEC);
	uint64_t start = monotonic_ns();

	assert_true(fd >= 0);
	outcome.error = runtime_socket_ask(fd, &outcome.text, &outcome.length, outcome.reason);
	outcome.took_ns = monotonic_ns() - start;
	close(fd);
	return outcome;
}

static struct outcome ask_one_that(struct behaviour how)
{
	struct outcome outcome;
	pid_t server;

	how.path = socket_path;
	unlink(socket_path);
	server = server_start(how);
	outcome = ask(socket_path);
	child_kill(server);
	return outcome;
}

static void check_answer(struct outcome outcome, const char *text)
{
	assert_string_equal(outcome.reason, "");
	assert_int_equal(outcome.error, 0);
	assert_int_equal(outcome.length, strlen(text));
	assert_memory_equal(outcome.text, text, outcome.length);
	free(outcome.text);
}

static void an_answer_is_given_as_it_was_sent(void **state)
{
	(void)state;
	check_answer(ask_one_that((struct behaviour){ .say = HTTP_OK "Content-Length: 4\r\n\r\n[{}]" }), "[{}]");
	check_answer(ask_one_that((struct behaviour){ .say = HTTP_OK "\r\n[ ]" }), "[ ]"); /* up to the end of the connection */
	check_answer(ask_one_that((struct behaviour){ .say = HTTP_CHUNKED "1\r\n[\r\n2\r\n{}\r\n1\r\n]\r\n0\r\n\r\n" }), "[{}]");
	check_answer(ask_one_that((struct behaviour){ .say = HTTP_OK "Content-Length: 2\r\n\r\n[]", .hang = true }), "[]");
}

static void the_engine_is_asked_for_its_running_containers_in_no_certain_version(void **state)
{
	char request[4096], file[PATH_MAX];

	(void)state;
	check_answer(ask_one_that((struct behaviour){ .say = HTTP_OK "Content-Length: 2\r\n\r\n[]",
						      .request = tree_path(&tree, "request", file) }), "[]");
	assert_true(read_file_at(tree.fd, "request", request, sizeof(request)) > 0);
	assert_int_equal(strncmp(request, "GET /containers/json HTTP/1.1\r\n", 31), 0);
	assert_non_null(strstr(request, "\r\nHost: localhost\r\n"));
}

static void the_environments_proxy_is_not_used(void **state)
{
	(void)state;
	setenv("http_proxy", "http://127.0.0.1:9", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
	check_answer(ask_one_that((struct behaviour){ .say = HTTP_OK "Content-Length: 2\r\n\r\n[]" }), "[]");
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
}

static void check_failure(const char *row, struct outcome outcome, int error, const char *reason)
{
	if (outcome.error != error || !strstr(outcome.reason, reason))
		fail_msg("\"%s\": %d, %s", row, outcome.error, outcome.reason);
	check_row(row, !outcome.text);
	check_row(row, outcome.took_ns < LONGEST_NS);
}

static void a_socket_that_hangs_costs_a_second_wherever_it_does(void **state)
{
	static const struct behaviour rows[] = {
		{ .hang = true },
		{ .accept_nobody = true },
		{ .say = "HTTP/1.1 200", .hang = true },
		{ .say = HTTP_OK, .hang = true },
		{ .say = HTTP_OK "Content-Length: 100\r\n\r\n[{\"Id\":", .hang = true },
		{ .say = HTTP_CHUNKED "1\r\n[\r\n", .hang = true },
		{ .say = "HTTP/1.1 100 Continue\r\n\r\n", .hang = true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct outcome outcome = ask_one_that(rows[i]);

		check_failure(rows[i].say ? rows[i].say : "silent", outcome, -ETIMEDOUT, "did not answer within 1 s");
		assert_true(outcome.took_ns >= RUNTIME_TOTAL_MS * 1000000ULL * 9 / 10);
	}
}

static void a_socket_whose_queue_is_full_costs_no_more_than_that(void **state)
{
	int listener, waiting[4];
	struct outcome outcome;

	(void)state;
	unlink(socket_path);
	listener = socket_listen(socket_path, 0);
	for (size_t i = 0; i < COUNT_OF(waiting); i++) {
		struct sockaddr_un address = { .sun_family = AF_UNIX };

		strcpy(address.sun_path, socket_path);
		waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		/* those that find the queue full fail, as they are to */
		(void)connect(waiting[i], (struct sockaddr *)&address, sizeof(address));
	}
	outcome = ask(socket_path);
	assert_true(outcome.error < 0);
	assert_string_not_equal(outcome.reason, "");
	assert_true(outcome.took_ns < LONGEST_NS);
	for (size_t i = 0; i < COUNT_OF(waiting); i++)
		close(waiting[i]);
	close(listener);
}

static void an_endless_answer_ends_at_its_limit(void **state)
{
	static char block[64 * 1024 + 1];
	struct outcome outcome;

	(void)state;
	memset(block, ' ', sizeof(block) - 1);
	outcome = ask_one_that((struct behaviour){ .say = HTTP_OK "\r\n[", .repeat = block });
	if (!getenv("UNDER") || outcome.error != -ETIMEDOUT) /* valgrind may need more than the second that there is */
		check_failure("body", outcome, -EFBIG, "answered more than 16 MiB");
	check_failure("headers", ask_one_that((struct behaviour){ .say = HTTP_OK, .repeat = "X-More: and more of them\r\n" }),
		      -EFBIG, "answered more than");
}

static void a_slow_endless_answer_ends_after_a_second(void **state)
{
	(void)state;
	/* 1 byte a chunk: far from 16 MiB after a second, but never still */
	check_failure("drops", ask_one_that((struct behaviour){ .say = HTTP_CHUNKED, .repeat = "1\r\n \r\n" }),
		      -ETIMEDOUT, "did not answer within 1 s");
}

static void what_is_no_http_is_refused(void **state)
{
	static const char *const rows[] = {
		"", "\n", "hello\n", "SSH-2.0-OpenSSH_9.2\r\n", "HTTP/9.9 200 OK\r\n\r\n[]", "HTTP/1.1\r\n\r\n[]",
		HTTP_OK "Content-Length: 9\r\n\r\n[]", HTTP_CHUNKED "zz\r\n[]",
		"\x15\x03\x01\x00\x02\x02\x16",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_failure(rows[i], ask_one_that((struct behaviour){ .say = rows[i] }),
			      -EPROTO, "did not answer as a container engine does");
}

static void an_engines_refusal_is_told_with_its_status(void **state)
{
	static const struct {
		const char *say, *reason;
	} rows[] = {
		{ "HTTP/1.1 400 Bad Request\r\nContent-Length: 17\r\n\r\n{\"message\":\"old\"}", "answered with HTTP status 400" },
		{ "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "answered with HTTP status 403" },
		{ "HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n", "answered with HTTP status 301" },
		{ "HTTP/1.1 204 No Content\r\n\r\n", "answered with HTTP status 204" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_failure(rows[i].say, ask_one_that((struct behaviour){ .say = rows[i].say }), -EPROTO, rows[i].reason);
}

static void a_socket_that_nobody_serves_any_more_refuses(void **state)
{
	(void)state;
	unlink(socket_path);
	close(socket_listen(socket_path, 1));
	check_failure("stale", ask(socket_path), -ECONNREFUSED, "let nobody connect: Connection refused");
}

static void what_is_no_socket_is_not_asked(void **state)
{
	char path[PATH_MAX];

	(void)state;
	tree_write(&tree, "file", "[]");
	assert_int_equal(mkfifoat(tree.fd, "fifo", 0600), 0);
	check_failure("directory", ask(tree.path), -ENOTSOCK, "is no socket");
	check_failure("file", ask(tree_path(&tree, "file", path)), -ENOTSOCK, "is no socket");
	check_failure("fifo", ask(tree_path(&tree, "fifo", path)), -ENOTSOCK, "is no socket");
}

static void a_socket_that_one_may_not_use_says_so(void **state)
{
	struct outcome outcome;
	pid_t server;

	(void)state;
	if (geteuid()) {
		print_message("only root can become somebody else\n");
		skip();
	}
	unlink(socket_path);
	server = server_start((struct behaviour){ .path = socket_path, .say = HTTP_OK "Content-Length: 2\r\n\r\n[]" });
	assert_int_equal(chmod(socket_path, 0600) | chmod(tree.path, 0755), 0);
	assert_int_equal(seteuid(65534), 0);
	outcome = ask(socket_path);
	assert_int_equal(seteuid(0), 0);
	child_kill(server);
	check_failure("not ours", outcome, -EACCES, "let nobody connect: Permission denied");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_given_as_it_was_sent),
		cmocka_unit_test(the_engine_is_asked_for_its_running_containers_in_no_certain_version),
		cmocka_unit_test(the_environments_proxy_is_not_used),
		cmocka_unit_test(a_socket_that_hangs_costs_a_second_wherever_it_does),
		cmocka_unit_test(a_socket_whose_queue_is_full_costs_no_more_than_that),
		cmocka_unit_test(an_endless_answer_ends_at_its_limit),
		cmocka_unit_test(a_slow_endless_answer_ends_after_a_second),
		cmocka_unit_test(what_is_no_http_is_refused),
		cmocka_unit_test(an_engines_refusal_is_told_with_its_status),
		cmocka_unit_test(a_socket_that_nobody_serves_any_more_refuses),
		cmocka_unit_test(what_is_no_socket_is_not_asked),
		cmocka_unit_test(a_socket_that_one_may_not_use_says_so),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
