/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the harnesses have in common; include it first. A harness ends with abort() where something is not as it must be: what
 * tests/unit/helpers.h has for its tests, for the made-up processes that both use.
 */
#ifndef MEMGAP_TESTS_FUZZ_FUZZ_H
#define MEMGAP_TESTS_FUZZ_FUZZ_H

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size); /* libFuzzer's */

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

__attribute__((format(printf, 1, 2), noreturn)) static inline void fail_msg(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

#define assert_true(condition) ((condition) ? (void)0 : fail_msg("%s:%d: not so: %s", __FILE__, __LINE__, #condition))
#define assert_non_null(pointer) assert_true((pointer) != NULL)
#define assert_int_equal(a, b) assert_true((int64_t)(a) == (int64_t)(b))

/* The input, taken from its start on; zeros after its end. */
struct input {
	const uint8_t *at;
	size_t left;
};

static inline uint64_t take_bytes(struct input *input, size_t n)
{
	uint64_t value = 0;

	n = n < input->left ? n : input->left;
	memcpy(&value, input->at, n);
	input->at += n;
	input->left -= n;
	return value;
}

static inline uint8_t take8(struct input *input)
{
	return (uint8_t)take_bytes(input, 1);
}

/* All that is left as a text, in memory of its own length: what reads behind its end is seen. To free. */
static inline char *take_text(struct input *input)
{
	char *text = malloc(input->left + 1);

	assert_non_null(text);
	memcpy(text, input->at, input->left);
	text[input->left] = '\0';
	input->at += input->left;
	input->left = 0;
	return text;
}

/* Up to a byte, which is left out, or the input's end. To free. */
static inline char *take_text_until(struct input *input, char end)
{
	const uint8_t *found = input->left ? memchr(input->at, end, input->left) : NULL;
	struct input part = { input->at, found ? (size_t)(found - input->at) : input->left };

	input->at += part.left + (found != NULL);
	input->left -= part.left + (found != NULL);
	return take_text(&part);
}

/* A file in memory that is filled anew each time. */
static inline int memory_file(void)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static inline void memory_file_fill(int fd, const void *bytes, size_t size)
{
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, bytes, size, 0), size);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
}

/*
 * A directory whose files are such files: what /proc/PID or a cgroup has. Below $TMPDIR, which whoever runs the fuzzers
 * removes.
 */
#define FOLDER_FILES 16

struct folder {
	int fd;
	size_t n;
	const char *names[FOLDER_FILES];
	int files[FOLDER_FILES];
};

static inline void folder_link(const struct folder *folder, size_t i)
{
	char target[32];

	snprintf(target, sizeof(target), "/proc/self/fd/%d", folder->files[i]);
	assert_int_equal(symlinkat(target, folder->fd, folder->names[i]), 0);
}

static inline void folder_make(struct folder *folder, const char *const *names, size_t n)
{
	const char *below = getenv("TMPDIR");
	char path[256];

	snprintf(path, sizeof(path), "%s/memgap-fuzz-XXXXXX", below ? below : "/tmp");
	assert_non_null(mkdtemp(path));
	folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(folder->fd >= 0 && n <= FOLDER_FILES);
	folder->n = n;
	for (size_t i = 0; i < n; i++) {
		folder->names[i] = names[i];
		folder->files[i] = memory_file();
		folder_link(folder, i);
	}
}

#endif
