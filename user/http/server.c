// SPDX-License-Identifier: GPL-2.0-only
#include "user/http/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/log.h"
#include "user/base/thread.h"
#include "user/http/address.h"
#include "user/http/answer.h"
#include "user/http/tls.h"

#define REQUEST_MEMORY (16 << 10) /* of a connection, its request line and headers; nginx takes 32 KiB, most proxies 8 */
#define SLACK 64                  /* connections that are being dropped while others come */
#define SERVER_NICE 5             /* where a core is short, an interval comes before a scrape */
#define LOOK_EVERY_MS 1000        /* at who takes too long */
#define ALIVE_EVERY_NS 15000000000 /* a comment to who listens: proxies end what is silent for a minute, and who has gone is noticed */

struct http_server {
	struct answers answers;
	struct tls_files tls;
	struct MHD_Daemon *daemon;
	int listen_fd; /* the daemon's, once it runs */
	int store_fd, stop_fd;
	char address[ADDRESS_TEXT_MAX];
	pthread_t thread;
	bool running;
	uint64_t swept_ns, told_ns;
};

static __attribute__((format(printf, 2, 0))) void log_line(void *data, const char *format, va_list arguments)
{
	char line[256];

	(void)data;
	vsnprintf(line, sizeof(line), format, arguments);
	line[strcspn(line, "\n")] = '\0';
	log_debug("http: %s", line);
}

static int timeout_of(struct http_server *server)
{
	MHD_UNSIGNED_LONG_LONG ms;
	bool known = MHD_get_timeout(server->daemon, &ms) == MHD_YES;
	int most = TAILQ_EMPTY(&server->answers.clients.list) ? -1 : LOOK_EVERY_MS;

	if (!known)
		return most;
	return most < 0 || ms < (unsigned int)most ? (int)(ms < LOOK_EVERY_MS ? ms : LOOK_EVERY_MS) : most;
}

static void look_around(struct http_server *server)
{
	uint64_t now = monotonic_ns();

	if (now - server->swept_ns < LOOK_EVERY_MS * 1000000ULL)
		return;
	server->swept_ns = now;
	clients_sweep(&server->answers.clients);
	if (now - server->told_ns > ALIVE_EVERY_NS) {
		server->told_ns = now;
		streams_send(&server->answers.streams, NULL, strdup(":\n\n"), 3);
	}
}

/* One thread does all of it: nothing of the server needs a lock. */
static void *serve(void *data)
{
	struct http_server *server = data;
	struct pollfd fds[] = {
		{ .fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, .events = POLLIN },
		{ .fd = server->store_fd, .events = POLLIN },
		{ .fd = server->stop_fd, .events = POLLIN },
	};
	eventfd_t ignored;

	nice(SERVER_NICE); /* Linux: this thread alone */
	while (!fds[2].revents) {
		if (poll(fds, 3, timeout_of(server)) < 0)
			continue;
		if (fds[1].revents) {
			eventfd_read(server->store_fd, &ignored);
			server->told_ns = monotonic_ns();
			answers_interval(&server->answers);
		}
		look_around(server);
		MHD_run(server->daemon);
	}
	return NULL;
}

static int start_thread(struct http_server *server)
{
	int result = thread_start(&server->thread, serve, server);

	server->running = !result;
	return result;
}

static bool start_daemon(struct http_server *server)
{
	const struct tls_files *tls = &server->tls;
	unsigned int flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (tls->key ? MHD_USE_TLS : 0);
	struct MHD_OptionItem options[] = {
		{ tls->key ? MHD_OPTION_HTTPS_MEM_KEY : MHD_OPTION_END, 0, tls->key },
		{ MHD_OPTION_HTTPS_MEM_CERT, 0, tls->certificate },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" },
		{ MHD_OPTION_END, 0, NULL },
	};

	server->daemon = MHD_start_daemon(flags, 0, NULL, NULL, answers_request, &server->answers,
					  MHD_OPTION_EXTERNAL_LOGGER, log_line, NULL,
					  MHD_OPTION_LISTEN_SOCKET, server->listen_fd,
					  MHD_OPTION_CONNECTION_LIMIT, server->answers.clients.most + SLACK,
					  MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)REQUEST_MEMORY,
					  MHD_OPTION_STRICT_FOR_CLIENT, 1,
					  MHD_OPTION_NOTIFY_CONNECTION, answers_connection, &server->answers,
					  MHD_OPTION_NOTIFY_COMPLETED, answers_completed, &server->answers,
					  MHD_OPTION_ARRAY, options, MHD_OPTION_END);
	if (server->daemon)
		server->listen_fd = -1;
	return server->daemon;
}

/* What the user may have got wrong comes before anything is done. */
static int prepare(struct http_server *server, const struct http_options *options, struct error *err)
{
	struct address address;

	if (address_parse(options->listen, &address, err))
		return -1;
	if (!address_is_private(&address) && !options->auth_file && !options->is_public_meant)
		return error_set(err, EXIT_USAGE, "at %s others reach it too: give --auth-file, or say --listen-publicly if all may see it",
				 options->listen);
	server->answers.local = address_is_private(&address) && !options->auth_file && !options->is_public_meant;
	if (options->auth_file && auth_open(options->auth_file, &server->answers.auth, err))
		return -1;
	if (tls_files_read(options->tls_cert, options->tls_key, &server->tls, err))
		return -1;
	server->listen_fd = address_listen(&address, options->listen, err);
	if (server->listen_fd < 0)
		return -1;
	address_of(server->listen_fd, server->address);
	return 0;
}

static int start(struct http_server *server, struct error *err)
{
	int result = answers_open(&server->answers);

	server->store_fd = store_watch(server->answers.store);
	server->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!result && (server->store_fd < 0 || server->stop_fd < 0))
		result = -errno;
	if (!result && !start_daemon(server))
		result = -EIO;
	if (!result)
		result = start_thread(server);
	return result ? error_set(err, EXIT_FAILED, "cannot start the HTTP server: %s", strerror(-result)) : 0;
}

int http_open(const struct http_options *options, const struct http_route *routes, struct store *store, struct http_server **ret,
	      struct error *err)
{
	struct http_server *server = calloc(1, sizeof(*server));

	if (!server)
		return error_set(err, EXIT_FAILED, "out of memory");
	server->listen_fd = server->store_fd = server->stop_fd = -1;
	server->answers.routes = routes;
	server->answers.store = store;
	clients_init(&server->answers.clients, options->connections, options->patience_ms);
	if (prepare(server, options, err) || start(server, err)) {
		http_close(server);
		return -1;
	}
	*ret = server;
	return 0;
}

void http_close(struct http_server *server)
{
	if (!server)
		return;
	if (server->running) {
		eventfd_write(server->stop_fd, 1);
		pthread_join(server->thread, NULL);
	}
	if (server->daemon) {
		streams_wake(&server->answers.streams);
		MHD_stop_daemon(server->daemon);
	}
	answers_close(&server->answers);
	auth_close(server->answers.auth);
	tls_files_free(&server->tls);
	if (server->listen_fd >= 0)
		close(server->listen_fd);
	if (server->store_fd >= 0)
		store_unwatch(server->answers.store, server->store_fd);
	if (server->stop_fd >= 0)
		close(server->stop_fd);
	free(server);
}

const char *http_address(const struct http_server *server)
{
	return server->address;
}
