// SPDX-License-Identifier: GPL-2.0-only
/* A file that a process maps: what it is as an allocator, where it would be probed, and what it is as a program. */
#include "tests/fuzz/fuzz.h"

#include <limits.h>

#include "tests/fuzz/elf_mutator.h"
#include "user/allocator/library.h"
#include "user/allocator/needed.h"
#include "user/allocator/program.h"

static int file;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	file = memory_file();
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	return elf_mutate(data, size, max_size, seed);
}

/* A place is probed only if these bytes are there. */
static void check_site(const uint8_t *data, size_t size, const struct library_function *function, const struct site *site)
{
	uint64_t at = function->offset + site->offset;

	assert_true(at >= function->offset);
	assert_true(!site->length || (at < size && site->length <= size - at && !memcmp(data + at, site->bytes, site->length)));
}

static void check(const uint8_t *data, size_t size, const struct library *library)
{
	assert_true(library->n <= FAMILY_MAX && library->exits.n <= EXITS_MAX && memchr(library->name, 0, sizeof(library->name)) != NULL);
	assert_true(library->n_internal_frees <= MEMGAP_INTERNAL_FREES);
	for (size_t i = 0; i < library->n; i++) {
		const struct library_function *function = &library->functions[i];

		assert_true(library_find(library, function->symbol) != NULL);
		check_site(data, size, function, &function->sites.entry);
		check_site(data, size, function, &function->sites.at_return);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[32], interpreter[PATH_MAX];
	struct library library;
	struct program program;

	memory_file_fill(file, data, size);
	if (!library_read(file, &library)) {
		check(data, size, &library);
		if (!library_use_exits(file, &library))
			check(data, size, &library);
	}
	program_read(file, &program);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	if (needed_interpreter(path, interpreter) > 0)
		assert_true(strlen(interpreter) < sizeof(interpreter));
	return 0;
}
