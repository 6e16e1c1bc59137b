// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/serve_options.h"

#include <getopt.h>

#include "user/base/units.h"
#include "user/cmd/run_options.h"

const char serve_usage[] =
	"usage: memgap serve [TARGET...] [OPTIONS]\n"
	"\n"
	"Shows by HTTP what memgap watch prints: a live page at /, what it asks at /api/v1/, /metrics for Prometheus,\n"
	"/healthz and /readyz. Needs root.\n"
	"\n"
	"Targets, any number of them (default: -a):\n"
	TARGET_USAGE
	"\n"
	"The server:\n"
	"      --listen ADDRESS      127.0.0.1:9435 (default), [::1]:9435, or :9435 for all addresses of this host;\n"
	"                            port 0: a free one\n"
	"      --auth-file FILE      who may ask: lines user:password, the password as it is or as `htpasswd -B`\n"
	"                            writes it\n"
	"      --listen-publicly     also without --auth-file where others than this host reach it\n"
	"      --tls-cert FILE       HTTPS with this certificate, PEM, those between it and the root's after it,\n"
	"      --tls-key FILE        and its key, PEM\n"
	"      --max-targets N       at most so many targets have series, those that were seen first (default 1000);\n"
	"                            memgap_targets_left_out says how many have not\n"
	"\n"
	"Options:\n"
	INTERVAL_USAGE
	RUN_USAGE
	"  -h, --help\n"
	"\n"
	"Exit status: 0 done, 1 the work failed, 2 usage, 3 this host cannot do it, 4 no such target.\n";

#define DEFAULT_LISTEN "127.0.0.1:9435"
#define DEFAULT_MAX_TARGETS 1000
#define MAX_TARGETS 1000000
#define CONNECTIONS 64 /* two scrapers, a few browsers, and room for those who do not behave */

enum {
	OPTION_LISTEN = OPTION_AFTER_RUN,
	OPTION_LISTEN_PUBLICLY,
	OPTION_AUTH_FILE,
	OPTION_TLS_CERT,
	OPTION_TLS_KEY,
	OPTION_MAX_TARGETS,
};

static const struct option long_options[] = {
	RUN_LONG_OPTIONS,
	{ "listen", required_argument, NULL, OPTION_LISTEN },
	{ "listen-publicly", no_argument, NULL, OPTION_LISTEN_PUBLICLY },
	{ "auth-file", required_argument, NULL, OPTION_AUTH_FILE },
	{ "tls-cert", required_argument, NULL, OPTION_TLS_CERT },
	{ "tls-key", required_argument, NULL, OPTION_TLS_KEY },
	{ "max-targets", required_argument, NULL, OPTION_MAX_TARGETS },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

#define usage(err, ...) error_set(err, EXIT_USAGE, __VA_ARGS__)

static int take_option(struct serve_options *options, int option, char *argv[], struct error *err)
{
	switch (option) {
	case OPTION_LISTEN:
		options->http.listen = optarg;
		return 0;
	case OPTION_LISTEN_PUBLICLY:
		options->http.is_public_meant = true;
		return 0;
	case OPTION_AUTH_FILE:
		options->http.auth_file = optarg;
		return 0;
	case OPTION_TLS_CERT:
		options->http.tls_cert = optarg;
		return 0;
	case OPTION_TLS_KEY:
		options->http.tls_key = optarg;
		return 0;
	case OPTION_MAX_TARGETS:
		return parse_count(optarg, MAX_TARGETS, &options->max_targets) ?
			       usage(err, "'%s' is no number of targets: a whole number from 1 to %d", optarg, MAX_TARGETS) : 0;
	case 'h':
		options->help = true;
		return 0;
	default:
		return run_options_take(&options->watch, option, argv, err);
	}
}

static int complete(struct serve_options *options, int argc, char *argv[], struct error *err)
{
	if (options->help)
		return 0;
	if (optind < argc)
		return usage(err, "unexpected '%s': targets are given with -p, -c, -n or -a", argv[optind]);
	if (!target_options_name_any(&options->watch.targets))
		options->watch.targets.all = true;
	return run_options_complete(&options->watch, err);
}

int serve_options_parse(int argc, char *argv[], struct serve_options *ret, struct error *err)
{
	struct serve_options options = { .http = { .listen = DEFAULT_LISTEN, .connections = CONNECTIONS }, .max_targets = DEFAULT_MAX_TARGETS };
	int option = 0, result = 0;

	run_options_init(&options.watch);
	optind = 1;
	opterr = 0;
	while (!result && option != -1) {
		option = getopt_long(argc, argv, RUN_SHORT_OPTIONS "h", long_options, NULL);
		if (option != -1)
			result = take_option(&options, option, argv, err);
	}
	if (!result)
		result = complete(&options, argc, argv, err);
	if (result) {
		serve_options_free(&options);
		return result;
	}
	*ret = options;
	return 0;
}

void serve_options_free(struct serve_options *options)
{
	watch_options_free(&options->watch);
}
