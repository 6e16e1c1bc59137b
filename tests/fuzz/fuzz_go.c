// SPDX-License-Identifier: GPL-2.0-only
/* What is read of a Go program piece by piece: its build information, table of functions, code, and its runtime's books. */
#include "tests/fuzz/fuzz.h"

#include "tests/unit/go_books.h"
#include "user/go/build_info.h"
#include "user/go/calls.h"
#include "user/go/pclntab.h"

#define FUNCTIONS_MOST 4096

static void read_build_info(const struct input *input)
{
	struct build_info info;

	if (!build_info_parse(input->at, input->left, &info))
		assert_true(strlen(info.version) < GO_VERSION_MAX);
}

/* All of a function's name is looked at: so far may one be read. */
static void read_table(const struct input *input)
{
	int64_t at = pclntab_search(input->at, input->left);
	struct go_function function;
	struct pclntab table;

	if (at < 0)
		return;
	assert_int_equal(pclntab_parse(input->at + at, input->left - (size_t)at, &table), 0);
	for (uint32_t i = 0; i < table.n && i < FUNCTIONS_MOST; i++) {
		if (!pclntab_function(&table, i, &function))
			continue;
		assert_true(function.start < function.end && function.name_room);
		assert_true((const uint8_t *)function.name + function.name_room == table.bytes + table.size);
		function_has_prefix(&function, "runtime.(*gcControllerState).");
		function_is(&function, "runtime.(*consistentHeapStats).acquire");
	}
}

static void count_call(void *data, uint64_t target, uint64_t argument)
{
	(void)target, (void)argument;
	++*(size_t *)data;
}

static void read_code(const struct input *input)
{
	size_t calls = 0;

	calls_scan(input->at, input->left, 0x401000, count_call, &calls);
	assert_true(calls <= input->left);
}

/* The books of a version, with some of their words changed: where, of which, to what. */
static void read_books(struct input *input)
{
	struct books books = books_make(&versions[take8(input) % COUNT_OF(versions)]);
	const struct go_layout *layout;
	struct go_view view;

	while (input->left >= 10) {
		uint64_t where = take_bytes(input, 2), value = take_bytes(input, 8);

		if (where & 0x8000)
			put(books.controller + where % (CONTROLLER_BYTES - 7), (int64_t)value);
		else
			put(books.memstats + where % (MEMSTATS_BYTES - 7), (int64_t)value);
	}
	layout_is_unset(books.controller);
	layout = layout_find(books.controller, books.memstats);
	if (!layout)
		return;
	assert_non_null(layout_versions(layout));
	assert_int_equal(layout_view(layout, books.controller, books.memstats, &view), 0);
	assert_true(view.alloc >= 0 && view.total_alloc >= view.alloc && view.sys >= 0 && view.num_gc >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };

	switch (take8(&input) % 4) {
	case 0:
		read_build_info(&input);
		break;
	case 1:
		read_table(&input);
		break;
	case 2:
		read_code(&input);
		break;
	default:
		read_books(&input);
	}
	return 0;
}
