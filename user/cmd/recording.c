// SPDX-License-Identifier: GPL-2.0-only
#include "user/cmd/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/log.h"
#include "user/base/zstd_writer.h"

#define FLUSH_EVERY_NS 1000000000ULL

struct recording {
	char path[PATH_MAX];
	int fd;
	struct zstd_writer *writer;
	struct output output;
	uint64_t flushed_ns; /* CLOCK_MONOTONIC */
	bool failed;         /* and told */
};

static int fail_to_create(const char *path, int error, struct error *err)
{
	if (error == EEXIST)
		return error_set(err, EXIT_USAGE, "--record %s: it exists, and is not written over: give another name, or remove it", path);
	return error_set(err, EXIT_FAILED, "cannot write --record %s: %s", path, strerror(error));
}

int recording_open(const char *path, struct recording **ret, struct error *err)
{
	struct recording *recording = calloc(1, sizeof(*recording));

	if (!recording)
		return error_set(err, EXIT_FAILED, "out of memory");
	snprintf(recording->path, sizeof(recording->path), "%s", path);
	recording->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (recording->fd < 0) {
		fail_to_create(path, errno, err);
		free(recording);
		return -1;
	}
	if (zstd_writer_open(recording->fd, &recording->writer)) {
		recording_discard(recording);
		return error_set(err, EXIT_FAILED, "out of memory");
	}
	recording->output = (struct output){ .format = &output_json, .stream = zstd_writer_stream(recording->writer) };
	recording->flushed_ns = monotonic_ns();
	*ret = recording;
	return 0;
}

struct output *recording_output(struct recording *recording)
{
	return &recording->output;
}

static void tell(struct recording *recording, int error)
{
	if (error && !recording->failed)
		log_message("cannot write %s: %s; the recording ends here", recording->path, strerror(-error));
	recording->failed |= error != 0;
}

void recording_flush(struct recording *recording)
{
	uint64_t now_ns = recording ? monotonic_ns() : 0;

	if (!recording || recording->failed || now_ns - recording->flushed_ns < FLUSH_EVERY_NS)
		return;
	recording->flushed_ns = now_ns;
	tell(recording, zstd_writer_flush(recording->writer));
}

bool recording_close(struct recording *recording)
{
	bool complete;

	if (!recording)
		return true;
	tell(recording, zstd_writer_close(recording->writer));
	complete = !recording->failed;
	output_close(&recording->output);
	close(recording->fd);
	free(recording);
	return complete;
}

void recording_discard(struct recording *recording)
{
	if (!recording)
		return;
	unlink(recording->path);
	zstd_writer_close(recording->writer);
	output_close(&recording->output);
	close(recording->fd);
	free(recording);
}
