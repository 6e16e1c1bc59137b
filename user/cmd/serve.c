// SPDX-License-Identifier: GPL-2.0-only
/* memgap serve: what a session sees goes into a store, which an HTTP server shows. */
#include <stdio.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/cmd/command_table.h"
#include "user/cmd/serve_options.h"
#include "user/cmd/session.h"
#include "user/http/pulse.h"
#include "user/http/routes.h"
#include "user/http/server.h"
#include "user/output/to_store.h"
#include "user/store/store.h"

#define SERIES_BYTES (64 << 20) /* ten hours of 600 targets, an hour of 5,000 */
#define GONE_REMEMBERED 256
#define TRIMS_REMEMBERED 1024

struct serve {
	struct serve_options options;
	struct session session;
	struct store *store;
	struct store_output output;
	struct pulse pulse;
	struct routes routes;
	struct http_server *server;
};

static void interval_is_over(void *data)
{
	struct serve *serve = data;

	/* before readers are told: they see how late it was */
	pulse_beat(&serve->pulse);
	output_interval(&serve->output.output);
}

static int open_store(struct serve *serve, struct error *err)
{
	const struct store_limits limits = { .series_bytes = SERIES_BYTES, .gone = GONE_REMEMBERED, .trims = TRIMS_REMEMBERED };

	if (store_open(&limits, &serve->store))
		return error_set(err, EXIT_FAILED, "out of memory");
	store_output_init(&serve->output, serve->store);
	return 0;
}

/* The server is there first: what is wrong with it is told before anything is attached, and a long start can be seen. */
static int open_all(struct serve *serve, struct error *err)
{
	const struct session_user user = { .output = &serve->output.output, .interval = interval_is_over, .data = serve, .stays = true };

	pulse_init(&serve->pulse, serve->options.watch.interval_ns);
	routes_init(&serve->routes, &serve->pulse, (size_t)serve->options.max_targets);
	if (open_store(serve, err) || http_open(&serve->options.http, serve->routes.table, serve->store, &serve->server, err))
		return -1;
	log_message("listening at %s://%s", serve->options.http.tls_cert ? "https" : "http", http_address(serve->server));
	return session_open(&serve->session, &serve->options.watch, &user, err);
}

int cmd_serve(int argc, char *argv[])
{
	struct serve serve = { .store = NULL, .server = NULL };
	struct error err;

	if (serve_options_parse(argc, argv, &serve.options, &err)) {
		log_message("%s", err.text);
		return (int)err.status;
	}
	if (serve.options.help) {
		fputs(serve_usage, stdout);
		serve_options_free(&serve.options);
		return EXIT_DONE;
	}
	session_init(&serve.session);
	if (open_all(&serve, &err)) {
		log_message("%s", err.text);
		serve.session.status = err.status;
	} else {
		session_run(&serve.session);
	}
	http_close(serve.server);
	if (!session_close(&serve.session))
		_exit((int)serve.session.status);
	output_close(&serve.output.output);
	store_close(serve.store);
	serve_options_free(&serve.options);
	return (int)serve.session.status;
}
