// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/trim_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "user/base/log.h"
#include "user/base/text_stream.h"
#include "user/output/json_events.h"

/* A line is written at once and whole, so that two memgaps may have the same file, and whoever follows it sees all. */
struct trim_log {
	char path[PATH_MAX];
	int fd;
	struct text_stream line; /* the one that is being written */
	uint64_t lost; /* lines */
	bool cut;      /* the last that was written is part of a line: the disk was full */
};

int trim_log_open(const char *path, struct trim_log **ret, struct error *err)
{
	struct trim_log *log = calloc(1, sizeof(*log));

	if (!log)
		return error_set(err, EXIT_FAILED, "out of memory");
	snprintf(log->path, sizeof(log->path), "%s", path);
	log->fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
	if (log->fd >= 0) {
		*ret = log;
		return 0;
	}
	error_set(err, EXIT_FAILED, "cannot write --log %s: %s", path, strerror(errno));
	free(log);
	return -1;
}

bool trim_log_close(struct trim_log *log)
{
	bool complete;

	if (!log)
		return true;
	complete = !log->lost;
	if (!complete)
		log_message("%s: %" PRIu64 " line%s missing", log->path, log->lost, log->lost == 1 ? " is" : "s are");
	close(log->fd);
	free(log);
	return complete;
}

static void lose_line(struct trim_log *log, const char *why)
{
	if (!log->lost++)
		log_message("cannot write %s: %s; lines are missing from now on", log->path, why);
}

/* NULL: there is no log, or no memory for a line of it. */
static FILE *begin_line(struct trim_log *log)
{
	if (!log)
		return NULL;
	if (text_stream_open(&log->line))
		lose_line(log, strerror(ENOMEM));
	return log->line.stream;
}

static void end_line(struct trim_log *log)
{
	struct iovec parts[] = { { "\n", log->cut ? 1 : 0 }, { NULL, 0 } };
	ssize_t written;
	char *text;

	if (text_stream_end(&log->line, &text, &parts[1].iov_len)) {
		lose_line(log, strerror(ENOMEM));
		return;
	}
	parts[1].iov_base = text;
	written = writev(log->fd, parts, 2);
	if (written == (ssize_t)(parts[0].iov_len + parts[1].iov_len))
		log->cut = false;
	else if (written > 0)
		log->cut = true;
	if (written < 0 || log->cut)
		lose_line(log, written < 0 ? strerror(errno) : "no space is left");
	free(text);
}

void trim_log_look(struct trim_log *log, const struct snapshot *snapshot, const struct trim_judgement *judgement)
{
	struct trim_look look = { .now = snapshot->now, .target = snapshot->target, .reason = judgement->reason,
				  .verdict = snapshot->gap.verdict, .decision = judgement->decision };
	FILE *stream = begin_line(log);

	if (!stream)
		return;
	memcpy(look.why, judgement->why, sizeof(look.why));
	json_write_look(stream, &look);
	end_line(log);
}

void trim_log_event(struct trim_log *log, const struct trim_event *event)
{
	FILE *stream = begin_line(log);

	if (!stream)
		return;
	json_write_trim(stream, event);
	end_line(log);
}

void trim_log_regrowth(struct trim_log *log, const struct trim_regrowth *regrowth)
{
	FILE *stream = begin_line(log);

	if (!stream)
		return;
	json_write_regrowth(stream, regrowth);
	end_line(log);
}
