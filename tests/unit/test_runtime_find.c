// SPDX-License-Identifier: GPL-2.0-only
/* The container that a user means. */
#include "tests/unit/helpers.h"

#include "tests/unit/engine_files.h"

static struct runtime_names *read_list(const char *list)
{
	char note[RUNTIME_NOTE_MAX];

	put(STORAGE_LIB "/containers.json", list);
	return read_tree(note);
}

static void a_user_finds_containers_by_name_before_those_by_the_beginning_of_an_id(void **state)
{
	static const struct {
		const char *wanted;
		size_t n;
		const char *first, *second;
	} rows[] = {
		{ "web", 1, A, "" },      /* exactly, though "web2" begins so */
		{ "cc", 1, D, "" },       /* D's name, though C's id begins so */
		{ "ccc", 1, C, "" },
		{ "nginx", 2, AB, C },    /* in two pods: which it is the caller cannot tell */
		{ "a", 2, A, AB }, { "aa", 2, A, AB }, { "aaa", 1, A, "" }, { A, 1, A, "" }, { AB, 1, AB, "" },
		{ "we", 0, "", "" }, { "", 0, "", "" }, { "b", 0, "", "" }, { "WEB", 0, "", "" }, { "AAAA", 0, "", "" },
		{ "/web", 0, "", "" }, { A "0", 0, "", "" }, { "zz", 0, "", "" },
	};
	struct runtime_names *names;

	(void)state;
	put(TASKS "/k8s.io/" C "/config.json", CONTAINERD_BUNDLE);
	put(TASKS "/k8s.io/" AB "/config.json", CONTAINERD_BUNDLE);
	names = read_list("[{\"id\":\"" A "\",\"names\":[\"web\"]},{\"id\":\"" D "\",\"names\":[\"cc\"]},{\"id\":\"" E
			  "\",\"names\":[\"web2\"]}]");
	assert_int_equal(runtime_names_count(names), 5);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct container_info *found[2] = { NULL, NULL };

		check_row(rows[i].wanted, runtime_names_find(names, rows[i].wanted, found, 2) == rows[i].n);
		check_row(rows[i].wanted, !strcmp(found[0] ? found[0]->id : "", rows[i].first));
		check_row(rows[i].wanted, !strcmp(found[1] ? found[1]->id : "", rows[i].second));
	}
	runtime_names_free(names);
}

static void a_whole_id_means_its_container_even_if_another_is_named_so(void **state)
{
	struct runtime_names *names = read_list("[{\"id\":\"" A "\",\"names\":[\"" C "\"]},{\"id\":\"" C "\",\"names\":[\"x\"]}]");
	const struct container_info *found[2];

	(void)state;
	assert_int_equal(runtime_names_find(names, C, found, 2), 1);
	assert_string_equal(found[0]->id, C);
	runtime_names_free(names);
}

static void of_more_matches_than_there_is_room_for_the_first_are_given(void **state)
{
	struct runtime_names *names = read_list("[{\"id\":\"" AB "\"},{\"id\":\"" A "\"}]");
	const struct container_info *found[2] = { NULL, NULL };

	(void)state;
	assert_int_equal(runtime_names_find(names, "a", found, 1), 2);
	assert_string_equal(found[0]->id, A);
	assert_null(found[1]);
	assert_int_equal(runtime_names_find(names, "a", NULL, 0), 2);
	runtime_names_free(names);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_user_finds_containers_by_name_before_those_by_the_beginning_of_an_id, setup, teardown),
		cmocka_unit_test_setup_teardown(a_whole_id_means_its_container_even_if_another_is_named_so, setup, teardown),
		cmocka_unit_test_setup_teardown(of_more_matches_than_there_is_room_for_the_first_are_given, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
