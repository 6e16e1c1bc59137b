// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "tests/unit/listener.h"
#include "user/trim/pressure.h"

static struct tree tree;
static char *old_directory;

static int setup(void **state)
{
	const char *directory = getenv("XDG_RUNTIME_DIR");

	(void)state;
	tree = tree_make();
	old_directory = directory ? strdup(directory) : NULL;
	setenv("XDG_RUNTIME_DIR", tree.path, 1);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (old_directory)
		setenv("XDG_RUNTIME_DIR", old_directory, 1);
	else
		unsetenv("XDG_RUNTIME_DIR");
	free(old_directory);
	tree_remove(&tree);
	return 0;
}

static bool starts_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

static const char *directory_of(const struct pressure_fifo *fifo, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%.*s", (int)(strrchr(fifo->path, '/') - fifo->path), fifo->path);
	return ret;
}

static void the_fifo_is_in_a_directory_of_its_own_for_nobody_else(void **state)
{
	struct pressure_fifo fifo, second;
	char directory[PATH_MAX];
	struct stat st;

	(void)state;
	assert_int_equal(pressure_offer(&fifo), 0);
	assert_true(starts_with(fifo.path, tree.path));
	assert_int_equal(stat(fifo.path, &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(directory_of(&fifo, directory), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_true(fcntl(fifo.fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fifo.fd, F_GETFL) & O_NONBLOCK);
	assert_int_equal(pressure_offer(&second), 0);
	assert_string_not_equal(second.path, fifo.path);
	pressure_withdraw(&second);
	pressure_withdraw(&fifo);
}

static void withdrawn_nothing_of_it_is_left(void **state)
{
	struct pressure_fifo fifo;
	char directory[PATH_MAX];
	int fd;

	(void)state;
	assert_int_equal(pressure_offer(&fifo), 0);
	directory_of(&fifo, directory);
	fd = fifo.fd;
	pressure_withdraw(&fifo);
	assert_int_equal(fifo.fd, -1);
	assert_int_equal(access(directory, F_OK), -1);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	pressure_withdraw(&fifo);
}

static void where_none_can_be_made_the_next_place_is_taken(void **state)
{
	static const char *const directories[] = { "/no/such/directory", "relative", "" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(directories); i++) {
		struct pressure_fifo fifo;

		setenv("XDG_RUNTIME_DIR", directories[i], 1);
		check_row(directories[i], pressure_offer(&fifo) == 0);
		check_row(fifo.path, starts_with(fifo.path, "/run/memgap-pressure-") || starts_with(fifo.path, "/tmp/memgap-pressure-"));
		pressure_withdraw(&fifo);
	}
}

static void a_directory_with_too_long_a_name_is_passed_over(void **state)
{
	char *name = malloc(PATH_MAX + 1);

	(void)state;
	memset(name, '/', PATH_MAX);
	for (int length = PATH_MAX - 60; length < PATH_MAX; length++) {
		struct pressure_fifo fifo;

		name[length] = '\0';
		setenv("XDG_RUNTIME_DIR", name, 1);
		assert_int_equal(pressure_offer(&fifo), 0);
		assert_int_equal(access(fifo.path, F_OK), 0);
		pressure_withdraw(&fifo);
		name[length] = '/';
	}
	free(name);
}

/* The whole of it, as memgap does it for a program that it starts. */
static void who_listens_to_it_is_told_and_sees_its_end_when_it_is_withdrawn(void **state)
{
	int proc_fd = open_proc();
	struct pressure_fifo fifo;
	struct listener listener;
	char why[256];

	(void)state;
	assert_int_equal(pressure_offer(&fifo), 0);
	listener = listener_start(proc_fd, (struct listening){ .watch = fifo.path, .opens = fifo.path, .flags = O_RDONLY | O_NONBLOCK });
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pressure_tell(proc_fd, &listener.id, false, why, sizeof(why)), ACT_DONE);
		assert_int_equal(listener_reports(&listener), 0);
	}
	pressure_withdraw(&fifo);
	assert_int_equal(listener_reports(&listener), 'H');
	assert_int_equal(pressure_tell(proc_fd, &listener.id, false, why, sizeof(why)), ACT_REFUSED);
	assert_non_null(strstr(why, "not there"));
	listener_end(&listener);
	close(proc_fd);
}

static void who_has_inherited_an_end_of_it_goes_on_listening_when_it_is_withdrawn(void **state)
{
	struct pollfd poll_fd = { .events = POLLIN };
	struct pressure_fifo fifo;
	int inherited;
	char byte;

	(void)state;
	assert_int_equal(pressure_offer(&fifo), 0);
	assert_int_equal(fcntl(fifo.gift_fd, F_GETFL) & O_ACCMODE, O_WRONLY); /* else it would seem to listen */
	assert_true(fcntl(fifo.gift_fd, F_GETFD) & FD_CLOEXEC);
	poll_fd.fd = open(fifo.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	inherited = dup(fifo.gift_fd);
	pressure_withdraw(&fifo);
	assert_int_equal(fifo.gift_fd, -1);
	assert_int_equal(poll(&poll_fd, 1, 0), 0);
	close(inherited);
	assert_int_equal(poll(&poll_fd, 1, 0), 1);
	assert_int_equal(read(poll_fd.fd, &byte, 1), 0);
	close(poll_fd.fd);
}

#define on_a_tree(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(int argc, char *argv[])
{
	static const struct CMUnitTest tests[] = {
		on_a_tree(the_fifo_is_in_a_directory_of_its_own_for_nobody_else),
		on_a_tree(withdrawn_nothing_of_it_is_left),
		on_a_tree(where_none_can_be_made_the_next_place_is_taken),
		on_a_tree(a_directory_with_too_long_a_name_is_passed_over),
		on_a_tree(who_listens_to_it_is_told_and_sees_its_end_when_it_is_withdrawn),
		on_a_tree(who_has_inherited_an_end_of_it_goes_on_listening_when_it_is_withdrawn),
	};

	listener_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
