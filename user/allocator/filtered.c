// SPDX-License-Identifier: GPL-2.0-only
/* The throw-away child that shows whether this kernel's return probes kill seccomp-filtered processes. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/allocator/host.h"
#include "user/allocator/modules.h"
#include "user/base/fs.h"

#define EXIT_SURVIVED 42
#define EXIT_NOT_PROBED 43

/* The function that is probed in the child; not inlined, and not folded away. */
static __attribute__((noinline)) uintptr_t probed_function(uintptr_t x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 1;
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

static uint8_t first_byte(void)
{
	return *(const volatile uint8_t *)(uintptr_t)probed_function;
}

static void run_child(int hold_fd, uint8_t unprobed)
{
	char go;

	if (read(hold_fd, &go, 1) != 1 || install_filter())
		end_child(1);
	/* without a breakpoint in place the trial would prove nothing */
	if (first_byte() == unprobed)
		end_child(EXIT_NOT_PROBED);
	end_child(probed_function(1) == 2 ? EXIT_SURVIVED : 1);
}

/* The function's place in the file: its distance from the mapping that holds it. */
static int offset_in_file(size_t *ret_offset)
{
	uintptr_t address = (uintptr_t)probed_function;
	unsigned long long start, end, offset;
	char *text;
	int result = read_whole_file_at(-1, "/proc/self/maps", 1 << 20, &text);

	if (result)
		return result;
	result = -ENOENT;
	for (const char *line = text; *line && result; line += strcspn(line, "\n"), line += *line == '\n') {
		if (sscanf(line, "%llx-%llx %*s %llx", &start, &end, &offset) != 3 || address < start || address >= end)
			continue;
		*ret_offset = address - start + offset;
		result = 0;
	}
	free(text);
	return result;
}

int host_try_filtered_return_probe(const struct bpf_program *program, bool *ret_survives)
{
	LIBBPF_OPTS(bpf_uprobe_opts, options, .retprobe = true);
	struct bpf_link *link = NULL;
	uint8_t unprobed = first_byte(); /* read before there is a child, which may run late */
	int hold[2], status, result;
	size_t offset;
	pid_t child;

	result = offset_in_file(&offset);
	if (result)
		return result;
	if (pipe(hold))
		return -errno;
	child = fork();
	if (!child) {
		close(hold[1]);
		run_child(hold[0], unprobed);
	}
	close(hold[0]);
	if (child > 0)
		link = bpf_program__attach_uprobe_opts(program, child, "/proc/self/exe", offset, &options);
	result = child < 0 || !link ? -errno : 0;
	if (!result && write(hold[1], "", 1) != 1)
		result = -errno;
	close(hold[1]);
	if (child > 0 && waitpid(child, &status, 0) == child && !result) {
		if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NOT_PROBED)
			result = -ENOTSUP;
		*ret_survives = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SURVIVED;
	}
	bpf_link__destroy(link);
	return result;
}
