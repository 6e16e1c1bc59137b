// SPDX-License-Identifier: GPL-2.0-only
/* Where a libc keeps the state of its malloc. */
#include "tests/unit/helpers.h"

#include "tests/unit/heap_process.h"

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
		cmocka_unit_test(the_state_is_known_by_what_is_in_it),
		cmocka_unit_test(a_file_in_which_a_program_has_not_its_defaults_is_none_of_glibc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
