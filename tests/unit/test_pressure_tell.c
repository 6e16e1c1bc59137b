// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "tests/unit/listener.h"
#include "user/kernel/open_files.h"
#include "user/trim/pressure.h"

#define READS (O_RDONLY | O_NONBLOCK)

static int proc_fd, manager_fd; /* manager_fd: the FIFO's both ends, as its service manager has it */
static struct tree tree;
static char fifo[PATH_MAX], why[384];

static int setup(void **state)
{
	(void)state;
	proc_fd = open_proc();
	tree = tree_make();
	assert_return_code(mkfifoat(tree.fd, "fifo", 0600), errno);
	tree_path(&tree, "fifo", fifo);
	manager_fd = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	assert_true(manager_fd >= 0);
	memset(why, 'x', sizeof(why));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (manager_fd >= 0)
		close(manager_fd);
	tree_remove(&tree);
	return close(proc_fd);
}

static struct listening watching(const char *watch, const char *opens, int flags)
{
	return (struct listening){ .watch = watch, .opens = opens, .flags = flags };
}

static enum act_result tell(const struct listener *listener)
{
	return pressure_tell(proc_fd, &listener->id, false, why, sizeof(why));
}

static int unread_bytes(void)
{
	int n;

	assert_return_code(ioctl(manager_fd, FIONREAD, &n), errno);
	return n;
}

/* Both for real and in a dry run, with the process's name before it. */
static void assert_answers(struct listening how, enum act_result expected, const char *said)
{
	struct listener listener = listener_start(proc_fd, how);
	char name[100];

	snprintf(name, sizeof(name), "pid %d (%s) ", listener.id.pid, listener.id.comm);
	for (int dry_run = 0; dry_run < 2; dry_run++) {
		check_row(said, pressure_tell(proc_fd, &listener.id, dry_run, why, sizeof(why)) == expected);
		check_row(why, !strncmp(why, name, strlen(name)) && strstr(why, said) && !strpbrk(why, "\n\033"));
	}
	listener_end(&listener);
}

static void assert_refused(struct listening how, const char *said)
{
	assert_answers(how, ACT_REFUSED, said);
	if (manager_fd >= 0)
		assert_int_equal(unread_bytes(), 0);
}

static void who_listens_is_told(void **state)
{
	struct listener listener = listener_start(proc_fd, watching(fifo, fifo, READS));

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(tell(&listener), ACT_DONE);
		assert_int_equal(listener_reports(&listener), 0);
	}
	/* nothing but these */
	assert_int_equal(write(manager_fd, "x", 1), 1);
	assert_int_equal(listener_reports(&listener), 'x');
	listener_end(&listener);
}

static void who_has_both_ends_is_its_own_writer(void **state)
{
	struct listener listener = listener_start(proc_fd, watching(fifo, fifo, O_RDWR | O_NONBLOCK));

	(void)state;
	close(manager_fd);
	manager_fd = -1;
	assert_int_equal(tell(&listener), ACT_DONE);
	assert_int_equal(listener_reports(&listener), 0);
	listener_end(&listener);
}

static void a_dry_run_tells_nothing(void **state)
{
	struct listener listener = listener_start(proc_fd, watching(fifo, fifo, READS));

	(void)state;
	assert_int_equal(pressure_tell(proc_fd, &listener.id, true, why, sizeof(why)), ACT_DRY_RUN);
	assert_int_equal(write(manager_fd, "x", 1), 1);
	assert_int_equal(listener_reports(&listener), 'x');
	listener_end(&listener);
}

/* It would see the end of its last writer, take it for the end of all telling, and listen no more or spin. */
static void who_has_no_other_writer_is_not_told(void **state)
{
	struct listener listener;

	(void)state;
	close(manager_fd);
	manager_fd = -1;
	listener = listener_start(proc_fd, watching(fifo, fifo, READS));
	assert_int_equal(tell(&listener), ACT_REFUSED);
	assert_non_null(strstr(why, "nobody holds open for writing"));
	assert_int_equal(pressure_tell(proc_fd, &listener.id, true, why, sizeof(why)), ACT_REFUSED);
	/* it has seen no end: else that would come first */
	manager_fd = open(fifo, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	assert_int_equal(write(manager_fd, "x", 1), 1);
	assert_int_equal(listener_reports(&listener), 'x');
	listener_end(&listener);
}

static void who_is_stopped_has_a_byte_waiting_and_no_second(void **state)
{
	struct listener listener = listener_start(proc_fd, watching(fifo, fifo, READS));
	siginfo_t info;

	(void)state;
	kill(listener.id.pid, SIGSTOP);
	assert_return_code(waitid(P_PID, (id_t)listener.id.pid, &info, WSTOPPED), errno);
	assert_int_equal(tell(&listener), ACT_DONE);
	assert_int_equal(unread_bytes(), 1);
	assert_int_equal(tell(&listener), ACT_DONE);
	assert_int_equal(unread_bytes(), 1);
	kill(listener.id.pid, SIGCONT);
	assert_int_equal(listener_reports(&listener), 0);
	listener_end(&listener);
}

static void a_full_fifo_tells_already(void **state)
{
	struct listener listener = listener_start(proc_fd, watching(fifo, fifo, READS));
	char bytes[4096] = "";
	siginfo_t info;
	int full;

	(void)state;
	kill(listener.id.pid, SIGSTOP);
	assert_return_code(waitid(P_PID, (id_t)listener.id.pid, &info, WSTOPPED), errno);
	while (write(manager_fd, bytes, sizeof(bytes)) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	full = unread_bytes();
	assert_int_equal(tell(&listener), ACT_DONE);
	assert_int_equal(unread_bytes(), full);
	listener_end(&listener);
}

static void who_does_not_want_it_or_cannot_be_told_is_refused_each_for_its_reason(void **state)
{
	char file[PATH_MAX], relative[PATH_MAX], directory[PATH_MAX], missing[PATH_MAX], below[PATH_MAX + 2], *too_long = malloc(5000);

	(void)state;
	memset(too_long, '/', 4999);
	too_long[4999] = '\0';
	tree_write(&tree, "memory.pressure", "some avg10=0.00\n");
	tree_mkdir(&tree, "directory");
	snprintf(relative, sizeof(relative), "%s", fifo + 1);
	snprintf(below, sizeof(below), "%s/x", tree_path(&tree, "memory.pressure", file));
	assert_refused(watching(NULL, fifo, READS), "does not listen for memory pressure: it has no MEMORY_PRESSURE_WATCH");
	assert_refused(watching("", fifo, READS), "does not listen for memory pressure");
	assert_refused(watching("/dev/null", fifo, READS), "is not to listen");
	assert_refused(watching(relative, fifo, READS), "no absolute path");
	assert_refused(watching(too_long, fifo, READS), "more than a path");
	assert_refused(watching(tree_path(&tree, "memory.pressure", file), file, READS), "the kernel tells it itself");
	assert_refused(watching(tree_path(&tree, "directory", directory), fifo, READS), "no FIFO");
	assert_refused(watching("/dev/zero", fifo, READS), "no FIFO");
	assert_refused(watching(tree_path(&tree, "missing", missing), fifo, READS), "not there");
	assert_refused(watching(below, fifo, READS), "not there");
	assert_refused(watching("/no\033[31m\nsuch", fifo, READS), "watches /no?[31m?such, which is not there");
	free(too_long);
}

static void a_socket_is_not_for_memgap_to_tell_through(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", tree.path);
	assert_return_code(bind(fd, (struct sockaddr *)&address, sizeof(address)), errno);
	assert_refused((struct listening){ .watch = address.sun_path }, "a socket");
	close(fd);
}

static void who_has_not_opened_it_for_reading_is_refused(void **state)
{
	struct listener other = listener_start(proc_fd, watching(fifo, fifo, READS));
	char second[PATH_MAX];

	(void)state;
	assert_return_code(mkfifoat(tree.fd, "second", 0600), errno);
	tree_path(&tree, "second", second);
	assert_refused((struct listening){ .watch = fifo }, "has not opened");
	assert_refused(watching(fifo, fifo, O_WRONLY | O_NONBLOCK), "has not opened");
	assert_refused(watching(fifo, fifo, O_PATH), "has not opened");
	assert_refused(watching(fifo, second, READS), "has not opened");
	/* nothing of all this has reached the one that listens */
	assert_int_equal(write(manager_fd, "x", 1), 1);
	assert_int_equal(listener_reports(&other), 'x');
	listener_end(&other);
}

static void an_environment_too_large_is_not_searched(void **state)
{
	(void)state;
	assert_answers((struct listening){ fifo, fifo, READS, .more_bytes = 5 << 19 }, ACT_FAILED, "environment");
	assert_int_equal(unread_bytes(), 0);
}

static void it_is_found_among_many_descriptors_but_not_among_any_number(void **state)
{
	struct rlimit old, more;
	struct listener listener;

	(void)state;
	getrlimit(RLIMIT_NOFILE, &old);
	more = (struct rlimit){ OPEN_FILES_MAX + 100, old.rlim_max < OPEN_FILES_MAX + 100 ? OPEN_FILES_MAX + 100 : old.rlim_max };
	if (setrlimit(RLIMIT_NOFILE, &more)) {
		print_message("so many descriptors are not to be had\n");
		skip();
	}
	listener = listener_start(proc_fd, (struct listening){ fifo, fifo, READS, .descriptors = OPEN_FILES_MAX - 20 });
	assert_int_equal(tell(&listener), ACT_DONE);
	assert_int_equal(listener_reports(&listener), 0);
	listener_end(&listener);
	assert_refused((struct listening){ fifo, fifo, READS, .descriptors = OPEN_FILES_MAX + 20 }, "first 4096 descriptors");
	setrlimit(RLIMIT_NOFILE, &old);
}

/* A user namespace lets anybody change the root; where there are none, only root can. */
static bool can_change_root(void)
{
	pid_t pid = geteuid() ? fork() : 0;
	int status = 0;

	if (!geteuid())
		return true;
	if (!pid)
		_exit(unshare(CLONE_NEWUSER) || chroot(tree.path));
	waitpid(pid, &status, 0);
	return !status;
}

static void the_path_is_that_of_the_process_s_own_root(void **state)
{
	struct listener listener;

	(void)state;
	if (!can_change_root()) {
		print_message("nobody but root can change the root here\n");
		skip();
	}
	listener = listener_start(proc_fd, (struct listening){ "/fifo", fifo, READS, .root = tree.path });
	assert_int_equal(tell(&listener), ACT_DONE);
	assert_int_equal(listener_reports(&listener), 0);
	listener_end(&listener);
}

/* It has the FIFO outside open, so nothing but the lookup keeps memgap from writing there. */
static void no_path_leads_out_of_its_root(void **state)
{
	char root[PATH_MAX];

	(void)state;
	if (!can_change_root()) {
		print_message("nobody but root can change the root here\n");
		skip();
	}
	tree_mkdir(&tree, "root");
	tree_path(&tree, "root", root);
	assert_return_code(symlinkat("../fifo", tree.fd, "root/up"), errno);
	assert_return_code(symlinkat(fifo, tree.fd, "root/absolute"), errno);
	assert_return_code(symlinkat("loop", tree.fd, "root/loop"), errno);
	assert_refused((struct listening){ fifo, fifo, READS, .root = root }, "not there");
	assert_refused((struct listening){ "/../fifo", fifo, READS, .root = root }, "not there");
	assert_refused((struct listening){ "/up", fifo, READS, .root = root }, "not there");
	assert_refused((struct listening){ "/absolute", fifo, READS, .root = root }, "not there");
	assert_answers((struct listening){ "/loop", fifo, READS, .root = root }, ACT_FAILED, "cannot be opened");
	assert_int_equal(unread_bytes(), 0);
}

static void who_has_exited_is_gone(void **state)
{
	struct listener listener = listener_start(proc_fd, watching(fifo, fifo, READS));

	(void)state;
	kill(listener.id.pid, SIGKILL);
	child_await_zombie(listener.id.pid);
	assert_int_equal(tell(&listener), ACT_GONE);
	assert_non_null(strstr(why, "exited"));
	waitpid(listener.id.pid, NULL, 0);
	assert_int_equal(tell(&listener), ACT_GONE);
	assert_int_equal(pressure_tell(proc_fd, &listener.id, true, why, sizeof(why)), ACT_GONE);
	assert_int_equal(unread_bytes(), 0);
	pid_close(&listener.id);
	close(listener.report_fd);
}

static void who_took_over_the_pid_is_not_told(void **state)
{
	struct listener listener = listener_start(proc_fd, watching(fifo, fifo, READS));

	(void)state;
	listener.id.start_time--;
	assert_int_equal(tell(&listener), ACT_GONE);
	assert_int_equal(write(manager_fd, "x", 1), 1);
	assert_int_equal(listener_reports(&listener), 'x');
	listener_end(&listener);
}

static void a_reason_longer_than_its_buffer_is_cut(void **state)
{
	struct listener listener = listener_start(proc_fd, (struct listening){ .watch = fifo });

	(void)state;
	for (size_t size = 1; size < 60; size++) {
		memset(why, 'x', sizeof(why));
		assert_int_equal(pressure_tell(proc_fd, &listener.id, false, why, size), ACT_REFUSED);
		assert_int_equal(strlen(why), size - 1);
		assert_int_equal(why[size], 'x');
	}
	listener_end(&listener);
}

#define on_a_fifo(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(int argc, char *argv[])
{
	static const struct CMUnitTest tests[] = {
		on_a_fifo(who_listens_is_told),
		on_a_fifo(who_has_both_ends_is_its_own_writer),
		on_a_fifo(a_dry_run_tells_nothing),
		on_a_fifo(who_has_no_other_writer_is_not_told),
		on_a_fifo(who_is_stopped_has_a_byte_waiting_and_no_second),
		on_a_fifo(a_full_fifo_tells_already),
		on_a_fifo(who_does_not_want_it_or_cannot_be_told_is_refused_each_for_its_reason),
		on_a_fifo(a_socket_is_not_for_memgap_to_tell_through),
		on_a_fifo(who_has_not_opened_it_for_reading_is_refused),
		on_a_fifo(an_environment_too_large_is_not_searched),
		on_a_fifo(it_is_found_among_many_descriptors_but_not_among_any_number),
		on_a_fifo(the_path_is_that_of_the_process_s_own_root),
		on_a_fifo(no_path_leads_out_of_its_root),
		on_a_fifo(who_has_exited_is_gone),
		on_a_fifo(who_took_over_the_pid_is_not_told),
		on_a_fifo(a_reason_longer_than_its_buffer_is_cut),
	};

	listener_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
