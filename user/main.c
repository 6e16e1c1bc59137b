// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>

#include "user/base/error.h"
#include "user/base/log.h"
#include "user/cmd/command_table.h"

static const char usage[] =
	"usage: memgap SUBCOMMAND [...]\n"
	"\n"
	"Watches the memory of running processes and containers from outside: what a program allocated\n"
	"and still holds, next to what the kernel charges for it; and has it trimmed past a threshold.\n"
	"\n"
	"  watch [TARGET...] [OPTIONS] [-- COMMAND [ARG...]]   a line per target per interval\n"
	"  trim  TARGET... [OPTIONS]                           trim once, now; report what came back\n"
	"  top   [TARGET...] [OPTIONS]                         all targets on the whole screen, with keys\n"
	"  check [TARGET...]                                   what this host and the targets allow, and why not\n"
	"  serve [TARGET...] [OPTIONS]                         what watch prints, by HTTP: /metrics for Prometheus\n"
	"  report FILE [-o OUT.html]                           an HTML file from a recording (watch --record)\n"
	"  help                                                this text; `memgap SUBCOMMAND --help`\n"
	"  --version\n";

static int print_help(int argc, char *argv[])
{
	(void)argc;
	(void)argv;
	fputs(usage, stdout);
	return EXIT_DONE;
}

static int print_version(int argc, char *argv[])
{
	(void)argc;
	(void)argv;
	puts("memgap " MEMGAP_VERSION);
	return EXIT_DONE;
}

static const struct {
	const char *name;
	int (*run)(int argc, char *argv[]);
} subcommands[] = {
	{ "watch", cmd_watch },
	{ "trim", cmd_trim },
	{ "top", cmd_top },
	{ "check", cmd_check },
	{ "serve", cmd_serve },
	{ "report", cmd_report },
	{ "help", print_help },
	{ "--help", print_help },
	{ "-h", print_help },
	{ "--version", print_version },
};

int main(int argc, char *argv[])
{
	log_init();
	if (argc < 2) {
		log_message("no subcommand: try `memgap watch --help`");
		return EXIT_USAGE;
	}
	for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++)
		if (!strcmp(argv[1], subcommands[i].name))
			return subcommands[i].run(argc - 1, argv + 1);
	log_message("unknown subcommand '%s': try `memgap help`", argv[1]);
	return EXIT_USAGE;
}
