/* SPDX-License-Identifier: GPL-2.0-only */
/* What all trims of a run have in common: opened once the event loop and the targets are there. */
#ifndef MEMGAP_CMD_TRIMS_H
#define MEMGAP_CMD_TRIMS_H

#include <stdbool.h>

#include "user/base/error.h"
#include "user/cmd/trim_options.h"
#include "user/cmd/trimmer.h"
#include "user/target/command.h"

/* --log, if it was given: before anything is done or started, for it may fail with EXIT_FAILED. */
int trims_log_open(struct trimmer_context *context, const struct trim_options *options, struct error *err);

/*
 * context: loop, output, proc_fd, policy, action, measured and data are set. regrowth_ns: after which time a trim is looked at again;
 * 0: never. Fails with EXIT_FAILED; trims_close() in any case.
 */
int trims_open(struct trimmer_context *context, const struct trim_options *options, uint64_t regrowth_ns,
	       const struct inherited *inherited, struct error *err);

/* After the last trimmer is finished. false: a thread is still at work on what would be freed. */
bool trims_close(struct trimmer_context *context);

#endif
