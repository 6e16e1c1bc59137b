// SPDX-License-Identifier: GPL-2.0-only
#include "user/trim/pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/text.h"
#include "user/kernel/environment.h"
#include "user/kernel/open_files.h"
#include "user/target/root.h"

/* As much of a path as a reason shows. */
#define SHOWN_MAX 128

struct telling {
	int proc_fd;
	const struct pid_identity *id;
	char *why;
	size_t size;
	char path[PATH_MAX], shown[SHOWN_MAX];
};

static __attribute__((format(printf, 3, 4))) enum act_result say(const struct telling *telling, enum act_result result,
								  const char *format, ...)
{
	int used = snprintf(telling->why, telling->size, "pid %d (%s) ", telling->id->pid, telling->id->comm);
	va_list args;

	if (used < 0 || (size_t)used >= telling->size)
		return result;
	va_start(args, format);
	vsnprintf(telling->why + used, telling->size - (size_t)used, format, args);
	va_end(args);
	return result;
}

/* ACT_DONE: path is what it watches. */
static enum act_result find_path(struct telling *telling)
{
	int result = environment_read(telling->proc_fd, telling->id->pid, PRESSURE_WATCH, telling->path, sizeof(telling->path));

	if (result == -ENOENT || (!result && !*telling->path))
		return say(telling, ACT_REFUSED, "does not listen for memory pressure: it has no " PRESSURE_WATCH " in its environment");
	if (result == -ENAMETOOLONG)
		return say(telling, ACT_REFUSED, "has in " PRESSURE_WATCH " more than a path can be");
	if (result)
		return say(telling, ACT_FAILED, "does not show its environment: %s", strerror(-result));
	snprintf(telling->shown, sizeof(telling->shown), "%.*s", SHOWN_MAX - 1, telling->path);
	text_make_printable(telling->shown);
	if (!strcmp(telling->path, "/dev/null"))
		return say(telling, ACT_REFUSED, "is not to listen for memory pressure: " PRESSURE_WATCH " is /dev/null");
	if (telling->path[0] != '/')
		return say(telling, ACT_REFUSED, "has in " PRESSURE_WATCH " no absolute path: %s", telling->shown);
	return ACT_DONE;
}

static enum act_result check_type(const struct telling *telling, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return say(telling, ACT_FAILED, "watches %s: %s", telling->shown, strerror(errno));
	if (S_ISFIFO(st.st_mode))
		return ACT_DONE;
	if (S_ISREG(st.st_mode))
		return say(telling, ACT_REFUSED, "watches %s, a pressure file: the kernel tells it itself", telling->shown);
	if (S_ISSOCK(st.st_mode))
		return say(telling, ACT_REFUSED, "watches %s, a socket: only who listens there can tell it", telling->shown);
	return say(telling, ACT_REFUSED, "watches %s, which is no FIFO", telling->shown);
}

/* ACT_DONE: *ret_fd is the FIFO, O_PATH, whatever its path leads to from now on. */
static enum act_result find_fifo(const struct telling *telling, int *ret_fd)
{
	int root_fd = process_root_open(telling->proc_fd, telling->id->pid), fd;
	enum act_result result;

	if (root_fd < 0)
		return say(telling, ACT_FAILED, "does not show its root: %s", strerror(-root_fd));
	fd = root_open(root_fd, telling->path, O_PATH);
	close(root_fd);
	if (fd == -ENOENT || fd == -ENOTDIR)
		return say(telling, ACT_REFUSED, "watches %s, which is not there", telling->shown);
	if (fd < 0)
		return say(telling, ACT_FAILED, "watches %s, which cannot be opened: %s", telling->shown, strerror(-fd));
	result = check_type(telling, fd);
	if (result == ACT_DONE)
		*ret_fd = fd;
	else
		close(fd);
	return result;
}

static enum act_result check_reader(const struct telling *telling, int fifo_fd)
{
	int result = process_reads_file(telling->proc_fd, telling->id->pid, fifo_fd);

	if (result == -ENOENT)
		return say(telling, ACT_REFUSED, "does not listen: it has not opened %s for reading", telling->shown);
	if (result == -EMFILE)
		return say(telling, ACT_REFUSED, "has not opened %s for reading with one of its first %d descriptors", telling->shown,
			   OPEN_FILES_MAX);
	if (result)
		return say(telling, ACT_FAILED, "does not show what it has open: %s", strerror(-result));
	return ACT_DONE;
}

enum ends { END_UNREAD, END_WRITTEN_TO, END_ALONE };

/* tee(2) takes nothing out of the FIFO: one byte when there is any; else nothing, or EAGAIN when somebody could write. */
static int look_into(int proc_fd, int fifo_fd, enum ends *ret)
{
	int fd = path_fd_open(proc_fd, fifo_fd, O_RDONLY | O_NONBLOCK), copy[2], result = 0;
	ssize_t n;

	if (fd < 0)
		return fd;
	if (pipe2(copy, O_CLOEXEC | O_NONBLOCK)) {
		result = -errno;
		close(fd);
		return result;
	}
	n = tee(fd, copy[1], 1, SPLICE_F_NONBLOCK);
	if (n < 0 && errno != EAGAIN)
		result = -errno;
	else
		*ret = n > 0 ? END_UNREAD : n < 0 ? END_WRITTEN_TO : END_ALONE;
	close(copy[0]);
	close(copy[1]);
	close(fd);
	return result;
}

static enum act_result write_byte(const struct telling *telling, int fifo_fd)
{
	int fd = path_fd_open(telling->proc_fd, fifo_fd, O_WRONLY | O_NONBLOCK), error = 0;

	if (fd < 0)
		return say(telling, ACT_FAILED, "cannot be told through %s: %s", telling->shown, strerror(-fd));
	if (!pid_is_alive(telling->proc_fd, telling->id)) {
		close(fd);
		return ACT_GONE;
	}
	if (write(fd, "", 1) != 1 && errno != EAGAIN) /* full: it tells already */
		error = errno;
	close(fd);
	if (error)
		return say(telling, ACT_FAILED, "cannot be told through %s: %s", telling->shown, strerror(error));
	return ACT_DONE;
}

static enum act_result tell_through(const struct telling *telling, int fifo_fd, bool dry_run)
{
	enum act_result result = check_reader(telling, fifo_fd);
	enum ends ends = END_ALONE;
	int error;

	if (result != ACT_DONE)
		return result;
	error = look_into(telling->proc_fd, fifo_fd, &ends);
	if (error)
		return say(telling, ACT_FAILED, "cannot be told through %s: %s", telling->shown, strerror(-error));
	if (ends == END_ALONE)
		return say(telling, ACT_REFUSED, "watches %s, which nobody holds open for writing: it would take memgap's byte "
			   "for its service manager's last", telling->shown);
	if (dry_run)
		return ACT_DRY_RUN;
	return ends == END_UNREAD ? ACT_DONE : write_byte(telling, fifo_fd);
}

static enum act_result tell(struct telling *telling, bool dry_run)
{
	enum act_result result = find_path(telling);
	int fifo_fd = -1;

	if (result == ACT_DONE)
		result = find_fifo(telling, &fifo_fd);
	if (result != ACT_DONE)
		return result;
	result = tell_through(telling, fifo_fd, dry_run);
	close(fifo_fd);
	return result;
}

enum act_result pressure_tell(int proc_fd, const struct pid_identity *id, bool dry_run, char *why, size_t size)
{
	struct telling telling = { .proc_fd = proc_fd, .id = id, .why = why, .size = size };
	enum act_result result = tell(&telling, dry_run);

	/* whatever was seen, it was of somebody else, or of what is left of it */
	if (result == ACT_GONE || (result != ACT_DONE && !pid_is_alive(proc_fd, id))) {
		snprintf(why, size, "pid %d has exited", id->pid);
		return ACT_GONE;
	}
	return result;
}

static int open_ends(struct pressure_fifo *fifo)
{
	const int flags = O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC;
	int error;

	fifo->fd = mkfifo(fifo->path, 0600) ? -1 : open(fifo->path, O_RDWR | flags);
	if (fifo->fd < 0)
		return -errno;
	fifo->gift_fd = open(fifo->path, O_WRONLY | flags);
	if (fifo->gift_fd >= 0)
		return 0;
	error = -errno;
	close(fifo->fd);
	return error;
}

static int make_fifo(const char *directory, struct pressure_fifo *ret)
{
	size_t length;
	int error;

	if (snprintf(ret->path, sizeof(ret->path), "%s/memgap-pressure-XXXXXX", directory) >= PATH_MAX - (int)sizeof("/fifo"))
		return -ENAMETOOLONG;
	if (!mkdtemp(ret->path))
		return -errno;
	length = strlen(ret->path);
	strcpy(ret->path + length, "/fifo");
	error = open_ends(ret);
	if (!error)
		return 0;
	unlink(ret->path);
	ret->path[length] = '\0';
	rmdir(ret->path);
	return error;
}

int pressure_offer(struct pressure_fifo *ret)
{
	const char *const directories[] = { getenv("XDG_RUNTIME_DIR"), "/run", "/tmp" };
	struct pressure_fifo fifo;
	int error = -ENOENT;

	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		if (!directories[i] || directories[i][0] != '/')
			continue;
		error = make_fifo(directories[i], &fifo);
		if (!error) {
			*ret = fifo;
			return 0;
		}
	}
	return error;
}

void pressure_withdraw(struct pressure_fifo *fifo)
{
	if (fifo->fd < 0)
		return;
	unlink(fifo->path);
	*strrchr(fifo->path, '/') = '\0';
	rmdir(fifo->path);
	close(fifo->fd);
	close(fifo->gift_fd);
	fifo->fd = fifo->gift_fd = -1;
}
