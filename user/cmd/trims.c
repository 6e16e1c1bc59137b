// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/trims.h"

#include <sched.h>
#include <string.h>

#include "user/allocator/gate.h"
#include "user/cmd/background.h"
#include "user/cmd/regrowth.h"
#include "user/cmd/trim_log.h"

int trims_log_open(struct trimmer_context *context, const struct trim_options *options, struct error *err)
{
	return options->log ? trim_log_open(options->log, &context->log, err) : 0;
}

/*
 * The kernel side wakes memgap in the midst of what a process does: when that has been sent the signal, or is about to look whether it
 * expects it. On a busy machine memgap is not to take the CPU away from it just then: the signal would come later, and a handler that
 * another thread takes away meanwhile would be missed (SCHED_BATCH does not preempt: sched(7)). What memgap starts does not inherit that.
 */
static void let_others_run(void)
{
	if (sched_getscheduler(0) == SCHED_OTHER)
		sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &(struct sched_param){ 0 });
}

int trims_open(struct trimmer_context *context, const struct trim_options *options, uint64_t regrowth_ns,
	       const struct inherited *inherited, struct error *err)
{
	bool signals = options->action.kind == ACTION_SIGNAL || options->action.kind == ACTION_AUTO;
	int result = background_open(context->loop, inherited, &context->background);

	if (!result && regrowth_ns)
		result = regrowth_open(regrowth_ns, context->proc_fd, context->loop, context->output, context->log, context->measured,
				       context->data, &context->regrowth);
	if (result)
		return error_set(err, EXIT_FAILED, "cannot set up what trims need: %s", strerror(-result));
	/* without one, the last look before a signal is our own */
	if (signals && !options->dry_run && gate_open(&context->gate))
		context->gate = NULL;
	if (signals)
		let_others_run();
	return 0;
}

bool trims_close(struct trimmer_context *context)
{
	regrowth_close(context->regrowth);
	gate_close(context->gate);
	context->gate = NULL;
	context->regrowth = NULL;
	context->complete = trim_log_close(context->log);
	context->log = NULL;
	if (!background_close(context->background))
		return false;
	context->background = NULL;
	return true;
}
