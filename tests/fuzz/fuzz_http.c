// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a client may send to `memgap serve`, several requests on a connection too: to the pages that it really has, and a store with
 * targets. The daemon runs in this thread, on one end of a pair of sockets.
 */
#include "tests/fuzz/fuzz.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <sys/socket.h>

#include "tests/unit/data.h"
#include "user/http/answer.h"
#include "user/http/routes.h"
#include "user/store/store.h"

#define REQUEST_MEMORY (16 << 10) /* as in user/http/server.c */
#define ROUNDS_MAX 2000
#define INTERVAL_EVERY 8 /* rounds */

static struct answers answers;
static struct routes routes;
static struct pulse pulse;
static struct auth *auth;
static struct MHD_Daemon *daemon_;
static unsigned int connections;

static void count_connection(void *data, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code)
{
	connections += code == MHD_CONNECTION_NOTIFY_STARTED ? 1U : -1U;
	answers_connection(data, connection, context, code);
}

static void fill_store(struct store *store)
{
	struct trim_event event = known_event();

	for (pid_t pid = 1; pid <= 5; pid++) {
		for (pid_t i = pid == 5 ? 2 : 1; i <= 4; i++) {
			struct snapshot snapshot = known_snapshot();

			snapshot.target.pid = i;
			snapshot.now.tv_sec += pid;
			store_add(store, &snapshot);
		}
		store_end_interval(store);
		event.target.pid = pid;
		store_add_trim(store, &event);
	}
}

static struct auth *make_auth(void)
{
	static const char users[] = "user:password\n";
	struct error err;
	struct auth *made;
	char path[32];
	int file = memory_file();

	assert_int_equal(fchmod(file, 0600), 0);
	memory_file_fill(file, users, strlen(users));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	assert_int_equal(auth_open(path, &made, &err), 0);
	close(file);
	return made;
}

static void be_silent(void *data, const char *format, va_list arguments)
{
	(void)data, (void)format, (void)arguments;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct store_limits limits = { .series_bytes = 1 << 20, .gone = 4, .trims = 16 };

	(void)argc, (void)argv;
	assert_int_equal(store_open(&limits, &answers.store), 0);
	fill_store(answers.store);
	auth = make_auth();
	pulse_init(&pulse, 1000000000);
	routes_init(&routes, &pulse, 1000);
	answers.routes = routes.table;
	clients_init(&answers.clients, 4, 0);
	assert_int_equal(answers_open(&answers), 0);
	daemon_ = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG, 0, NULL, NULL,
				   answers_request, &answers, MHD_OPTION_EXTERNAL_LOGGER, be_silent, NULL,
				   MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1,
				   MHD_OPTION_NOTIFY_CONNECTION, count_connection, &answers, MHD_OPTION_NOTIFY_COMPLETED, answers_completed,
				   &answers, MHD_OPTION_END);
	assert_non_null(daemon_);
	return 0;
}

/* What is there of the answer; false: it has ended. */
static bool drain(int fd)
{
	static char answer[1 << 16];
	ssize_t n;

	do
		n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
	while (n > 0);
	return n < 0 && errno == EAGAIN;
}

/* Until the server has ended the connection, which it must: the client has said all, and goes when it has listened for a while. */
static void converse(int fd)
{
	bool open = true;

	for (unsigned int round = 1; connections; round++) {
		if (round == ROUNDS_MAX)
			fail_msg("a connection does not end");
		MHD_run(daemon_);
		if (open && (!drain(fd) || round > 4 * INTERVAL_EVERY)) {
			shutdown(fd, SHUT_RDWR);
			open = false;
		}
		if (round % INTERVAL_EVERY == 0)
			answers_interval(&answers);
	}
}

/* Whether a password is needed, whether names are refused; then the client's bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(1), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct input input = { data, size };
	uint8_t choice = take8(&input);
	int pair[2];

	answers.auth = choice & 1 ? auth : NULL;
	answers.local = choice & 2;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	if (send(pair[1], input.at, input.left, MSG_NOSIGNAL) >= 0 || !input.left) {
		shutdown(pair[1], SHUT_WR);
		if (MHD_add_connection(daemon_, pair[0], (const struct sockaddr *)&at, sizeof(at)) == MHD_YES)
			converse(pair[1]);
	} else {
		close(pair[0]);
	}
	close(pair[1]);
	assert_true(!answers.clients.n && !answers.clients.n_listening && TAILQ_EMPTY(&answers.clients.list));
	assert_true(TAILQ_EMPTY(&answers.streams.list));
	return 0;
}
