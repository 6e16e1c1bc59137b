// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/trim_options.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#define usage(err, ...) error_set(err, EXIT_USAGE, __VA_ARGS__)

void trim_options_init(struct trim_options *options)
{
	*options = (struct trim_options){ .forced = false };
	trim_action_parse("signal:USR1", &options->action);
}

static int take_trim_with(struct trim_options *options, const char *text, struct error *err)
{
	struct trim_action action = { 0 };

	switch (trim_action_parse(text, &action)) {
	case 0:
		trim_action_free(&options->action);
		options->action = action;
		return 0;
	case -EPERM:
		return usage(err, "'%s' cannot be handled by any program, it would only do harm: take USR1 or USR2", text);
	case -ENOENT:
		return usage(err, "'%s': there is no such command", text);
	case -ENOMEM:
		return error_set(err, EXIT_FAILED, "out of memory");
	default:
		if (!strncmp(text, "exec:", strlen("exec:")))
			return usage(err, "no command after 'exec:'");
		return usage(err, "'%s' is no action: signal:NAME, as in signal:USR1 or signal:RTMIN+2, pressure, reclaim, exec:COMMAND or auto",
			     text);
	}
}

bool trim_options_take(struct trim_options *options, int option, int *ret_result, struct error *err)
{
	*ret_result = 0;
	switch (option) {
	case OPTION_TRIM_WITH:
		options->given = "--trim-with";
		*ret_result = take_trim_with(options, optarg, err);
		return true;
	case OPTION_FORCE:
		options->given = "--force";
		options->forced = true;
		return true;
	case OPTION_DRY_RUN:
		options->given = "--dry-run";
		options->dry_run = true;
		return true;
	case OPTION_LOG:
		options->given = "--log";
		options->log = optarg;
		return true;
	default:
		return false;
	}
}

void trim_options_complete(struct trim_options *options)
{
	options->action.dry_run = options->dry_run;
	options->action.forced = options->forced;
}

void trim_options_free(struct trim_options *options)
{
	trim_action_free(&options->action);
}
