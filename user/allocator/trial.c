// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/trial.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/allocator/own_code.h"
#include "user/allocator/uprobes.h"

#define EXIT_SURVIVED 42
#define EXIT_NOT_PROBED 43
#define THREADS 2

/* The function that is probed in the child; not inlined, and not folded away. */
static __attribute__((noinline)) uintptr_t probed_function(uintptr_t x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 1;
}

static uint8_t first_byte(void)
{
	return *(const volatile uint8_t *)(uintptr_t)probed_function;
}

/* As container runtimes' profiles do: what is not on the list fails with EPERM. The child needs one call. */
static int install_filter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
	};
	struct sock_fprog program = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* The only call left; not _exit(), around which a sanitizer makes others. */
static void end_child(int status)
{
	syscall(SYS_exit_group, status);
}

static void *run_thread(void *data)
{
	return probed_function((uintptr_t)data) == 2 ? data : NULL;
}

static void run_child(int hold_fd, uint8_t unprobed)
{
	pthread_t thread;
	void *result;
	char go;

	if (read(hold_fd, &go, 1) != 1)
		end_child(1);
	/* without a breakpoint in place the trial would prove nothing */
	if (first_byte() == unprobed)
		end_child(EXIT_NOT_PROBED);
	if (pthread_create(&thread, NULL, run_thread, (void *)1) || pthread_join(thread, &result) || !result || install_filter())
		end_child(1);
	end_child(probed_function(1) == 2 ? EXIT_SURVIVED : 1);
}

uint64_t trial_read_hits(const struct bpf_map *hits)
{
	uint32_t key = 0;
	uint64_t n = 0;

	bpf_map__lookup_elem(hits, &key, sizeof(key), &n, sizeof(n), 0);
	return n;
}

/* Lets the held child run, with the probes in place. */
static int try_child(const struct trial_programs *programs, pid_t child, int release_fd, struct trial *ret)
{
	uint64_t before = trial_read_hits(programs->hits);
	int status;

	if (write(release_fd, "", 1) != 1 || waitpid(child, &status, 0) != child)
		return -errno;
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_PROBED)
		return -ENOTSUP;
	ret->survives = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SURVIVED;
	/* one that died may not have come to its second call */
	ret->sees_all_threads = !ret->survives || trial_read_hits(programs->hits) - before == THREADS;
	return 0;
}

static int attach_and_try(const struct trial_programs *programs, int exe_fd, pid_t child, int release_fd, struct trial *ret)
{
	struct uprobes_request request = { .program = programs->enter, .fd = exe_fd, .pid = child, .n = 1 };
	struct uprobes entries, returns;
	int result = own_code_offset((const void *)(uintptr_t)probed_function, &request.offsets[0]);

	if (result)
		return result;
	result = uprobes_attach(&request, &entries);
	if (result)
		return result;
	request.program = programs->at_return;
	request.at_return = true;
	result = uprobes_attach(&request, &returns);
	if (!result) {
		result = try_child(programs, child, release_fd, ret);
		uprobes_detach(&returns);
	}
	uprobes_detach(&entries);
	return result;
}

int trial_run(const struct trial_programs *programs, struct trial *ret)
{
	uint8_t unprobed = first_byte(); /* read before there is a child, which may run late */
	int exe_fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), hold[2], result;
	pid_t child;

	if (exe_fd < 0)
		return -errno;
	if (pipe2(hold, O_CLOEXEC)) {
		result = -errno;
		close(exe_fd);
		return result;
	}
	child = fork();
	if (!child) {
		close(hold[1]);
		run_child(hold[0], unprobed);
	}
	close(hold[0]);
	result = child < 0 ? -errno : attach_and_try(programs, exe_fd, child, hold[1], ret);
	close(hold[1]); /* a child that was not released ends */
	if (child > 0)
		waitpid(child, NULL, 0);
	close(exe_fd);
	return result;
}
