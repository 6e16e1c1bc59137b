// SPDX-License-Identifier: GPL-2.0-only
/* The small texts of /proc/PID: status, statm, smaps_rollup, environ, which a process writes itself, and PSI. */
#include "tests/fuzz/fuzz.h"

#include "user/base/units.h"
#include "user/kernel/environment.h"
#include "user/kernel/pressure.h"
#include "user/kernel/signals.h"
#include "user/kernel/smaps_rollup.h"
#include "user/kernel/statm.h"
#include "user/kernel/status.h"

static bool is_figure(int64_t value)
{
	return value >= 0 || !is_known(value);
}

static void read_status(const char *text)
{
	struct signal_masks masks;
	struct process_status status;

	signal_masks_parse(text, &masks);
	if (process_status_parse(text, &status))
		return;
	assert_true(is_figure(status.rss) && is_figure(status.rss_anon) && is_figure(status.rss_file));
	assert_true(is_figure(status.rss_shmem) && is_figure(status.swap) && is_figure(status.data));
	assert_true(status.seccomp >= -1);
}

static void read_rollup(const char *text)
{
	struct smaps_rollup rollup;

	if (!smaps_rollup_parse(text, &rollup))
		assert_true(is_figure(rollup.rss) && is_figure(rollup.pss) && is_figure(rollup.lazyfree) && is_figure(rollup.swap));
}

static void read_statm(const char *text)
{
	struct statm statm;

	if (!statm_parse(text, 4096, &statm))
		assert_true(statm.size >= 0 && statm.resident >= 0 && statm.shared >= 0 && statm.data >= 0);
}

static void read_pressure(const char *text)
{
	double percent = -1;

	if (!pressure_parse(text, &percent))
		assert_true(percent >= 0 && percent <= 100);
}

/* The name, its end, then the text, which may have NULs and no end. */
static void read_environment(struct input *input)
{
	char value[16], *name = take_text_until(input, '\n');
	size_t length = input->left;
	char *text = malloc(length ? length : 1);

	memcpy(text, input->at, length);
	if (*name && !environment_find(text, length, name, value, sizeof(value)))
		assert_true(memchr(value, 0, sizeof(value)) != NULL);
	free(text);
	free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const char *text) = { read_status, read_rollup, read_statm, read_pressure };
	struct input input = { data, size };
	size_t kind = take8(&input) % (COUNT_OF(readers) + 1);
	char *text;

	if (kind == COUNT_OF(readers)) {
		read_environment(&input);
		return 0;
	}
	text = take_text(&input);
	readers[kind](text);
	free(text);
	return 0;
}
