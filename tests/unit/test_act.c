// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <poll.h>

#include "user/base/fs.h"
#include "user/trim/act.h"

static int proc_fd;

static int setup(void **state)
{
	(void)state;
	proc_fd = open_proc();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return close(proc_fd);
}

static void a_signal_is_read_by_name_or_number(void **state)
{
	static const struct {
		const char *text;
		int signal;
	} rows[] = {
		{ "signal:USR1", SIGUSR1 }, { "signal:SIGUSR1", SIGUSR1 }, { "signal:USR2", SIGUSR2 }, { "signal:HUP", SIGHUP },
		{ "signal:SIGTERM", SIGTERM }, { "signal:URG", SIGURG }, { "signal:10", 10 }, { "signal:1", 1 }, { "signal:64", 64 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct trim_action action = { .signal = -1, .dry_run = true };

		check_row(rows[i].text, trim_action_parse(rows[i].text, &action) == 0);
		check_row(rows[i].text, action.signal == rows[i].signal && action.dry_run); /* another option's */
	}
}

static void the_other_actions_are_read(void **state)
{
	static const struct {
		const char *text;
		enum action_kind kind;
	} rows[] = { { "auto", ACTION_AUTO }, { "pressure", ACTION_PRESSURE }, { "reclaim", ACTION_RECLAIM }, { "exec:true 1  2", ACTION_EXEC } };
	struct trim_action action = { 0 }, chosen;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		check_row(rows[i].text, trim_action_parse(rows[i].text, &action) == 0);
		check_row(rows[i].text, action.kind == rows[i].kind && !strcmp(action.text, rows[i].text));
	}
	assert_string_equal(action.argv[0], "true");
	assert_string_equal(action.argv[1], "1");
	assert_string_equal(action.argv[2], "2");
	assert_null(action.argv[3]);
	trim_action_free(&action);
	assert_int_equal(trim_action_parse("auto", &action), 0);
	trim_action_choose(&action, ACTION_SIGNAL, &chosen);
	assert_string_equal(chosen.text, "signal:USR1");
	assert_int_equal(chosen.signal, SIGUSR1);
	trim_action_choose(&action, ACTION_RECLAIM, &chosen);
	assert_string_equal(chosen.text, "reclaim");
}

static void a_real_time_signal_is_counted_from_the_first(void **state)
{
	struct trim_action action = { 0 };

	(void)state;
	assert_int_equal(trim_action_parse("signal:RTMIN", &action), 0);
	assert_int_equal(action.signal, SIGRTMIN);
	assert_int_equal(trim_action_parse("signal:RTMIN+2", &action), 0);
	assert_int_equal(action.signal, SIGRTMIN + 2);
	assert_int_equal(trim_action_parse("signal:SIGRTMIN+2", &action), 0);
	assert_int_equal(action.signal, SIGRTMIN + 2);
	assert_string_equal(action.text, "signal:RTMIN+2");
	assert_int_equal(trim_action_parse("signal:RTMIN+30", &action), 0);
	assert_int_equal(action.signal, SIGRTMAX);
	assert_int_equal(trim_action_parse("signal:RTMIN+31", &action), -EINVAL);
}

static void a_signal_given_as_a_number_is_shown_by_its_name(void **state)
{
	struct trim_action action = { 0 };
	char text[32];

	(void)state;
	snprintf(text, sizeof(text), "signal:%d", SIGUSR2);
	assert_int_equal(trim_action_parse(text, &action), 0);
	assert_string_equal(action.text, "signal:USR2");
}

/* 32 and 33 are the C library's own (nptl(7)): sent to a threaded program they cancel a thread or worse. */
static void every_signal_has_one_text_and_those_of_the_c_library_are_refused(void **state)
{
	(void)state;
	for (int signal = 1; signal <= SIGRTMAX; signal++) {
		struct trim_action action = { 0 }, again = { 0 };
		char text[32];
		int result;

		snprintf(text, sizeof(text), "signal:%d", signal);
		result = trim_action_parse(text, &action);
		if (signal == SIGKILL || signal == SIGSTOP) {
			check_row(text, result == -EPERM);
			continue;
		}
		if (signal > 31 && signal < SIGRTMIN) {
			check_row(text, result == -EINVAL || result == -EPERM);
			continue;
		}
		check_row(text, result == 0 && action.signal == signal);
		check_row(action.text, trim_action_parse(action.text, &again) == 0 && again.signal == signal);
	}
}

static void what_is_no_action_is_refused_each_for_its_reason(void **state)
{
	static const struct {
		const char *text;
		int result;
	} rows[] = {
		{ "signal:KILL", -EPERM },  { "signal:SIGKILL", -EPERM }, { "signal:STOP", -EPERM }, { "signal:9", -EPERM },
		{ "signal:19", -EPERM },    { "reclaim:", -EINVAL },	  { "exec:/nix", -ENOENT },  { "exec:", -EINVAL },
		{ "", -EINVAL },	    { "signal", -EINVAL },	  { "signal:", -EINVAL },    { "signal:SIG", -EINVAL },
		{ "signal:0", -EINVAL },    { "signal:-1", -EINVAL },	  { "signal:65", -EINVAL },  { "signal:99999999999", -EINVAL },
		{ "signal:usr1", -EINVAL }, { "signal:USR3", -EINVAL },	  { "signal: USR1", -EINVAL }, { "signal:USR1 ", -EINVAL },
		{ "signal:10x", -EINVAL },  { "signal:RTMIN+", -EINVAL }, { "signal:RTMIN-1", -EINVAL }, { "signal:RTMIN+x", -EINVAL },
		{ "signal:RTMIN++1", -EINVAL }, { "USR1", -EINVAL },	  { "Signal:USR1", -EINVAL }, { "exec", -EINVAL },
		{ "reclaim:5", -EINVAL },   { "automatic", -EINVAL },	  { "pressure:", -EINVAL },  { "exec: ", -EINVAL },
		{ "signal:SIGSIGUSR1", -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct trim_action action = { .signal = 77 };

		check_row(rows[i].text, trim_action_parse(rows[i].text, &action) == rows[i].result);
		check_row(rows[i].text, action.signal == 77);
	}
}

/* What the handler below tells of, through fork(). */
static int taken[2];

static void tell(int signal)
{
	char number = (char)signal;

	if (write(taken[1], &number, 1) != 1)
		_exit(95);
}

static _Noreturn void wait_for_the_end(int ready_fd)
{
	child_is_ready(ready_fd);
	for (;;)
		pause();
}

static void that_handles(int ready_fd)
{
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = tell }, NULL);
	wait_for_the_end(ready_fd);
}

static void that_ignores(int ready_fd)
{
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	wait_for_the_end(ready_fd);
}

static void that_would_die(int ready_fd)
{
	wait_for_the_end(ready_fd);
}

static void that_blocks(int ready_fd)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_BLOCK, &set, NULL);
	wait_for_the_end(ready_fd);
}

/* What came within the time, or 0. */
static int signal_taken(int timeout_ms)
{
	struct pollfd poll_fd = { .fd = taken[0], .events = POLLIN };
	char number = 0;

	if (poll(&poll_fd, 1, timeout_ms) == 1)
		assert_int_equal(read(taken[0], &number, 1), 1);
	return number;
}

/* Nothing lies in wait for the process as a whole. */
static bool has_nothing_pending(pid_t pid)
{
	char path[32], text[8192];

	snprintf(path, sizeof(path), "%d/status", pid);
	assert_true(read_file_at(proc_fd, path, text, sizeof(text)) > 0);
	return strstr(text, "\nShdPnd:\t0000000000000000\n") != NULL;
}

struct trial {
	struct trim_action action;
	struct pid_identity id;
	char why[256];
};

static struct trial start_trial(child_body body, bool dry_run)
{
	struct trial trial = { .why = "" };
	struct error err;

	assert_int_equal(trim_action_parse("signal:USR1", &trial.action), 0);
	trial.action.dry_run = dry_run;
	assert_return_code(pipe2(taken, O_CLOEXEC), errno);
	assert_int_equal(pid_open(proc_fd, child_start(body), &trial.id, &err), 0);
	return trial;
}

static void end_trial(struct trial *trial)
{
	child_kill(trial->id.pid);
	pid_close(&trial->id);
	close(taken[0]);
	close(taken[1]);
}

static void a_signal_that_is_handled_is_delivered(void **state)
{
	struct trial trial = start_trial(that_handles, false);

	(void)state;
	assert_int_equal(trim_act(&trial.action, NULL, proc_fd, &trial.id, trial.why, sizeof(trial.why)), ACT_DONE);
	assert_int_equal(signal_taken(10000), SIGUSR1);
	assert_true(pid_is_alive(proc_fd, &trial.id));
	end_trial(&trial);
}

static void a_dry_run_sends_nothing(void **state)
{
	struct trial trial = start_trial(that_handles, true);

	(void)state;
	assert_int_equal(trim_act(&trial.action, NULL, proc_fd, &trial.id, trial.why, sizeof(trial.why)), ACT_DRY_RUN);
	assert_true(has_nothing_pending(trial.id.pid));
	assert_int_equal(signal_taken(50), 0);
	end_trial(&trial);
}

static void a_signal_that_nobody_expects_is_refused_and_the_process_lives(void **state)
{
	static const struct {
		const char *name;
		child_body body;
		const char *why;
	} rows[] = {
		{ "default", that_would_die, "does not handle USR1" },
		{ "ignored", that_ignores, "ignores USR1" },
		{ "blocked", that_blocks, "blocks USR1" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (int dry_run = 0; dry_run < 2; dry_run++) {
			struct trial trial = start_trial(rows[i].body, dry_run);
			char pid[16];
			enum act_result result = trim_act(&trial.action, NULL, proc_fd, &trial.id, trial.why, sizeof(trial.why));

			snprintf(pid, sizeof(pid), "%d", trial.id.pid);
			check_row(rows[i].name, result == ACT_REFUSED);
			check_row(rows[i].name, strstr(trial.why, pid) && strstr(trial.why, rows[i].why));
			check_row(rows[i].name, pid_is_alive(proc_fd, &trial.id));
			check_row(rows[i].name, has_nothing_pending(trial.id.pid));
			end_trial(&trial);
		}
	}
}

static void a_process_that_has_exited_is_gone(void **state)
{
	struct trial trial = start_trial(that_handles, false);
	pid_t pid = trial.id.pid;

	(void)state;
	kill(pid, SIGKILL);
	child_await_zombie(pid);
	assert_int_equal(trim_act(&trial.action, NULL, proc_fd, &trial.id, trial.why, sizeof(trial.why)), ACT_GONE);
	assert_non_null(strstr(trial.why, "exited"));
	waitpid(pid, NULL, 0);
	assert_int_equal(trim_act(&trial.action, NULL, proc_fd, &trial.id, trial.why, sizeof(trial.why)), ACT_GONE);
	pid_close(&trial.id);
	close(taken[0]);
	close(taken[1]);
}

/* The pid is another process's now: that one handles the signal, but is not meant. */
static void a_process_that_took_over_the_pid_gets_nothing(void **state)
{
	struct trial trial = start_trial(that_handles, false);

	(void)state;
	trial.id.start_time--;
	assert_int_equal(trim_act(&trial.action, NULL, proc_fd, &trial.id, trial.why, sizeof(trial.why)), ACT_GONE);
	assert_int_equal(signal_taken(50), 0);
	end_trial(&trial);
}

static void a_reason_longer_than_its_buffer_is_cut(void **state)
{
	struct trial trial = start_trial(that_would_die, false);

	(void)state;
	memset(trial.why, 'x', sizeof(trial.why));
	assert_int_equal(trim_act(&trial.action, NULL, proc_fd, &trial.id, trial.why, 8), ACT_REFUSED);
	assert_int_equal(strlen(trial.why), 7);
	assert_int_equal(trial.why[8], 'x');
	end_trial(&trial);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_signal_is_read_by_name_or_number),
		cmocka_unit_test(the_other_actions_are_read),
		cmocka_unit_test(a_real_time_signal_is_counted_from_the_first),
		cmocka_unit_test(a_signal_given_as_a_number_is_shown_by_its_name),
		cmocka_unit_test(every_signal_has_one_text_and_those_of_the_c_library_are_refused),
		cmocka_unit_test(what_is_no_action_is_refused_each_for_its_reason),
		cmocka_unit_test(a_signal_that_is_handled_is_delivered),
		cmocka_unit_test(a_dry_run_sends_nothing),
		cmocka_unit_test(a_signal_that_nobody_expects_is_refused_and_the_process_lives),
		cmocka_unit_test(a_process_that_has_exited_is_gone),
		cmocka_unit_test(a_process_that_took_over_the_pid_gets_nothing),
		cmocka_unit_test(a_reason_longer_than_its_buffer_is_cut),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
