/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From a snapshot to one word and a sentence with the numbers. Pure.
 *
 * What is asked first is what matters most: an alloc that grows, whatever else there is; then a large gap, by what most of it
 * is; then page cache; then memory that was never touched. What is needed to tell and is not known makes it `unknown`.
 */
#ifndef MEMGAP_GAP_VERDICT_H
#define MEMGAP_GAP_VERDICT_H

#include "user/gap/snapshot.h"

/* Whether so many bytes say nothing next to all that is held: a shell that started the service, a container's init. */
bool gap_is_little(int64_t bytes, int64_t held);

/* Fills the numbers of snapshot->gap from the rest of it; gap_judge() the verdict and why from both. */
void gap_measure(struct snapshot *snapshot);
void gap_judge(struct snapshot *snapshot);

#endif
