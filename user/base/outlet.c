// SPDX-License-Identifier: GPL-2.0-only
#include "user/base/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "user/base/fs.h"

#define UNREAD_NS 500000000U       /* that a reader may take for what it is given, when we are to end */
#define LAST_WRITES_NS 2000000000U /* all in all */
#define NS_PER_MS 1000000U

/* The stop flag: one for the process, as the signals are. */
static int stop_fd = -1;
static uint64_t stop_ns; /* when nothing is waited for any more; 0: not asked to end yet */
static uint64_t last_ns; /* when that cannot be put off any longer */

void outlet_set_stop_fd(int fd)
{
	stop_fd = fd;
}

void outlet_stop(void)
{
	if (stop_ns)
		return;
	stop_ns = monotonic_ns() + UNREAD_NS;
	last_ns = stop_ns - UNREAD_NS + LAST_WRITES_NS;
}

/* On a busy host a reader may be slow: that is not one that has stopped reading. */
static void put_off_stop(void)
{
	uint64_t later_ns;

	if (!stop_ns)
		return;
	later_ns = monotonic_ns() + UNREAD_NS;
	stop_ns = later_ns < last_ns ? later_ns : last_ns;
}

/* Until fd takes something: 0, or -errno. */
static int wait_until_writable(int fd)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLOUT }, { .fd = stop_fd, .events = POLLIN } };
	uint64_t now_ns;
	int n;

	do {
		now_ns = stop_ns ? monotonic_ns() : 0;
		if (now_ns > stop_ns)
			now_ns = stop_ns;
		n = poll(fds, stop_ns ? 1 : 2, stop_ns ? (int)((stop_ns - now_ns) / NS_PER_MS) : -1);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (!n)
			return -ECANCELED;
		if (fds[1].revents)
			outlet_stop();
	} while (n < 0 || !fds[0].revents);
	return 0;
}

/* Nothing else keeps a writer waiting until somebody reads. */
static bool has_reader(mode_t mode)
{
	return S_ISFIFO(mode) || S_ISSOCK(mode) || S_ISCHR(mode);
}

/* A writable pipe has room for this much; another that writes to it may yet be faster, hence NOWAIT (Linux 6.4 for pipes). */
static ssize_t write_some(int fd, mode_t mode, const char *text, size_t n)
{
	struct iovec part = { (void *)(uintptr_t)text, n < PIPE_BUF ? n : PIPE_BUF };
	ssize_t written;

	if (!S_ISFIFO(mode))
		return write(fd, part.iov_base, part.iov_len);
	written = pwritev2(fd, &part, 1, -1, RWF_NOWAIT);
	return written < 0 && errno == EOPNOTSUPP ? write(fd, part.iov_base, part.iov_len) : written;
}

int outlet_write(int fd, const char *text, size_t n)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	while (n) {
		int result = has_reader(st.st_mode) ? wait_until_writable(fd) : 0;
		ssize_t written = result ? 0 : write_some(fd, st.st_mode, text, n);

		if (result)
			return result;
		if (written < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (written > 0) {
			text += written;
			n -= (size_t)written;
			put_off_stop();
		}
	}
	return 0;
}

static ssize_t write_cookie(void *cookie, const char *text, size_t n)
{
	struct outlet *outlet = cookie;

	if (!outlet->error)
		outlet->error = outlet_write(outlet->fd, text, n);
	errno = -outlet->error;
	return outlet->error ? 0 : (ssize_t)n; /* 0 is an error, fopencookie(3) */
}

int outlet_open(struct outlet *outlet, int fd)
{
	/* one that is not open now may be another file by the first write */
	*outlet = (struct outlet){ .fd = fd, .error = fcntl(fd, F_GETFD) < 0 ? -errno : 0 };
	outlet->stream = fopencookie(outlet, "w", (cookie_io_functions_t){ .write = write_cookie });
	return outlet->stream ? 0 : -ENOMEM;
}

void outlet_close(struct outlet *outlet)
{
	if (!outlet->stream)
		return;
	if (!outlet->error)
		outlet->error = -ECANCELED;
	fclose(outlet->stream);
	outlet->stream = NULL;
}

int outlet_flush(struct outlet *outlet)
{
	fflush(outlet->stream);
	return outlet->error;
}
