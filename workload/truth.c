/* SPDX-License-Identifier: GPL-2.0-only */
#include "workload/truth.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "workload/clock.h"

void truth_take(const struct tally *tally, struct truth *ret)
{
	ret->time_ns = clock_now_ns();
	ret->tally = *tally;
	ret->info = mallinfo2();
}

void truth_format(const struct truth *truth, char buffer[OUTPUT_LINE_MAX])
{
	const struct tally *tally = &truth->tally;
	const struct mallinfo2 *info = &truth->info;

	snprintf(buffer, OUTPUT_LINE_MAX,
		 "{\"truth\":1,\"t_ms\":%" PRIu64 ",\"pid\":%d,\"held_blocks\":%" PRIu64 ",\"held_bytes\":%" PRIu64
		 ",\"mallinfo2\":{\"arena\":%zu,\"ordblks\":%zu,\"smblks\":%zu,\"hblks\":%zu,\"hblkhd\":%zu,"
		 "\"usmblks\":%zu,\"fsmblks\":%zu,\"uordblks\":%zu,\"fordblks\":%zu,\"keepcost\":%zu},"
		 "\"mallocs\":%" PRIu64 ",\"frees\":%" PRIu64 ",\"total_alloc\":%" PRIu64 "}\n",
		 truth->time_ns / NS_PER_MS, (int)getpid(), tally_held_blocks(tally), tally_held_bytes(tally),
		 info->arena, info->ordblks, info->smblks, info->hblks, info->hblkhd, info->usmblks, info->fsmblks,
		 info->uordblks, info->fordblks, info->keepcost, tally->mallocs, tally->frees, tally->malloc_bytes);
}
