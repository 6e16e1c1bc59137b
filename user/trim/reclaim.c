// SPDX-License-Identifier: GPL-2.0-only
#include "user/trim/reclaim.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "user/base/fs.h"
#include "user/base/units.h"
#include "user/kernel/cgroup.h"

static const char *file_of(int version)
{
	return version == 1 ? "memory.force_empty" : "memory.reclaim";
}

void reclaim_explain(int error, int version, char *why, size_t size)
{
	const char *file = file_of(version);

	switch (-error) {
	case EPERM:
		snprintf(why, size, "cgroup v1 has no memory.reclaim, and memory.force_empty is too blunt: it throws out all page cache "
			 "and swaps out what it can; --force does it all the same, or boot with cgroup v2");
		break;
	case EACCES:
		snprintf(why, size, "not permitted to write %s: run memgap as root, or as the user to whom the cgroup is delegated", file);
		break;
	case EROFS:
		snprintf(why, size, "%s is on a read-only mount: in a container, mount the host's /sys/fs/cgroup read-write", file);
		break;
	case ENOENT:
		snprintf(why, size, version == 1 ? "the cgroup has no %s: it is not one of the memory controller" :
			 "the cgroup has no %s: that needs Linux 5.19, and the memory controller on for this cgroup "
			 "(+memory in cgroup.subtree_control above it)", file);
		break;
	case ENODEV:
		snprintf(why, size, "the cgroup is gone");
		break;
	case EINVAL:
		snprintf(why, size, "the kernel takes no %s for this cgroup%s", file, version == 1 ? ": the root has none" : "");
		break;
	default:
		snprintf(why, size, "cannot write %s: %s", file, strerror(-error));
	}
}

/* The descriptor to write to, or -errno. */
static int open_file(int cgroup_fd, int version, bool forced)
{
	int fd, error;

	if (version == 1 && !forced)
		return -EPERM;
	/* cgroupfs has no use for O_NONBLOCK: it is for what merely looks like it, a FIFO, which nothing shall wait for */
	fd = openat(cgroup_fd, file_of(version), O_WRONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	error = -errno;
	return error == -ENOENT && !cgroup_exists(cgroup_fd) ? -ENODEV : error;
}

int reclaim_check(int cgroup_fd, int version, bool forced, char *why, size_t size)
{
	int fd = open_file(cgroup_fd, version, forced);

	if (fd < 0) {
		reclaim_explain(fd, version, why, size);
		return fd;
	}
	close(fd);
	return 0;
}

static int write_number(int fd, int64_t number, const char *how)
{
	char text[48];
	int length = snprintf(text, sizeof(text), "%" PRId64 "%s", number, how);

	return write(fd, text, (size_t)length) < 0 ? -errno : 0;
}

static int write_batch(int fd, int64_t bytes, bool *cache_only)
{
	int result = *cache_only ? write_number(fd, bytes, " swappiness=0") : -EINVAL;

	if (result != -EINVAL)
		return result;
	*cache_only = false;
	return write_number(fd, bytes, "");
}

bool reclaim_spares_anon(int cgroup_fd)
{
	int fd = open_file(cgroup_fd, 2, false);
	bool spares = fd >= 0 && !write_number(fd, 0, " swappiness=0");

	if (fd >= 0)
		close(fd);
	return spares;
}

static bool is_over(const struct reclaim *reclaim, uint64_t start_ns)
{
	uint64_t longest_ns = reclaim->longest_ns ? reclaim->longest_ns : RECLAIM_LONGEST_NS;

	return reclaim->stop || monotonic_ns() - start_ns >= longest_ns;
}

/* What came of less than all. */
static void say_how_much(struct reclaim *reclaim, const char *what)
{
	char asked[BYTES_TEXT_MAX], bytes[BYTES_TEXT_MAX];

	snprintf(reclaim->why, sizeof(reclaim->why), "%s after %s of %s", what, format_bytes(asked, reclaim->asked),
		 format_bytes(bytes, reclaim->bytes));
}

static int64_t min_bytes(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Bytes to be asked for next; 0: that was all. start: memory.current before the first. */
static int64_t next_batch(const struct reclaim *reclaim, int64_t start)
{
	int64_t fallen = known_sub(start, cgroup_current_read(reclaim->cgroup_fd, reclaim->version));
	int64_t left = reclaim->bytes - reclaim->asked;

	if (!is_known(fallen))
		return min_bytes(left, RECLAIM_BATCH_BYTES);
	if (fallen > 0)
		left = min_bytes(left, reclaim->bytes - fallen);
	if (left > RECLAIM_REST_BYTES)
		left /= 2;
	return left > 0 ? min_bytes(left, RECLAIM_BATCH_BYTES) : 0;
}

static int write_batches(struct reclaim *reclaim, int fd)
{
	uint64_t start_ns = monotonic_ns();
	int64_t start = cgroup_current_read(reclaim->cgroup_fd, reclaim->version), batch;
	bool cache_only = reclaim->cache_only;

	while ((batch = next_batch(reclaim, start)) > 0) {
		int result;

		if (is_over(reclaim, start_ns)) {
			say_how_much(reclaim, reclaim->stop ? "stopped" : "the time was over");
			return 0;
		}
		result = write_batch(fd, batch, &cache_only);
		if (result == -EINTR)
			continue; /* by a signal, in the middle of it: how much of it was done nobody knows */
		if (result && result != -EAGAIN)
			return result;
		reclaim->asked += batch;
		if (result == -EAGAIN) {
			say_how_much(reclaim, cache_only ? "the kernel found no more page cache to take back" :
							   "the kernel found no more to take back (anonymous memory needs swap)");
			return 0;
		}
	}
	return 0;
}

static int empty(int fd)
{
	int result;

	do
		result = write_number(fd, 0, "");
	while (result == -EINTR);
	return result;
}

void reclaim_run(void *data)
{
	struct reclaim *reclaim = data;
	int fd;

	reclaim->asked = 0;
	reclaim->why[0] = '\0';
	if (reclaim->version != 1 && reclaim->bytes < 1) {
		reclaim->result = -EINVAL;
		snprintf(reclaim->why, sizeof(reclaim->why), "there is nothing to ask for");
		return;
	}
	fd = open_file(reclaim->cgroup_fd, reclaim->version, reclaim->forced);
	if (fd < 0) {
		reclaim->result = fd;
	} else if (reclaim->version == 1) {
		reclaim->result = empty(fd);
		reclaim->asked = UNKNOWN;
	} else {
		reclaim->result = write_batches(reclaim, fd);
	}
	if (fd >= 0)
		close(fd);
	if (reclaim->result)
		reclaim_explain(reclaim->result, reclaim->version, reclaim->why, sizeof(reclaim->why));
}
