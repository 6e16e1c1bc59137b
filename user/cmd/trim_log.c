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
#include "user/output/json_events.h"

/* A line is written at once and whole, so that two memgaps may have the same file, and whoever follows it sees all. */
struct trim_log {
	char path[PATH_MAX];
	int fd;
	FILE *stream; /* to `text` */
	char *text;
	size_t length;
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
	log->stream = log->fd < 0 ? NULL : open_memstream(&log->text, &log->length);
	if (log->stream) {
		*ret = log;
		return 0;
	}
	error_set(err, EXIT_FAILED, "cannot write --log %s: %s", path, strerror(errno));
	if (log->fd >= 0)
		close(log->fd);
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
	fclose(log->stream);
	free(log->text);
	close(log->fd);
	free(log);
	return complete;
}

static void write_line(struct trim_log *log)
{
	struct iovec parts[] = { { "\n", log->cut ? 1 : 0 }, { NULL, 0 } };
	ssize_t written = -1;

	fflush(log->stream);
	parts[1] = (struct iovec){ log->text, log->length };
	if (ferror(log->stream)) /* part of the line alone is in it */
		errno = ENOMEM;
	else
		written = writev(log->fd, parts, 2);
	if (written == (ssize_t)(parts[0].iov_len + log->length))
		log->cut = false;
	else if (written > 0)
		log->cut = true;
	if ((written < 0 || log->cut) && !log->lost++)
		log_message("cannot write %s: %s; lines are missing from now on", log->path, written < 0 ? strerror(errno) : "no space is left");
	rewind(log->stream);
}

void trim_log_look(struct trim_log *log, const struct snapshot *snapshot, const struct trim_judgement *judgement)
{
	struct trim_look look = { .now = snapshot->now, .target = snapshot->target, .reason = judgement->reason,
				  .verdict = snapshot->gap.verdict, .decision = judgement->decision };

	if (!log)
		return;
	memcpy(look.why, judgement->why, sizeof(look.why));
	json_write_look(log->stream, &look);
	write_line(log);
}

void trim_log_event(struct trim_log *log, const struct trim_event *event)
{
	if (!log)
		return;
	json_write_trim(log->stream, event);
	write_line(log);
}

void trim_log_regrowth(struct trim_log *log, const struct trim_regrowth *regrowth)
{
	if (!log)
		return;
	json_write_regrowth(log->stream, regrowth);
	write_line(log);
}
