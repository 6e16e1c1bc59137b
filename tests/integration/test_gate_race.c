// SPDX-License-Identifier: GPL-2.0-only
/*
 * Who takes its handler away at the wrong moment dies of a signal that was due: how often, for each way to look and send. A child
 * does nothing but that, as fast as it can or from time to time.
 *
 * As fast as it can, nearly each signal from another CPU kills, however short ago somebody looked: it is only taken at the next
 * return to user mode, which is that of the sigaction() that takes the handler away.
 */
#include "tests/integration/gate_ways.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#include "user/trim/act.h"

#define SIGNALS_SENT 3000
#define PHASE_NS 50000 /* of those that toggle from time to time */
#define EXEC_NS 80000 /* from the call to the end of the other threads, about */
#define ENOUGH_NS 120000000000 /* for all of them, on any machine */

/* The n-th that this process may use: on the same one nothing could come in between. */
static void keep_to_cpu(int n)
{
	static cpu_set_t allowed;
	cpu_set_t one;

	if (!CPU_COUNT(&allowed))
		sched_getaffinity(0, sizeof(allowed), &allowed);
	CPU_ZERO(&one);
	for (unsigned int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && n-- == 0)
			CPU_SET(cpu, &one);
	if (CPU_COUNT(&one))
		sched_setaffinity(0, sizeof(one), &one);
}

static volatile int *handled; /* signals: the children's to count */

static void count(int signal)
{
	(void)signal;
	++*handled;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000 + now.tv_nsec;
}

static void let_pass(int64_t ns)
{
	int64_t end_ns = ns ? now_ns() + ns : 0;

	while (ns && now_ns() < end_ns)
		;
}

static void toggle(int64_t phase_ns)
{
	const struct sigaction handler = { .sa_handler = count }, none = { .sa_handler = SIG_DFL };

	keep_to_cpu(1);
	for (;;) {
		sigaction(SIGUSR1, &handler, NULL);
		let_pass(phase_ns);
		sigaction(SIGUSR1, &none, NULL);
		let_pass(phase_ns);
	}
}

static void *toggle_in_thread(void *data)
{
	toggle((intptr_t)data);
	return NULL;
}

static void toggle_in_another_thread(int ready_fd, int64_t phase_ns)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, toggle_in_thread, (void *)(intptr_t)phase_ns))
		_exit(96);
	child_is_ready(ready_fd);
	for (;;)
		pause();
}

static void always(int ready_fd)
{
	child_is_ready(ready_fd);
	toggle(0);
}

static void from_time_to_time(int ready_fd)
{
	child_is_ready(ready_fd);
	toggle(PHASE_NS);
}

static void always_in_another_thread(int ready_fd)
{
	toggle_in_another_thread(ready_fd, 0);
}

static void from_time_to_time_in_another_thread(int ready_fd)
{
	toggle_in_another_thread(ready_fd, PHASE_NS);
}

enum outcome { SENT, NOT_SENT, DEAD };

typedef enum outcome (*way_to_send)(const struct ways *ways, const struct pid_identity *id);

static enum outcome by_user_space(const struct ways *ways, const struct pid_identity *id)
{
	static const struct trim_action action = { .kind = ACTION_SIGNAL, .signal = SIGUSR1, .text = "signal:USR1" };
	char why[256];

	switch (trim_act(&action, NULL, ways->proc_fd, id, why, sizeof(why))) {
	case ACT_DONE:
		return SENT;
	case ACT_GONE:
		return DEAD;
	default:
		return NOT_SENT;
	}
}

static enum outcome without_its_help(const struct ways *ways, const struct pid_identity *id)
{
	switch (send_now(ways, id->pid, id->start_time, SIGUSR1)) {
	case MEMGAP_GATE_SENT:
		return SENT;
	case MEMGAP_GATE_GONE:
		return DEAD;
	default:
		return NOT_SENT;
	}
}

static enum outcome by_the_gate(const struct ways *ways, const struct pid_identity *id)
{
	switch (gate_send(ways->gate, id->pid, id->start_time, SIGUSR1)) {
	case GATE_SENT:
		return SENT;
	case GATE_GONE:
		return DEAD;
	default:
		return NOT_SENT;
	}
}

static struct pid_identity start_toggling(const struct ways *ways, child_body body)
{
	struct pid_identity id;
	struct error err;

	assert_int_equal(pid_open(ways->proc_fd, start(body), &id, &err), 0);
	return id;
}

/* Whether it was the signal that it died of. */
static bool end(struct pid_identity *id)
{
	int status;

	kill(id->pid, SIGKILL);
	waitpid(id->pid, &status, 0);
	pid_close(id);
	assert_true(WIFSIGNALED(status));
	return WTERMSIG(status) == SIGUSR1;
}

/* Until it has taken the signal that was sent after `before`, or has died: each is a signal of its own. */
static void await_effect(const struct pid_identity *id, int before)
{
	siginfo_t info = { 0 };

	while (*handled == before && !info.si_pid)
		assert_return_code(waitid(P_PID, (id_t)id->pid, &info, WEXITED | WNOHANG | WNOWAIT), errno);
}

/* How many died of that many signals, each at some moment of its own. */
static int count_kills(const struct ways *ways, const char *name, way_to_send way, child_body body, int signals)
{
	struct pid_identity id = start_toggling(ways, body);
	int64_t end_ns = now_ns() + ENOUGH_NS;
	int sent = 0, kills = 0, before;

	while (sent < signals && now_ns() < end_ns) {
		before = *handled;
		switch (way(ways, &id)) {
		case SENT:
			sent++;
			await_effect(&id, before);
			let_pass(random() % (2 * PHASE_NS));
			break;
		case DEAD:
			kills += end(&id);
			id = start_toggling(ways, body);
			break;
		default:
			break;
		}
	}
	kills += end(&id);
	print_message("# %s: %d kills in %d signals\n", name, kills, sent);
	assert_int_equal(sent, signals);
	return kills;
}

/* Few signals where nearly each costs a child. */
static int compare(const struct ways *ways, child_body body, int signals, int by_gate, int *ret_user_space)
{
	*ret_user_space = count_kills(ways, "user space", by_user_space, body, signals);
	count_kills(ways, "a look from another CPU", without_its_help, body, signals);
	return count_kills(ways, "the gate", by_the_gate, body, by_gate);
}

static void nobody_dies_of_a_signal_that_its_only_thread_sends_itself(void **state)
{
	const struct ways *ways = *state;
	int user_space, kills;

	need_gate(ways);
	kills = compare(ways, always, SIGNALS_SENT / 10, SIGNALS_SENT, &user_space);
	assert_true(user_space > 0); /* else nothing was tried */
	print_message("# each %d us:\n", PHASE_NS / 1000);
	kills += compare(ways, from_time_to_time, SIGNALS_SENT, SIGNALS_SENT, &user_space);
	if (ways->posts)
		assert_int_equal(kills, 0);
	else
		print_message("# to send it itself needs Linux 6.18\n");
}

static void where_another_thread_toggles_the_gate_is_safer_than_user_space(void **state)
{
	const struct ways *ways = *state;
	int user_space, kills;

	need_gate(ways);
	compare(ways, always_in_another_thread, SIGNALS_SENT / 10, SIGNALS_SENT / 10, &user_space);
	print_message("# each %d us:\n", PHASE_NS / 1000);
	kills = compare(ways, from_time_to_time_in_another_thread, SIGNALS_SENT, SIGNALS_SENT, &user_space);
	assert_true(kills < user_space);
}

static volatile int *go; /* the sender's to set: it is about to send */

static void *begin_another_program(void *data)
{
	keep_to_cpu(1);
	while (!*go)
		;
	execl("/bin/true", "true", NULL);
	_exit(94);
	return data;
}

static void *be_idle(void *data)
{
	for (;;)
		pause();
	return data;
}

/* Its first thread blocks the signal, the second takes it, the third begins another program, which inherits that it does not block it. */
static void with_a_program_to_come(int ready_fd)
{
	pthread_t thread;
	sigset_t set;

	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = count }, NULL);
	if (pthread_create(&thread, NULL, be_idle, NULL) || pthread_create(&thread, NULL, begin_another_program, NULL))
		_exit(96);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	child_is_ready(ready_fd);
	be_idle(NULL);
}

/* How many of that many programs died of a signal that was sent to the one before them. */
static int count_programs_killed(const struct ways *ways, const char *name, way_to_send way, int programs)
{
	int kills = 0, sent = 0, status;

	for (int i = 0; i < programs; i++) {
		struct pid_identity id;

		*go = 0;
		id = start_toggling(ways, with_a_program_to_come);
		*go = 1;
		let_pass(random() % EXEC_NS);
		sent += way(ways, &id) == SENT;
		let_pass(EXEC_NS); /* who takes it waits for this CPU */
		waitpid(id.pid, &status, 0);
		pid_close(&id);
		assert_true(WIFEXITED(status) ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGUSR1);
		kills += WIFSIGNALED(status);
	}
	print_message("# %s: %d of %d programs killed, %d signals\n", name, kills, programs, sent);
	assert_true(sent > 0);
	return kills;
}

static void what_another_thread_begins_in_that_moment_lives(void **state)
{
	const struct ways *ways = *state;
	int kills;

	need_gate(ways);
	assert_true(count_programs_killed(ways, "a look from another CPU", without_its_help, 200) > 0); /* else nothing was tried */
	kills = count_programs_killed(ways, "the gate", by_the_gate, 500);
	if (ways->posts)
		assert_int_equal(kills, 0);
}

static void with_handler(int ready_fd)
{
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = count }, NULL);
	child_is_ready(ready_fd);
	for (;;)
		pause();
}

static int by_time(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static void say_cost(const struct ways *ways, const char *name, way_to_send way)
{
	struct pid_identity id = start_toggling(ways, with_handler);
	static int64_t took[1000];

	for (int i = 0; i < 1000; i++) {
		took[i] = now_ns();
		assert_int_equal(way(ways, &id), SENT);
		took[i] = now_ns() - took[i];
	}
	end(&id);
	qsort(took, 1000, sizeof(took[0]), by_time);
	print_message("# %s: %.1f us, one in a hundred %.1f us or more\n", name, (double)took[500] / 1e3, (double)took[990] / 1e3);
}

static void what_it_costs(void **state)
{
	const struct ways *ways = *state;
	struct gate *gate;
	int64_t began;

	need_gate(ways);
	say_cost(ways, "user space", by_user_space);
	say_cost(ways, "a look from another CPU", without_its_help);
	say_cost(ways, "the gate", by_the_gate);
	began = now_ns();
	assert_int_equal(gate_open(&gate), 0);
	print_message("# gate_open: %.1f ms\n", (double)(now_ns() - began) / 1e6);
	gate_close(gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_dies_of_a_signal_that_its_only_thread_sends_itself),
		cmocka_unit_test(where_another_thread_toggles_the_gate_is_safer_than_user_space),
		cmocka_unit_test(what_another_thread_begins_in_that_moment_lives),
		cmocka_unit_test(what_it_costs),
	};

	keep_to_cpu(0);
	go = mmap(NULL, sizeof(*go), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	handled = mmap(NULL, sizeof(*handled), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return cmocka_run_group_tests(tests, ways_open, ways_close);
}
