// SPDX-License-Identifier: GPL-2.0-only
/* /proc/PID/maps, whose paths and names are the target's: for the heaps' readers, and for the files it has code of. */
#include "tests/fuzz/fuzz.h"

#include "user/allocator/modules.h"
#include "user/memory/maps.h"
#include "user/memory/parts.h"

static struct folder proc;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char *const names[] = { "maps", "exe" };

	(void)argc, (void)argv;
	folder_make(&proc, names, COUNT_OF(names));
	return 0;
}

static bool is_wanted(const char *path)
{
	return strstr(path, ".so");
}

static void read_as_modules(const char *text)
{
	struct modules modules = { 0 };

	assert_int_equal(modules_parse_maps(text, false, &modules), 0);
	for (size_t i = 0; i < modules.n; i++)
		assert_true(modules.list[i].inode != 0);
	modules_free(&modules);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct anonymous anonymous = { 0 };
	struct input input = { data, size };
	struct parts parts;
	char *text;

	memory_file_fill(proc.files[0], data, size);
	if (!anonymous_read(proc.fd, &anonymous))
		for (size_t i = 0; i < anonymous.n; i++)
			assert_true(anonymous.list[i].end > anonymous.list[i].start);
	anonymous_free(&anonymous);
	if (!parts_read(proc.fd, is_wanted, &parts))
		for (size_t i = 0; i < parts.n; i++)
			assert_true(parts.list[i].end > parts.list[i].start);
	text = take_text(&input);
	read_as_modules(text);
	free(text);
	return 0;
}
