/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether all threads of a process are about to go: it ends, or begins another program. */
#ifndef MEMGAP_ENDS_BPF_H
#define MEMGAP_ENDS_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#define GROUP_EXITS (0x4 | 0x8) /* SIGNAL_GROUP_EXIT in include/linux/sched/signal.h, and up to 5.16 SIGNAL_GROUP_COREDUMP */

/* Its name up to 5.16. */
struct signal_struct___group_exit_task {
	struct task_struct *group_exit_task;
} __attribute__((preserve_access_index));

static __always_inline bool is_ending(struct signal_struct *signals)
{
	return BPF_CORE_READ(signals, flags) & GROUP_EXITS;
}

/* An exec by another thread than `task` is seen from when it has begun to end the others on (de_thread() in fs/exec.c). */
static __always_inline bool is_in_exec(struct task_struct *task, struct signal_struct *signals)
{
	struct signal_struct___group_exit_task *old = (void *)signals;

	if (bpf_core_field_exists(task->in_execve) && BPF_CORE_READ_BITFIELD_PROBED(task, in_execve))
		return true;
	if (bpf_core_field_exists(signals->group_exec_task))
		return BPF_CORE_READ(signals, group_exec_task);
	return bpf_core_field_exists(old->group_exit_task) && BPF_CORE_READ(old, group_exit_task);
}

#endif
