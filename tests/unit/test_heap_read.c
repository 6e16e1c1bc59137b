// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "tests/unit/heap_image.h"
#include "user/base/units.h"
#include "user/heap/arenas.h"
#include "user/heap/find.h"
#include "user/heap/read.h"

/* Where things are: the libc's state, the main arena's memory, another arena's heaps, mappings of single chunks. */
#define LIBC 0x10000000ULL
#define MP (LIBC + 0x100)
#define MAIN_ARENA (LIBC + 0x400)
#define BRK 0x20000000ULL
#define BRK_SIZE (64 * PAGE)
#define HEAP 0x7f0000000000ULL
#define HEAP_SIZE (33 * PAGE)
#define MAPPED 0x7e0000000000ULL
#define MAPPED_SIZE (64 * PAGE)

/* What struct malloc_par of each range of versions has, as 64-bit words; from the headers of their sources. */
struct version {
	const char *name;
	unsigned int n_mmaps, mmapped_mem, sbrk_base, tcache_count, bins, heap_info;
	bool pays_outside;
};

static const struct version versions[] = {
	{ "2.31", 40, 56, 72, 96, 112, 32, false },
	{ "2.36", 60, 80, 96, 120, 112, 48, false },
	{ "2.44", 68, 88, 104, 128, 24, 48, true },
};

struct scene {
	const struct version *version;
	struct fake fake;
	struct place place;
	struct anonymous maps;
	struct range mappings[2];
	struct owned owned, before;
	struct heap_view view;
};

static void put32(struct fake *fake, uint64_t address, uint32_t value)
{
	memcpy(fake_at(fake, address), &value, sizeof(value));
}

/* As the file has it. */
static void put_defaults(struct fake *fake, const struct version *version)
{
	for (int i = 0; i < 3; i++)
		fake_put(fake, MP + 8 * i, 131072);
	fake_put(fake, MP + 24, 8);
	put32(fake, MP + version->n_mmaps + 4, 65536);
	fake_put(fake, MP + version->sbrk_base + 8, 64);
	fake_put(fake, MP + version->tcache_count, 7);
}

static void put_arena(struct fake *fake, const struct version *version, uint64_t arena, uint64_t top, uint64_t system_mem)
{
	uint64_t bins = arena + version->bins;

	for (uint64_t i = 0; i < 254; i++)
		fake_put(fake, bins + 8 * i, bins + 8 * (i & ~1ULL) - 16);
	fake_put(fake, bins - 16, top);
	fake_put(fake, bins + 2048, MAIN_ARENA);
	fake_put(fake, bins + 2072, system_mem);
	fake_put(fake, bins + 2080, system_mem);
}

static uint64_t arena_of_heap(const struct version *version)
{
	return HEAP + version->heap_info;
}

/* Two blocks of 0x1000 and a free chunk of 4 pages and 0x30 in the main arena; one block of 0x100 in the other one. */
static void start(struct scene *scene, const struct version *version)
{
	struct fake *fake = &scene->fake;
	uint64_t at, arena = arena_of_heap(version), end_of_arena = (arena + version->bins + 2088 + 15) & ~15ULL;

	memset(scene, 0, sizeof(*scene));
	scene->version = version;
	fake_add(fake, LIBC, 2 * PAGE);
	fake_add(fake, BRK, BRK_SIZE);
	fake_add(fake, HEAP, HEAP_SIZE);
	fake_add(fake, MAPPED, MAPPED_SIZE);
	put_defaults(fake, version);
	assert_int_equal(find_mp(fake_at(fake, LIBC), 2 * PAGE, &scene->place.layout), MP - LIBC);
	scene->place.mp = MP;
	scene->place.main_arena = MAIN_ARENA;
	fake_put(fake, MP + version->sbrk_base, BRK);

	at = fake_chunk(fake, BRK, 0x1000, true);
	at = fake_free_chunk(fake, at, 4 * PAGE + 0x30);
	at = fake_chunk(fake, at, 0x1000, false);
	fake_chunk(fake, at, BRK + BRK_SIZE - at, true);
	put_arena(fake, version, MAIN_ARENA, at, BRK_SIZE);
	fake_put(fake, MAIN_ARENA + version->bins + 2048, arena);

	at = fake_chunk(fake, end_of_arena, 0x100, true);
	fake_chunk(fake, at, HEAP + HEAP_SIZE - at, true);
	put_arena(fake, version, arena, at, HEAP_SIZE);
	fake_put(fake, HEAP, arena);
	fake_put(fake, HEAP + 16, HEAP_SIZE);
	fake_put(fake, HEAP + 24, HEAP_SIZE);

	scene->mappings[0] = (struct range){ MAPPED, MAPPED + MAPPED_SIZE };
	scene->mappings[1] = (struct range){ HEAP, HEAP + HEAP_SIZE };
	scene->maps = (struct anonymous){ scene->mappings, 2, 2, BRK + BRK_SIZE };
}

static void end(struct scene *scene)
{
	owned_free(&scene->owned);
	fake_free(&scene->fake);
}

static void set_mmapped(struct scene *scene, uint32_t n, uint64_t bytes)
{
	put32(&scene->fake, MP + scene->version->n_mmaps, n);
	fake_put(&scene->fake, MP + scene->version->mmapped_mem, bytes);
}

/* A chunk whose mapping has so many pages; the block is so far from its start. Returns what is usable of it. */
static uint64_t put_mmapped(struct scene *scene, uint64_t start, uint64_t pages, uint64_t offset)
{
	uint64_t size = pages * PAGE - offset - (scene->version->pays_outside ? 16 : 0);

	/* what it was before it was cut to be aligned stays where it was */
	fake_put(&scene->fake, start + 8, (size + offset) | IS_MMAPPED);
	fake_put(&scene->fake, start + offset, offset);
	fake_put(&scene->fake, start + offset + 8, size | IS_MMAPPED);
	return pages * PAGE - offset - 16 - (scene->version->pays_outside ? 8 : 0);
}

static int run(struct scene *scene)
{
	scene->owned.n = 0;
	return read_heap(&scene->fake.image, &scene->place, &scene->maps, &scene->before, monotonic_ns() + A_MINUTE, &scene->owned,
			 &scene->view);
}

static void every_arena_counts_in_every_layout(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		struct scene scene;
		uint64_t usable = 2 * 0xff8 + 0xf8, main_top = BRK_SIZE - 6 * PAGE - 0x30, top;

		start(&scene, &versions[i]);
		assert_int_equal(run(&scene), 0);
		top = HEAP + HEAP_SIZE - ((arena_of_heap(&versions[i]) + versions[i].bins + 2088 + 15) & ~15ULL) - 0x100;
		assert_int_equal(scene.view.arenas, 2);
		assert_int_equal(scene.view.alloc, usable);
		assert_int_equal(scene.view.sys, BRK_SIZE + HEAP_SIZE);
		assert_int_equal(scene.view.mmapped, 0);
		assert_int_equal(scene.view.resident, BRK_SIZE + HEAP_SIZE);
		assert_int_equal(scene.view.swapped, 0);
		/* the free chunk starts at a page: of its 4 pages and 0x30 the first one is kept, and what is after the last */
		assert_int_equal(scene.view.trimmable, 3 * PAGE + (main_top - 33) / PAGE * PAGE);
		assert_int_equal(scene.view.resident_free, 4 * PAGE + 0x30 + main_top + top);
		assert_int_equal(scene.view.pinned, scene.view.resident_free - scene.view.trimmable);
		end(&scene);
	}
}

static void mmapped_chunks_are_found_and_count_with_what_is_usable(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		struct scene scene;
		uint64_t usable;

		start(&scene, &versions[i]);
		usable = put_mmapped(&scene, MAPPED, 10, 0) + put_mmapped(&scene, MAPPED + 10 * PAGE, 3, 0);
		fake_set_pages(&scene.fake, MAPPED + 2 * PAGE, 5, PAGE_ABSENT);
		fake_set_pages(&scene.fake, MAPPED + 8 * PAGE, 1, PAGE_SWAPPED);
		set_mmapped(&scene, 2, 13 * PAGE);
		assert_int_equal(run(&scene), 0);
		assert_int_equal(scene.view.alloc, 2 * 0xff8 + 0xf8 + usable);
		assert_int_equal(scene.view.mmapped, 13 * PAGE);
		assert_int_equal(scene.view.sys, BRK_SIZE + HEAP_SIZE + 13 * PAGE);
		assert_int_equal(scene.view.resident, BRK_SIZE + HEAP_SIZE + 7 * PAGE);
		assert_int_equal(scene.view.swapped, PAGE);
		end(&scene);
	}
}

static void a_sum_that_glibc_counts_too_high_is_put_right(void **state)
{
	struct scene scene;
	uint64_t usable;

	(void)state;
	start(&scene, &versions[2]);
	usable = put_mmapped(&scene, MAPPED, 10, 0);
	set_mmapped(&scene, 1, 10 * PAGE + 5 * 16);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.view.mmapped, 10 * PAGE);
	assert_int_equal(scene.view.sys, BRK_SIZE + HEAP_SIZE + 10 * PAGE);
	assert_int_equal(scene.view.alloc, 2 * 0xff8 + 0xf8 + usable);
	end(&scene);
}

static void mmapped_chunks_are_found_behind_memory_of_others_and_with_an_alignment(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		struct scene scene;
		uint64_t usable;

		start(&scene, &versions[i]);
		for (uint64_t at = MAPPED; at < MAPPED + 20 * PAGE; at += 8)
			fake_put(&scene.fake, at, at);
		usable = put_mmapped(&scene, MAPPED + 20 * PAGE, 3, 0) + put_mmapped(&scene, MAPPED + 23 * PAGE, 4, 1024 - 16) +
			 put_mmapped(&scene, MAPPED + 27 * PAGE, 12, 5 * PAGE - 16);
		set_mmapped(&scene, 3, 19 * PAGE);
		assert_int_equal(run(&scene), 0);
		assert_int_equal(scene.view.alloc, 2 * 0xff8 + 0xf8 + usable);
		assert_int_equal(scene.view.resident, BRK_SIZE + HEAP_SIZE + 19 * PAGE);
		end(&scene);
	}
}

static void what_was_found_once_is_not_searched_for_again(void **state)
{
	struct scene scene;
	unsigned int reads;

	(void)state;
	start(&scene, &versions[1]);
	put_mmapped(&scene, MAPPED + 60 * PAGE, 3, 0);
	set_mmapped(&scene, 1, 3 * PAGE);
	assert_int_equal(run(&scene), 0);
	reads = scene.fake.reads;
	scene.before = scene.owned;
	scene.owned = (struct owned){ 0 };
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.view.resident, BRK_SIZE + HEAP_SIZE + 3 * PAGE);
	assert_true(scene.fake.reads < 2 * reads); /* in all */
	/* it was given back, and there is another */
	memset(fake_at(&scene.fake, MAPPED + 60 * PAGE), 0, 16);
	put_mmapped(&scene, MAPPED + 10 * PAGE, 3, 0);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.owned.n, 3);
	assert_true(owned_from(&scene.owned, MAPPED)->start == MAPPED + 10 * PAGE);
	owned_free(&scene.before);
	end(&scene);
}

static void what_is_resident_is_unknown_where_mmapped_chunks_are_not_found(void **state)
{
	struct scene scene;

	(void)state;
	start(&scene, &versions[1]);
	set_mmapped(&scene, 2, 50 * PAGE);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.view.alloc, 2 * 0xff8 + 0xf8 + 50 * PAGE - 2 * 16);
	assert_true(scene.view.resident == UNKNOWN);
	assert_true(scene.view.swapped == UNKNOWN);
	assert_int_equal(scene.view.mmapped, 50 * PAGE);
	end(&scene);
}

static void a_hostile_mmapped_chunk_is_none(void **state)
{
	static const uint64_t heads[] = { 2, 0x1003, 0x1006, 0x1012, (MAPPED_SIZE + PAGE) | 2, UINT64_MAX, (1ULL << 63) | 2, 0x1000 };
	struct scene scene;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(heads); i++) {
		start(&scene, &versions[1]);
		fake_put(&scene.fake, MAPPED + 8, heads[i]);
		set_mmapped(&scene, 1, 50 * PAGE);
		assert_int_equal(run(&scene), 0);
		assert_true(scene.view.resident == UNKNOWN);
		end(&scene);
	}
}

static void a_ring_of_arenas_that_does_not_close_or_goes_in_circles_is_an_error(void **state)
{
	struct scene scene;
	uint64_t arena = arena_of_heap(&versions[1]), next = arena + 112 + 2048;

	(void)state;
	start(&scene, &versions[1]);
	fake_put(&scene.fake, next, 0);
	assert_int_equal(run(&scene), -EAGAIN);
	fake_put(&scene.fake, next, 0x1000);
	assert_int_equal(run(&scene), -EAGAIN);
	fake_put(&scene.fake, next, UINT64_MAX - 15);
	assert_int_equal(run(&scene), -EAGAIN);
	fake_put(&scene.fake, next, arena); /* itself, for ever */
	assert_int_equal(run(&scene), -EAGAIN);
	end(&scene);
}

static void heaps_that_are_chained_in_a_loop_or_belong_to_another_are_an_error(void **state)
{
	struct scene scene;
	uint64_t arena = arena_of_heap(&versions[1]);

	(void)state;
	start(&scene, &versions[1]);
	fake_put(&scene.fake, HEAP + 8, HEAP); /* prev: itself */
	assert_int_equal(run(&scene), -EAGAIN);
	fake_put(&scene.fake, HEAP + 8, HEAP + PAGE);
	assert_int_equal(run(&scene), -EAGAIN);
	fake_put(&scene.fake, HEAP + 8, 0);
	fake_put(&scene.fake, HEAP, arena + 16);
	assert_int_equal(run(&scene), -EAGAIN);
	fake_put(&scene.fake, HEAP, arena);
	for (size_t i = 0; i < 5; i++) {
		static const uint64_t sizes[] = { 0, 1, PAGE + 8, 2 * (64ULL << 20), UINT64_MAX };

		fake_put(&scene.fake, HEAP + 16, sizes[i]);
		assert_int_equal(run(&scene), -EAGAIN);
	}
	fake_put(&scene.fake, HEAP + 16, HEAP_SIZE);
	assert_int_equal(run(&scene), 0);
	end(&scene);
}

/* The first piece then ends in fenceposts, the top is in another. */
static void a_main_arena_in_pieces_is_put_together_if_they_make_its_size(void **state)
{
	struct scene scene;
	uint64_t at, second = MAPPED + 4 * PAGE;

	(void)state;
	start(&scene, &versions[1]);
	at = BRK + 0x2000 + 4 * PAGE + 0x30;
	at = fake_free_chunk(&scene.fake, at, BRK + BRK_SIZE - 32 - at);
	at = fake_chunk(&scene.fake, at, 0x10, false);
	fake_chunk(&scene.fake, at, 0x10, true);
	at = fake_chunk(&scene.fake, second, 0x5000, true);
	fake_chunk(&scene.fake, at, second + 20 * PAGE - at, true);
	put_arena(&scene.fake, &versions[1], MAIN_ARENA, at, BRK_SIZE + 20 * PAGE);
	fake_put(&scene.fake, MAIN_ARENA + 112 + 2048, arena_of_heap(&versions[1]));
	put32(&scene.fake, MAIN_ARENA + 4, 2);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.view.alloc, 2 * 0xff8 + 0xf8 + 0x4ff8);
	assert_int_equal(scene.view.sys, BRK_SIZE + 20 * PAGE + HEAP_SIZE);
	assert_int_equal(scene.view.resident, BRK_SIZE + 20 * PAGE + HEAP_SIZE);
	/* the top is not at the end of brk: nothing of it comes back. The chunk before the fenceposts starts 0x30 into a page */
	assert_int_equal(scene.view.trimmable, 3 * PAGE + (BRK_SIZE - 7 * PAGE) - PAGE);
	/* a page is missing, a page too many */
	fake_put(&scene.fake, MAIN_ARENA + 112 + 2072, BRK_SIZE + 21 * PAGE);
	fake_put(&scene.fake, MAIN_ARENA + 112 + 2080, BRK_SIZE + 21 * PAGE);
	assert_int_equal(run(&scene), -EOPNOTSUPP);
	fake_put(&scene.fake, MAIN_ARENA + 112 + 2072, BRK_SIZE + 19 * PAGE);
	assert_int_equal(run(&scene), -EOPNOTSUPP);
	fake_put(&scene.fake, MAIN_ARENA + 112 + 2072, BRK_SIZE - PAGE);
	assert_int_equal(run(&scene), -EOPNOTSUPP);
	end(&scene);
}

static void what_was_read_is_known_to_be_the_heaps(void **state)
{
	const struct owned_range *range;
	struct scene scene;

	(void)state;
	start(&scene, &versions[1]);
	put_mmapped(&scene, MAPPED, 10, 0);
	set_mmapped(&scene, 1, 10 * PAGE);
	fake_set_pages(&scene.fake, MAPPED + PAGE, 3, PAGE_ABSENT);
	assert_int_equal(run(&scene), 0);
	assert_int_equal(scene.owned.n, 3);
	range = owned_from(&scene.owned, MAPPED + 5 * PAGE);
	assert_true(range->start == MAPPED && range->end == MAPPED + 10 * PAGE && range->resident == 7 * PAGE);
	range = owned_from(&scene.owned, MAPPED + 10 * PAGE);
	assert_true(range->start == HEAP && range->end == HEAP + HEAP_SIZE);
	assert_null(owned_from(&scene.owned, HEAP + HEAP_SIZE));
	assert_true(owned_from(&scene.owned, 0)->start == BRK);
	end(&scene);
}

/* Whatever a word of the state is, it ends, and no figure is more than there is. */
static void no_word_of_the_state_leads_astray(void **state)
{
	static const uint64_t words[] = { 0, 1, 2, 16, PAGE, BRK, HEAP, MAPPED, HEAP + 48, UINT64_MAX, 1ULL << 55 };

	(void)state;
	for (size_t v = 0; v < COUNT_OF(versions); v++) {
		const uint64_t starts[] = { MP, MAIN_ARENA, MAIN_ARENA + versions[v].bins + 2032, HEAP, arena_of_heap(&versions[v]) };
		struct scene scene;

		start(&scene, &versions[v]);
		for (size_t s = 0; s < COUNT_OF(starts); s++)
			for (uint64_t at = starts[s]; at < starts[s] + 136; at += 8) {
				uint64_t before;

				memcpy(&before, fake_at(&scene.fake, at), 8);
				for (size_t i = 0; i < COUNT_OF(words); i++) {
					int result;

					fake_put(&scene.fake, at, words[i]);
					result = run(&scene);
					assert_true(result == 0 || result == -EAGAIN || result == -EOPNOTSUPP || result == -EFAULT);
				}
				fake_put(&scene.fake, at, before);
			}
		end(&scene);
	}
}

static void the_state_is_known_by_what_is_in_it(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		const struct layout *layout;
		struct scene scene;
		uint8_t *bytes;
		bool used;

		start(&scene, &versions[i]);
		bytes = fake_at(&scene.fake, LIBC);
		layout = scene.place.layout;
		assert_int_equal(layout->sbrk_base, versions[i].sbrk_base);
		assert_int_equal(find_arena(layout, LIBC, bytes, 2 * PAGE, &used), MAIN_ARENA - LIBC);
		assert_true(used);
		/* elsewhere its bins would not point to themselves */
		assert_int_equal(find_arena(layout, LIBC + 16, bytes, 2 * PAGE, &used), -1);
		/* a bin that holds chunks */
		fake_put(&scene.fake, MAIN_ARENA + versions[i].bins + 16, BRK);
		assert_int_equal(find_arena(layout, LIBC, bytes, 2 * PAGE, &used), -1);
		fake_put(&scene.fake, MAIN_ARENA + versions[i].bins + 24, BRK);
		assert_int_equal(find_arena(layout, LIBC, bytes, 2 * PAGE, &used), MAIN_ARENA - LIBC);
		/* what lies before the bins looks like one more of them; binmap like an arena's address */
		fake_put(&scene.fake, MAIN_ARENA + versions[i].bins - 8, BRK + 32);
		fake_put(&scene.fake, MAIN_ARENA + versions[i].bins + 2032, 0x2000004600f0);
		assert_int_equal(find_arena(layout, LIBC, bytes, 2 * PAGE, &used), MAIN_ARENA - LIBC);
		/* cut short */
		assert_int_equal(find_arena(layout, LIBC, bytes, MAIN_ARENA - LIBC + 2000, &used), -1);
		end(&scene);
	}
}

static void a_file_in_which_a_program_has_not_its_defaults_is_none_of_glibc(void **state)
{
	const struct layout *layout;
	struct scene scene;

	(void)state;
	start(&scene, &versions[1]); /* its sbrk_base is set: in no file */
	assert_int_equal(find_mp(fake_at(&scene.fake, LIBC), 2 * PAGE, &layout), -1);
	fake_put(&scene.fake, MP + 96, 0);
	assert_int_equal(find_mp(fake_at(&scene.fake, LIBC), 2 * PAGE, &layout), MP - LIBC);
	assert_int_equal(find_mp(fake_at(&scene.fake, LIBC), MP - LIBC + 100, &layout), -1);
	assert_int_equal(find_mp(fake_at(&scene.fake, LIBC), 0, &layout), -1);
	fake_put(&scene.fake, MP + 24, 9);
	assert_int_equal(find_mp(fake_at(&scene.fake, LIBC), 2 * PAGE, &layout), -1);
	end(&scene);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_arena_counts_in_every_layout),
		cmocka_unit_test(mmapped_chunks_are_found_and_count_with_what_is_usable),
		cmocka_unit_test(a_sum_that_glibc_counts_too_high_is_put_right),
		cmocka_unit_test(mmapped_chunks_are_found_behind_memory_of_others_and_with_an_alignment),
		cmocka_unit_test(what_was_found_once_is_not_searched_for_again),
		cmocka_unit_test(what_is_resident_is_unknown_where_mmapped_chunks_are_not_found),
		cmocka_unit_test(a_hostile_mmapped_chunk_is_none),
		cmocka_unit_test(a_ring_of_arenas_that_does_not_close_or_goes_in_circles_is_an_error),
		cmocka_unit_test(heaps_that_are_chained_in_a_loop_or_belong_to_another_are_an_error),
		cmocka_unit_test(a_main_arena_in_pieces_is_put_together_if_they_make_its_size),
		cmocka_unit_test(what_was_read_is_known_to_be_the_heaps),
		cmocka_unit_test(no_word_of_the_state_leads_astray),
		cmocka_unit_test(the_state_is_known_by_what_is_in_it),
		cmocka_unit_test(a_file_in_which_a_program_has_not_its_defaults_is_none_of_glibc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
