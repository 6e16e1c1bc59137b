// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/target/hierarchy.h"

#define V1_CPU "33 30 0:28 / /sys/fs/cgroup/cpu rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
#define V1_MEMORY "34 30 0:29 / /sys/fs/cgroup/memory rw,nosuid shared:10 - cgroup cgroup rw,memory\n"
#define V2_UNIFIED "35 30 0:30 / /sys/fs/cgroup/unified rw,nosuid shared:11 - cgroup2 cgroup2 rw,nsdelegate\n"
#define V2_ONLY "36 25 0:31 / /sys/fs/cgroup rw,nosuid,nodev - cgroup2 cgroup2 rw,memory_recursiveprot\n"
#define ROOT "25 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"

static void the_memory_hierarchy_is_found_among_the_mounts(void **state)
{
	static const struct {
		const char *name, *text;
		int version;
		const char *mount;
	} rows[] = {
		{ "v2", ROOT V2_ONLY, 2, "/sys/fs/cgroup" },
		{ "v1", ROOT V1_CPU V1_MEMORY, 1, "/sys/fs/cgroup/memory" },
		{ "hybrid, v2 last", ROOT V1_CPU V1_MEMORY V2_UNIFIED, 1, "/sys/fs/cgroup/memory" },
		{ "hybrid, v2 first", V2_UNIFIED V1_MEMORY V1_CPU ROOT, 1, "/sys/fs/cgroup/memory" },
		{ "v1 without memory, so v2", V1_CPU V2_UNIFIED, 2, "/sys/fs/cgroup/unified" },
		{ "mounted together", "9 8 0:9 / /cg/all rw - cgroup cgroup rw,cpu,memory,pids\n", 1, "/cg/all" },
		{ "first of the options", "9 8 0:9 / /cg/m rw - cgroup none memory,rw\n", 1, "/cg/m" },
		{ "a cgroup namespace's part", "9 8 0:9 /docker/ab /sys/fs/cgroup ro - cgroup2 cgroup rw\n", 2, "/sys/fs/cgroup" },
		{ "many optional fields", "9 8 0:9 / /m rw shared:1 master:2 propagate_from:3 - cgroup2 c rw\n", 2, "/m" },
		{ "no newline at the end", "9 8 0:9 / /m rw - cgroup2 c rw", 2, "/m" },
		{ "the first v2 of two", "9 8 0:9 / /one rw - cgroup2 c rw\n10 8 0:9 / /two rw - cgroup2 c rw\n", 2, "/one" },
		{ "lines that are none", "\n\nx\n - \n - cgroup2\n1 2 3\n" V2_ONLY, 2, "/sys/fs/cgroup" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char mount[PATH_MAX] = "";
		int version = 0;

		check_row(rows[i].name, hierarchy_parse_mountinfo(rows[i].text, &version, mount) == 0);
		check_row(rows[i].name, version == rows[i].version);
		check_row(rows[i].name, !strcmp(mount, rows[i].mount));
	}
}

static void a_hybrid_host_has_a_v2_hierarchy_as_well(void **state)
{
	(void)state;
	assert_true(hierarchy_parse_has_v2(ROOT V1_CPU V1_MEMORY V2_UNIFIED, NULL));
	assert_true(hierarchy_parse_has_v2(V2_UNIFIED V1_MEMORY, NULL));
	assert_true(hierarchy_parse_has_v2(V2_ONLY, NULL));
	assert_false(hierarchy_parse_has_v2(ROOT V1_CPU V1_MEMORY, NULL));
	assert_false(hierarchy_parse_has_v2("", NULL));
}

/* proc(5): space, tab, newline and backslash are shown as octal numbers. */
static void a_part_of_the_hierarchy_is_known_to_be_one(void **state)
{
	static const struct {
		const char *name, *root;
		bool own_namespace, partial;
	} rows[] = {
		{ "a host's", "/", false, false },
		{ "a container's own namespace", "/", true, true },
		{ "the host's, bound into a container with its own namespace", "/../../..", true, false },
		{ "a container's own cgroup, bound into it", "/docker/0123", false, true },
	};
	char text[512];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		snprintf(text, sizeof(text), "31 24 0:27 %s /sys/fs/cgroup ro,nosuid - cgroup2 cgroup2 rw\n", rows[i].root);
		check_row(rows[i].name, hierarchy_parse_is_partial(text, "/sys/fs/cgroup", rows[i].own_namespace) == rows[i].partial);
	}
	assert_false(hierarchy_parse_is_partial("", "/sys/fs/cgroup", true));
}

static void a_mount_point_with_a_space_is_found(void **state)
{
	char mount[PATH_MAX];
	int version;

	(void)state;
	assert_int_equal(hierarchy_parse_mountinfo("9 8 0:9 / /my\\040cgroups\\134x rw - cgroup2 c rw\n", &version, mount), 0);
	assert_string_equal(mount, "/my cgroups\\x");
}

static void a_line_without_a_mount_point_gives_none(void **state)
{
	char mount[PATH_MAX];
	int version;

	(void)state;
	assert_int_equal(hierarchy_parse_mountinfo("1 2 3 - cgroup2 c rw\n", &version, mount), -ENOENT);
}

static void what_only_looks_like_a_memory_hierarchy_is_not_taken(void **state)
{
	static const char *const rows[] = {
		"", "\n", ROOT, V1_CPU,
		"9 8 0:9 / /m rw - cgroup cgroup rw,memory_other\n",
		"9 8 0:9 / /m rw - cgroup cgroup rw,hugememory\n",
		"9 8 0:9 / /m rw - cgroup cgroup rw,name=memory\n",
		"9 8 0:9 / /m rw - cgroup memory rw,cpu\n",
		"9 8 0:9 / /memory rw,memory - cgroup cgroup rw,cpu\n",
		"9 8 0:9 / /m rw - tmpfs cgroup rw,memory\n",
		"9 8 0:9 / /m rw - cgroup22 cgroup rw\n",
		"9 8 0:9 / /m rw - cgroup cgroup\n", "9 8 0:9 / /m rw - cgroup2\n", "9 8 0:9 / /m rw -", "9 8 0:9 / /cgroup2",
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char mount[PATH_MAX] = "before";
		int version = 7;

		check_row(rows[i], hierarchy_parse_mountinfo(rows[i], &version, mount) == -ENOENT);
		check_row(rows[i], version == 7 && !strcmp(mount, "before"));
	}
}

static void a_mount_table_cut_anywhere_gives_a_whole_mount_or_none(void **state)
{
	static const char whole[] = ROOT V1_CPU V2_UNIFIED V1_MEMORY;
	char text[sizeof(whole)], mount[PATH_MAX];
	int version;

	(void)state;
	for (size_t length = 0; length < sizeof(whole); length++) {
		memcpy(text, whole, length);
		text[length] = '\0';
		if (hierarchy_parse_mountinfo(text, &version, mount))
			continue;
		assert_string_equal(mount, version == 2 ? "/sys/fs/cgroup/unified" : "/sys/fs/cgroup/memory");
	}
	assert_int_equal(version, 1); /* the last one was whole */
}

/* text, with a run of length letters in place of its '#'. */
static char *with_run(const char *text, size_t length)
{
	const char *at = strchr(text, '#');
	char *whole = malloc(strlen(text) + length);

	memcpy(whole, text, (size_t)(at - text));
	memset(whole + (at - text), 'x', length);
	strcpy(whole + (at - text) + length, at + 1);
	return whole;
}

static void lines_of_any_length_overflow_nothing_and_hide_no_other_line(void **state)
{
	static const char *const rows[] = {
		"9 8 0:9 /# /long rw - overlay o rw\n" V2_ONLY,
		"9 8 0:9 / /long rw - # o rw\n" V2_ONLY,
		"9 8 0:9 / /long rw - overlay o rw,lowerdir=#\n" V2_ONLY,
		"9 8 0:9 / /long rw # - overlay o rw\n" V2_ONLY,
		"#\n" V2_ONLY,
	};
	static const size_t lengths[] = { 63, 64, 511, 512, 4095, 4096, 8191, 8192, 100000 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		for (size_t j = 0; j < COUNT_OF(lengths); j++) {
			char mount[PATH_MAX], *text = with_run(rows[i], lengths[j]);
			int version;

			check_row(rows[i], hierarchy_parse_mountinfo(text, &version, mount) == 0);
			assert_string_equal(mount, "/sys/fs/cgroup");
			free(text);
		}
}

static void the_path_of_a_process_is_that_of_the_memory_hierarchy(void **state)
{
	static const struct {
		const char *name, *text;
		int version;
		const char *path;
	} rows[] = {
		{ "v2", "0::/user.slice/a.scope\n", 2, "/user.slice/a.scope" },
		{ "root", "0::/\n", 2, "/" },
		{ "v1", "5:cpu,cpuacct:/c\n4:memory:/docker/ab\n1:name=systemd:/s\n", 1, "/docker/ab" },
		{ "mounted together", "3:cpu,memory,pids:/all\n", 1, "/all" },
		{ "hybrid, the v1 path", "4:memory:/one\n0::/two\n", 1, "/one" },
		{ "hybrid, the v2 path", "4:memory:/one\n0::/two\n", 2, "/two" },
		{ "colons in it", "0::/a:b::c:\n", 2, "/a:b::c:" },
		{ "colons in it, v1", "4:memory:/a:memory:/b\n", 1, "/a:memory:/b" },
		{ "a colon in another's path", "5:cpu:/x:memory:/y\n4:memory:/right\n", 1, "/right" },
		{ "spaces in it", "0::/my group\n", 2, "/my group" },
		{ "removed: as the kernel shows it", "0::/gone (deleted)\n", 2, "/gone (deleted)" },
		{ "above the namespace's root", "0::/../other\n", 2, "/../other" },
		{ "no newline at the end", "0::/a", 2, "/a" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char path[CGROUP_PATH_MAX] = "";

		check_row(rows[i].name, hierarchy_parse_path(rows[i].text, rows[i].version, path) == 0);
		check_row(rows[i].name, !strcmp(path, rows[i].path));
	}
}

static void a_text_without_the_memory_hierarchy_has_no_path(void **state)
{
	static const struct {
		const char *text;
		int version;
	} rows[] = {
		{ "", 1 }, { "", 2 }, { "\n\n", 2 }, { "0", 2 }, { "0:", 2 }, { "0\n:\n:/a", 2 },
		{ "0::/v2\n", 1 }, { "4:memory:/v1\n", 2 }, { "4:name=memory:/x\n", 1 }, { "4:memory2,hugememory:/x\n", 1 },
		{ "4:cpu:/memory\n", 1 }, { "4:cpu:/x:memory:/y\n", 1 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char path[CGROUP_PATH_MAX] = "before";

		check_row(rows[i].text, hierarchy_parse_path(rows[i].text, rows[i].version, path) == -ENOENT);
		check_row(rows[i].text, !strcmp(path, "before"));
	}
}

static void a_path_that_does_not_fit_is_none_and_one_that_just_fits_is(void **state)
{
	char path[CGROUP_PATH_MAX], *fits = with_run("0::/#\n", CGROUP_PATH_MAX - 2);
	char *too_long = with_run("0::/#\n", CGROUP_PATH_MAX - 1);

	(void)state;
	assert_int_equal(hierarchy_parse_path(fits, 2, path), 0);
	assert_int_equal(strlen(path), CGROUP_PATH_MAX - 1);
	assert_int_equal(hierarchy_parse_path(too_long, 2, path), -ENOENT);
	free(fits);
	free(too_long);
}

static void a_very_long_list_of_controllers_is_not_taken_for_an_empty_one(void **state)
{
	char path[CGROUP_PATH_MAX], *text = with_run("4:#:/wrong\n0::/right\n", 300);

	(void)state;
	assert_int_equal(hierarchy_parse_path(text, 2, path), 0);
	assert_string_equal(path, "/right");
	free(text);
}

static void a_process_path_is_read_below_the_proc_directory(void **state)
{
	struct hierarchy hierarchy = { .version = 2, .fd = -1, .v2_fd = -1 };
	struct tree tree = tree_make();
	char path[CGROUP_PATH_MAX];

	(void)state;
	tree_mkdir(&tree, "12");
	tree_write(&tree, "12/cgroup", "0::/a/b\n");
	assert_int_equal(hierarchy_path_of(&hierarchy, tree.fd, 12, path), 0);
	assert_string_equal(path, "/a/b");
	assert_true(hierarchy_path_of(&hierarchy, tree.fd, 13, path) < 0);
	tree_remove(&tree);
}

static void a_proc_without_a_hierarchy_opens_none(void **state)
{
	struct tree tree = tree_make();
	struct hierarchy hierarchy = { .fd = 77 };
	struct cgroup_dir dir = { .fd = 77 };
	struct error err = { 0 };

	(void)state;
	hierarchy_open(tree.fd, &hierarchy); /* no mountinfo at all */
	assert_int_equal(hierarchy.fd, -1);
	assert_int_equal(hierarchy.missing, -ENOENT);
	tree_mkdir(&tree, "self");
	tree_write(&tree, "self/mountinfo", ROOT V1_CPU);
	hierarchy_open(tree.fd, &hierarchy);
	assert_int_equal(hierarchy.fd, -1);
	assert_int_equal(hierarchy.missing, -ENODEV);
	assert_int_equal(cgroup_dir_open(&hierarchy, "/a", &dir, &err), -1);
	assert_int_equal(err.status, EXIT_HOST);
	assert_int_equal(dir.fd, 77);
	hierarchy_close(&hierarchy);
	tree_remove(&tree);
}

static void who_needs_a_hierarchy_is_told_why_there_is_none(void **state)
{
	static const struct {
		int missing, version;
		enum exit_status status;
		const char *told;
	} rows[] = {
		{ -ENODEV, 0, EXIT_HOST, "no memory cgroup hierarchy is mounted" },
		{ -ENOENT, 0, EXIT_HOST, "cannot open /proc/self/mountinfo: No such file" },
		{ -EACCES, 2, EXIT_HOST, "cannot open the memory cgroup hierarchy at /sys/fs/cgroup: Permission denied" },
		{ -EMFILE, 0, EXIT_HOST, "out of file descriptors" },
		{ -ENOMEM, 0, EXIT_FAILED, "out of memory" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct hierarchy hierarchy = { .fd = -1, .missing = rows[i].missing, .version = rows[i].version };
		struct error err = { 0 };

		strcpy(hierarchy.mount, rows[i].version ? "/sys/fs/cgroup" : "");
		check_row(rows[i].told, hierarchy_require(&hierarchy, &err) == -1);
		check_row(rows[i].told, err.status == rows[i].status && !strncmp(err.text, rows[i].told, strlen(rows[i].told)));
	}
}

static void a_directory_that_is_no_cgroup_does_not_open_as_one(void **state)
{
	static const char *const names[] = { "plain", "/plain", "missing", "plain/../..", "" };
	struct tree tree = tree_make();
	struct hierarchy hierarchy = { .version = 2, .fd = tree.fd };

	(void)state;
	strcpy(hierarchy.mount, tree.path);
	tree_mkdir(&tree, "plain");
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		struct cgroup_dir dir = { .fd = 77 };
		struct error err = { 0 };

		check_row(names[i], cgroup_dir_open(&hierarchy, names[i], &dir, &err) == -1);
		check_row(names[i], err.status == EXIT_TARGET && strstr(err.text, names[i]) && dir.fd == 77);
	}
	tree_remove(&tree);
}

static void the_mount_opens_by_each_of_its_names_with_its_inode_as_id(void **state)
{
	int proc_fd = open_proc();
	struct hierarchy hierarchy;
	char with_slash[PATH_MAX + 1];
	struct stat st;

	(void)state;
	hierarchy_open(proc_fd, &hierarchy);
	close(proc_fd);
	if (hierarchy.fd < 0) {
		print_message("no memory cgroup hierarchy is mounted here\n");
		skip();
	}
	assert_int_equal(stat(hierarchy.mount, &st), 0);
	snprintf(with_slash, sizeof(with_slash), "%s/", hierarchy.mount);
	for (int i = 0; i < 4; i++) {
		const char *name = (const char *[]){ hierarchy.mount, with_slash, "/", "." }[i];
		struct cgroup_dir dir;
		struct error err;

		check_row(name, cgroup_dir_open(&hierarchy, name, &dir, &err) == 0);
		check_row(name, dir.id == st.st_ino);
		cgroup_dir_close(&dir);
		check_row(name, dir.fd == -1);
	}
	hierarchy_close(&hierarchy);
	assert_int_equal(hierarchy.fd, -1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_memory_hierarchy_is_found_among_the_mounts),
		cmocka_unit_test(a_hybrid_host_has_a_v2_hierarchy_as_well),
		cmocka_unit_test(a_part_of_the_hierarchy_is_known_to_be_one),
		cmocka_unit_test(a_mount_point_with_a_space_is_found),
		cmocka_unit_test(a_line_without_a_mount_point_gives_none),
		cmocka_unit_test(what_only_looks_like_a_memory_hierarchy_is_not_taken),
		cmocka_unit_test(a_mount_table_cut_anywhere_gives_a_whole_mount_or_none),
		cmocka_unit_test(lines_of_any_length_overflow_nothing_and_hide_no_other_line),
		cmocka_unit_test(the_path_of_a_process_is_that_of_the_memory_hierarchy),
		cmocka_unit_test(a_text_without_the_memory_hierarchy_has_no_path),
		cmocka_unit_test(a_path_that_does_not_fit_is_none_and_one_that_just_fits_is),
		cmocka_unit_test(a_very_long_list_of_controllers_is_not_taken_for_an_empty_one),
		cmocka_unit_test(a_process_path_is_read_below_the_proc_directory),
		cmocka_unit_test(a_proc_without_a_hierarchy_opens_none),
		cmocka_unit_test(who_needs_a_hierarchy_is_told_why_there_is_none),
		cmocka_unit_test(a_directory_that_is_no_cgroup_does_not_open_as_one),
		cmocka_unit_test(the_mount_opens_by_each_of_its_names_with_its_inode_as_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
