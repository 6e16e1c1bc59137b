/* SPDX-License-Identifier: GPL-2.0-only */
/* --record: what a session sees, as --format json has it, kept in a file of zstd frames for `memgap report`. */
#ifndef MEMGAP_CMD_RECORDING_H
#define MEMGAP_CMD_RECORDING_H

#include <stdbool.h>

#include "user/base/error.h"
#include "user/output/output.h"

struct recording;

/*
 * Makes the file; one that exists is left alone: it may be the night that somebody has waited for. Fails with EXIT_FAILED, or
 * EXIT_USAGE where it exists.
 */
int recording_open(const char *path, struct recording **ret, struct error *err);

/* What is given to it is recorded. */
struct output *recording_output(struct recording *recording);

/*
 * Something was given to it. Every second it goes into the file: no more than that is lost when memgap is killed. The first failure
 * is told, and ends the recording. NULL: nothing is done.
 */
void recording_flush(struct recording *recording);

/* Whether all that was given to it is in the file. NULL: true. */
bool recording_close(struct recording *recording);

/* Nothing was recorded: the file goes as well. */
void recording_discard(struct recording *recording);

#endif
