/* SPDX-License-Identifier: GPL-2.0-only */
/* A file written and read back each interval: the kernel charges its page cache, the heap stays empty. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "workload/pattern.h"

#define BUFFER_BYTES (64 << 10)

struct cache {
	int fd;
	char path[PATH_MAX];
	char buffer[BUFFER_BYTES];
};

/* Opens a file that vanishes with the process. */
static int open_temporary(struct cache *cache)
{
	const char *directory = getenv("TMPDIR");
	int length;

	length = snprintf(cache->path, sizeof(cache->path), "%s/workload.XXXXXX",
			  directory && *directory ? directory : "/tmp");
	if (length >= (int)sizeof(cache->path))
		return -ENAMETOOLONG;
	cache->fd = mkstemp(cache->path);
	if (cache->fd < 0 || unlink(cache->path))
		return -errno;
	return 0;
}

static int cache_start(struct workload *workload)
{
	const char *path = workload->options.file;
	struct cache *cache = workload->state;

	memset(cache->buffer, 0x5a, sizeof(cache->buffer));
	workload->subject = path ? path : cache->path;
	if (!path)
		return open_temporary(cache);
	cache->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	return cache->fd < 0 ? -errno : 0;
}

typedef ssize_t (*transfer)(struct cache *cache, size_t bytes, off_t offset);

static ssize_t write_part(struct cache *cache, size_t bytes, off_t offset)
{
	return pwrite(cache->fd, cache->buffer, bytes, offset);
}

static ssize_t read_part(struct cache *cache, size_t bytes, off_t offset)
{
	return pread(cache->fd, cache->buffer, bytes, offset);
}

static int transfer_all(struct cache *cache, size_t bytes, transfer part)
{
	size_t done = 0, wanted;
	ssize_t n;

	while (done < bytes) {
		wanted = bytes - done < BUFFER_BYTES ? bytes - done : BUFFER_BYTES;
		n = part(cache, wanted, (off_t)done);
		if (n < 0)
			return -errno;
		if (!n) /* someone has cut the file short */
			return -EIO;
		done += (size_t)n;
	}
	return 0;
}

static int cache_tick(struct workload *workload)
{
	struct cache *cache = workload->state;
	int err = transfer_all(cache, workload->options.size_bytes, write_part);

	return err ? err : transfer_all(cache, workload->options.size_bytes, read_part);
}

const struct pattern pattern_cache = {
	.name = "cache",
	.summary = "a file of --size (64MiB) written and read back each interval: page cache, no heap",
	.uses = USES_SIZE | USES_FILE,
	.size_bytes = 64 << 20,
	.state_bytes = sizeof(struct cache),
	.start = cache_start,
	.tick = cache_tick,
};
