/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files of the trimmer know of each other: deciding (trimmer.c), asking (trimmer_round.c), measuring (trimmer_measure.c). */
#ifndef MEMGAP_CMD_TRIMMER_PARTS_H
#define MEMGAP_CMD_TRIMMER_PARTS_H

#include "user/cmd/trimmer.h"

/* Begins to measure what trimmer->event has asked; before.rss and before.current are set. */
void trimmer_measure(struct trimmer *trimmer);
/* Ends the measurement, tells and logs the event. */
void trimmer_end_measure(struct trimmer *trimmer);

/* What was wanted of the background, and may have had to wait, begins now: figures of before are of now. */
void trimmer_begins(struct trimmer *trimmer);
/* What was begun in the background is over: the kernel has reclaimed (result as reclaim_run() has it), the command has ended. */
void trimmer_reclaimed(struct trimmer *trimmer, int result, const char *why);
void trimmer_executed(struct trimmer *trimmer, bool well, const char *why);

/* memory.current of the trimmer's cgroup, bytes. */
int64_t trimmer_read_current(const struct trimmer *trimmer);

/* Tells what has come of trimmer->event, and closes whom it has asked. */
void trimmer_tell_end(struct trimmer *trimmer);

/* Does what was decided: to one after the other, or to the cgroup. trimmer->event says of whom, and why. */
void trimmer_run_round(struct trimmer *trimmer, const struct snapshot *snapshot, const struct trim_judgement *judgement,
		       const struct trim_source *source);
/* Its parts, for one whom the kernel side has asked already: the round begins, the event is renewed, it takes one in, it is told. */
void trimmer_begin_round(struct trimmer *trimmer, const struct trim_judgement *judgement, const struct trim_source *source);
void trimmer_renew_event(struct trimmer *trimmer);
void trimmer_take_in(struct trimmer *trimmer, const struct trim_candidate *candidate);
void trimmer_tell_triggered(struct trimmer *trimmer);
void trimmer_tell_refusal(struct trimmer *trimmer);
void trimmer_end_round(struct trimmer *trimmer);

/* One of the round has been measured: the next, or the end. */
void trimmer_go_on(struct trimmer *trimmer);

#endif
