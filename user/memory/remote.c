// SPDX-License-Identifier: GPL-2.0-only
#include "user/memory/remote.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "user/base/fs.h"

/* include/uapi/linux/fs.h of Linux 6.7, which the headers at hand may not know */
struct scan_region {
	uint64_t start, end, categories;
};

struct scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define SCAN _IOWR('f', 16, struct scan)
#define IS_PRESENT (1U << 3)
#define IS_SWAPPED (1U << 4)
#define IS_ZERO_PAGE (1U << 5)

/* a word for each page: Documentation/admin-guide/mm/pagemap.rst */
#define PRESENT (1ULL << 63)
#define SWAPPED (1ULL << 62)

static ssize_t read_memory(void *data, uint64_t address, void *buffer, size_t size)
{
	const struct remote *remote = data;
	struct iovec here = { buffer, size };
	struct iovec there = { (void *)(uintptr_t)address, size };
	ssize_t n = process_vm_readv(remote->tid, &here, 1, &there, 1, 0);

	if (n >= 0)
		return n;
	return errno == ESRCH || errno == EPERM ? -errno : 0;
}

static uint8_t state_of(uint64_t categories)
{
	if (categories & IS_SWAPPED)
		return PAGE_SWAPPED;
	return categories & IS_PRESENT && !(categories & IS_ZERO_PAGE) ? PAGE_RESIDENT : PAGE_ABSENT;
}

static void fill(const struct scan *scan, const struct scan_region *region, uint64_t page_bytes, uint8_t *states)
{
	if (region->start < scan->start || region->end > scan->end || region->start > region->end)
		return;
	memset(states + (region->start - scan->start) / page_bytes, state_of(region->categories),
	       (region->end - region->start) / page_bytes);
}

static int scan_pages(int fd, uint64_t start, uint64_t page_bytes, size_t n, uint8_t *states)
{
	struct scan_region regions[128];
	struct scan scan = {
		.size = sizeof(scan), .start = start, .end = start + n * page_bytes, .vec = (uintptr_t)regions,
		.vec_len = sizeof(regions) / sizeof(regions[0]), .category_anyof_mask = IS_PRESENT | IS_SWAPPED,
		.return_mask = IS_PRESENT | IS_SWAPPED | IS_ZERO_PAGE,
	};

	memset(states, PAGE_ABSENT, n);
	while (scan.start < scan.end) {
		uint64_t before = scan.start;
		int found = ioctl(fd, SCAN, &scan);

		if (found < 0)
			return -errno;
		/* regions are told from where this call began */
		for (int i = 0; i < found; i++)
			fill(&scan, &regions[i], page_bytes, states + (before - start) / page_bytes);
		if (scan.walk_end <= before)
			break;
		scan.start = scan.walk_end;
	}
	return 0;
}

static int read_pages(int fd, uint64_t start, uint64_t page_bytes, size_t n, uint8_t *states)
{
	uint64_t words[8192]; /* 64 KiB */

	memset(states, PAGE_ABSENT, n);
	for (size_t done = 0; done < n;) {
		size_t batch = n - done < 8192 ? n - done : 8192;
		uint64_t from = (start / page_bytes + done) * sizeof(words[0]);
		ssize_t bytes = pread(fd, words, batch * sizeof(words[0]), (off_t)from);

		if (bytes < 0)
			return -errno;
		for (size_t i = 0; i < (size_t)bytes / sizeof(words[0]); i++)
			states[done + i] = (words[i] & SWAPPED) ? PAGE_SWAPPED : (words[i] & PRESENT) ? PAGE_RESIDENT : PAGE_ABSENT;
		if ((size_t)bytes < batch * sizeof(words[0]))
			break; /* above what a process can have */
		done += batch;
	}
	return 0;
}

static int get_pages(void *data, uint64_t start, size_t n, uint8_t *states)
{
	const struct remote *remote = data;
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);

	if (remote->scans && !scan_pages(remote->pagemap_fd, start, page_bytes, n, states))
		return 0;
	return read_pages(remote->pagemap_fd, start, page_bytes, n, states);
}

/* At first not at all, then 20 us, 40 us, up to 2 ms. */
static void wait_for_it(unsigned int tries)
{
	unsigned int us = tries < 3 ? 0 : tries < 10 ? 20U << (tries - 3) : 2000;

	if (us)
		nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
}

/*
 * The maps of a process without memory, a zombie or a thread of the kernel, are empty: -ESRCH. -EACCES, -EPERM: they are not
 * ours to read. Without descriptors or memory it is not known: it is not gone for that.
 */
static int check_memory(int dir_fd)
{
	char byte;
	int fd = openat(dir_fd, "maps", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, &byte, 1);
	int error = n < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	if ((fd < 0 && (error == EACCES || error == EPERM)) || fs_is_short(-error))
		return -error;
	return n == 1 ? 0 : -ESRCH;
}

static int open_thread(int proc_fd, const char *tid)
{
	int fd = openat(proc_fd, tid, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? (errno == ENOENT ? -ESRCH : -errno) : fd;
}

static int open_other_thread(int proc_fd, int dir_fd, pid_t *ret_tid)
{
	int fd = openat(dir_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC), found = -ESRCH;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int error;

	if (!dir && fs_is_short(-errno))
		found = -errno;
	if (!dir && fd >= 0)
		close(fd);
	while (dir && found < 0 && !fs_is_short(found) && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		found = open_thread(proc_fd, entry->d_name);
		error = found < 0 ? 0 : check_memory(found);
		if (error) {
			close(found);
			found = fs_is_short(error) ? error : -ESRCH;
		}
		*ret_tid = atoi(entry->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

int process_open(int proc_fd, pid_t pid, pid_t *ret_tid)
{
	char path[16];
	int fd, found;

	snprintf(path, sizeof(path), "%d", pid);
	*ret_tid = pid;
	fd = open_thread(proc_fd, path);
	found = fd < 0 ? fd : check_memory(fd);
	if (fd < 0 || !found || (found == -ESRCH && faccessat(fd, "task", F_OK, 0)))
		return fd;
	if (found == -ESRCH)
		found = open_other_thread(proc_fd, fd, ret_tid);
	close(fd);
	return found;
}

int remote_open(int proc_fd, pid_t pid, struct remote *ret, struct image *ret_image)
{
	struct remote remote = { .pagemap_fd = -1 };
	uint8_t state;
	int result;

	remote.dir_fd = process_open(proc_fd, pid, &remote.tid);
	if (remote.dir_fd < 0)
		return remote.dir_fd;
	remote.pagemap_fd = openat(remote.dir_fd, "pagemap", O_RDONLY | O_CLOEXEC);
	if (remote.pagemap_fd < 0) {
		result = errno == ENOENT ? -ESRCH : -errno;
		remote_close(&remote);
		return result;
	}
	remote.scans = !scan_pages(remote.pagemap_fd, 0, (uint64_t)sysconf(_SC_PAGESIZE), 1, &state);
	*ret = remote;
	*ret_image = (struct image){ .data = ret, .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE), .read = read_memory,
				     .pages = get_pages, .pause = wait_for_it };
	return 0;
}

void remote_close(struct remote *remote)
{
	if (remote->pagemap_fd >= 0)
		close(remote->pagemap_fd);
	if (remote->dir_fd >= 0)
		close(remote->dir_fd);
	remote->pagemap_fd = remote->dir_fd = -1;
}

bool remote_is_alive(const struct remote *remote)
{
	int error = check_memory(remote->dir_fd);

	return !error || fs_is_short(error);
}
