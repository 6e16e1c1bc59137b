/* SPDX-License-Identifier: GPL-2.0-only */
/* From a snapshot to one word and a sentence with the numbers. Pure. */
#ifndef MEMGAP_GAP_VERDICT_H
#define MEMGAP_GAP_VERDICT_H

#include "user/gap/snapshot.h"

/*
 * Fills snapshot->gap from the rest of it. So far only what two figures can tell is told: in-use and untouched; a
 * large gap stays unknown, since only a look into the heap tells retained from pinned.
 */
void gap_judge(struct snapshot *snapshot);

#endif
