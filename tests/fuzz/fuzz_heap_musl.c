// SPDX-License-Identifier: GPL-2.0-only
/* The heap of a process with musl that lies about it, and changes it while it is read. */
#include "tests/fuzz/patches.h"

#include "tests/unit/musl_image.h"

static struct scene scenes[2]; /* without and with the page size in its state */
static struct words words[2];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	for (size_t i = 0; i < COUNT_OF(scenes); i++) {
		start(&scenes[i], i);
		words_collect(&scenes[i].fake, &words[i]);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	uint8_t choice = take8(&input);
	struct scene *scene = &scenes[choice & 1];
	struct context context = scene->context;
	static struct patches patches;
	int result = 0;

	patches_begin(&patches, &scene->fake, &words[scene - scenes], &input);
	if (choice & 2)
		result = find_in_range(&scene->fake.image, LIBC, LIBC + PAGE, &context);
	if (!result)
		result = read_musl(&scene->fake.image, &context, &fuzz_budget, &scene->owned, &scene->view);
	if (!result)
		check_heap_view(&scene->view);
	patches_end(&patches);
	return 0;
}
