// SPDX-License-Identifier: GPL-2.0-only
/* The heap of a process with mimalloc that lies about it, and changes it while it is read. */
#include "tests/fuzz/patches.h"

#include "tests/unit/mimalloc_image.h"

static struct scene scene;
static struct words words;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	start(&scene);
	put_freed_lists(&scene);
	words_collect(&scene.fake, &words);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	uint64_t key = KEY;
	static struct patches patches;
	int result = 0;

	patches_begin(&patches, &scene.fake, &words, &input);
	if (size & 1)
		result = find_key(&scene.fake.image, &scene.maps, &fuzz_budget, &key);
	if (!result)
		result = read_mimalloc(&scene.fake.image, &scene.maps, key, &fuzz_budget, &scene.owned, &scene.view);
	if (!result)
		check_heap_view(&scene.view);
	patches_end(&patches);
	return 0;
}
