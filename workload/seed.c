/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The program that memgap began as, a Go program: every second a new block, the two oldest dropped as soon
 * as more than five are held, and the figures of the runtime. What Go drops stays allocated until its
 * collector runs. Here a collection is asked for from outside.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "workload/pattern.h"

#define HELD_AT_MOST 5
#define DROPPED_AT_ONCE 2

struct seed {
	size_t garbage; /* that many of the ledger's oldest blocks are dropped and not yet collected */
	uint64_t collections;
};

static int seed_tick(struct workload *workload)
{
	struct ledger *ledger = &workload->ledger;
	struct seed *seed = workload->state;
	int err = ledger_allocate(ledger, workload->options.size_bytes, true);

	if (err)
		return err;
	if (ledger->count - seed->garbage > HELD_AT_MOST)
		seed->garbage += DROPPED_AT_ONCE;
	return 0;
}

static void seed_collect(struct workload *workload)
{
	struct seed *seed = workload->state;

	ledger_free_first(&workload->ledger, seed->garbage);
	seed->garbage = 0;
	seed->collections++;
}

/* VmData (proc(5)). stdio would allocate. Returns the value or -errno. */
static int64_t read_vm_data_kib(void)
{
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
	char text[4096];
	const char *line;
	int64_t kib;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	text[n] = '\0';
	line = strstr(text, "\nVmData:");
	return line && sscanf(line, " VmData: %" SCNd64, &kib) == 1 ? kib : -EBADMSG;
}

static int seed_line(struct workload *workload, const struct tally *tally, char buffer[OUTPUT_LINE_MAX])
{
	const struct seed *seed = workload->state;
	int64_t sys_kib = read_vm_data_kib();

	if (sys_kib < 0) {
		workload->subject = "/proc/self/status";
		return (int)sys_kib;
	}
	snprintf(buffer, OUTPUT_LINE_MAX,
		 "Alloc = %" PRIu64 " MiB\tTotalAlloc = %" PRIu64 " MiB\tSys = %" PRId64 " MiB\tNumGC = %" PRIu64 "\n",
		 tally_held_bytes(tally) >> 20, tally->malloc_bytes >> 20, sys_kib >> 10, seed->collections);
	return 0;
}

const struct pattern pattern_seed = {
	.name = "seed",
	.summary = "a block of --size (10MiB) each interval, the oldest dropped, freed only when collected",
	.uses = USES_SIZE,
	.size_bytes = 10 << 20,
	.state_bytes = sizeof(struct seed),
	.tick = seed_tick,
	.collect = seed_collect,
	.line = seed_line,
};
