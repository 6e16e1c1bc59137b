// SPDX-License-Identifier: GPL-2.0-only
/* The heap of a process with glibc that lies about it, and changes it while it is read: in each layout. */
#include "tests/fuzz/patches.h"

#include "tests/unit/heap_process.h"

static struct scene scenes[COUNT_OF(versions)];
static struct words words[COUNT_OF(versions)];

/* What start() has, and chunks in mappings of their own, one of them with an alignment. */
static void make(struct scene *scene, const struct version *version)
{
	uint64_t bytes;

	start(scene, version);
	put_mmapped(scene, MAPPED, 8, 0);
	put_mmapped(scene, MAPPED + 8 * PAGE, 16, 32);
	bytes = 24 * PAGE - 32;
	set_mmapped(scene, 2, bytes);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		make(&scenes[i], &versions[i]);
		words_collect(&scenes[i].fake, &words[i]);
	}
	return 0;
}

/* Its state is looked for among the libc's variables, as when a process is opened. */
static void find(struct scene *scene)
{
	const uint8_t *bytes = fake_at(&scene->fake, LIBC);
	const struct layout *layout;
	bool used;

	if (find_mp(bytes, 2 * PAGE, &layout) >= 0)
		find_arena(layout, LIBC, bytes, 2 * PAGE, &used);
}

static void read_twice(struct scene *scene)
{
	struct owned before;

	for (int i = 0; i < 2; i++) {
		scene->owned.n = 0;
		if (!read_heap(&scene->fake.image, &scene->place, &scene->maps, &scene->before, &fuzz_budget, &scene->owned, &scene->view))
			check_heap_view(&scene->view);
		/* the chunks that were found are looked for where they were */
		owned_sort(&scene->owned);
		before = scene->before;
		scene->before = scene->owned;
		scene->owned = before;
	}
	scene->owned.n = scene->before.n = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	uint8_t choice = take8(&input);
	struct scene *scene = &scenes[choice % COUNT_OF(scenes)];
	static struct patches patches;

	patches_begin(&patches, &scene->fake, &words[scene - scenes], &input);
	if (choice & 0x80)
		find(scene);
	else
		read_twice(scene);
	patches_end(&patches);
	return 0;
}
