/* SPDX-License-Identifier: GPL-2.0-only */
/* The gate, and the second of its two ways alone; children that tell what signals they take. */
#ifndef MEMGAP_TESTS_GATE_WAYS_H
#define MEMGAP_TESTS_GATE_WAYS_H

#include "tests/unit/helpers.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <memgap_gate.skel.h>
#include <memgap_gate_implicit.skel.h>
#include <poll.h>
#include <sys/utsname.h>

#include "bpf/gate.h"
#include "user/allocator/gate.h"
#include "user/target/pid.h"

struct ways {
	struct gate *gate; /* NULL: this kernel has none */
	struct gate_implicit_bpf *bpf; /* to send without the process's help */
	bool posts; /* the gate can have the process look itself */
	int proc_fd;
};

static inline bool kernel_is_at_least(int major, int minor)
{
	struct utsname name;
	int a = 0, b = 0;

	uname(&name);
	assert_int_equal(sscanf(name.release, "%d.%d", &a, &b), 2);
	return a > major || (a == major && b >= minor);
}

/* Whether this kernel has what the first way needs. */
static inline bool can_post(void)
{
	struct gate_bpf *bpf = gate_bpf__open_and_load();
	struct gate_implicit_bpf *implicit = gate_implicit_bpf__open_and_load();
	bool can = bpf || implicit;

	gate_bpf__destroy(bpf);
	gate_implicit_bpf__destroy(implicit);
	return can;
}

static inline int ways_open(void **state)
{
	struct ways *ways = calloc(1, sizeof(*ways));
	int result = gate_open(&ways->gate); /* from here on libbpf is silent */

	*state = ways;
	ways->proc_fd = open_proc();
	if (result == -ENOTSUP && !kernel_is_at_least(6, 14))
		return 0;
	assert_return_code(result, -result);
	ways->posts = can_post();
	assert_true(ways->posts || !kernel_is_at_least(6, 18));
	ways->bpf = gate_implicit_bpf__open();
	assert_non_null(ways->bpf);
	bpf_program__set_autoload(ways->bpf->progs.post, false);
	assert_int_equal(gate_implicit_bpf__load(ways->bpf), 0);
	return 0;
}

static inline int ways_close(void **state)
{
	struct ways *ways = *state;

	gate_close(ways->gate);
	gate_implicit_bpf__destroy(ways->bpf);
	close(ways->proc_fd);
	free(ways);
	return 0;
}

static inline void need_gate(const struct ways *ways)
{
	if (!ways->gate) {
		print_message("# the gate needs Linux 6.14\n");
		skip();
	}
}

static inline uint64_t start_of(int proc_fd, pid_t pid)
{
	struct pid_stat stat;

	assert_int_equal(pid_stat_read(proc_fd, pid, &stat), 0);
	return stat.start_time;
}

/* By a look from another CPU alone. */
static inline enum memgap_gate_result send_now(const struct ways *ways, pid_t pid, uint64_t start_time, int signal)
{
	struct memgap_gate_request request = { .start_time = start_time, .pid = (uint32_t)pid, .signal = (uint32_t)signal };
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &request, .ctx_size_in = sizeof(request));

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(ways->bpf->progs.send_now), &options), 0);
	return request.result;
}

/* What a child took. */
struct taken {
	int signal, code, pid;
};

static int taken_fds[2];

static inline pid_t start(child_body body)
{
	if (taken_fds[1]) {
		close(taken_fds[0]);
		close(taken_fds[1]);
	}
	assert_return_code(pipe2(taken_fds, O_CLOEXEC), errno);
	return child_start(body);
}

static inline void tell(int signal, siginfo_t *info, void *context)
{
	struct taken taken = { signal, info->si_code, info->si_pid };

	(void)context;
	if (write(taken_fds[1], &taken, sizeof(taken)) != sizeof(taken))
		_exit(95);
}

/* signal 0: none came in half a minute. */
static inline struct taken await_taken(void)
{
	struct pollfd readable = { .fd = taken_fds[0], .events = POLLIN };
	struct taken taken = { 0 };

	if (poll(&readable, 1, 30000) == 1 && read(taken_fds[0], &taken, sizeof(taken)) != sizeof(taken))
		taken.signal = -1;
	return taken;
}

#endif
