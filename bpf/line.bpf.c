// SPDX-License-Identifier: GPL-2.0-only
/* A threshold that is crossed in the midst of an allocation: the process is asked to trim at once. */
#include "accounting.bpf.h"
#include "expects.bpf.h"

/* The signal goes to the process that runs here, and to no other. */
static __always_inline __u32 ask_current(const struct memgap_line *line)
{
	struct task_struct *task = bpf_get_current_task_btf();

	if ((__u32)task->tgid != line->pid)
		return MEMGAP_CROSSED_BY_OTHER;
	if (signal_expected(task, line->signal) != SIGNAL_EXPECTED)
		return MEMGAP_CROSSED_UNEXPECTED;
	return bpf_send_signal(line->signal) ? MEMGAP_CROSSED_FAILED : MEMGAP_CROSSED_SENT;
}

int line_cross(__u32 index)
{
	struct memgap_line *line = bpf_map_lookup_elem(&lines, &index);

	/* threads may reach it together */
	if (!line || __sync_val_compare_and_swap(&line->armed, 1, 0) != 1)
		return 0;
	line->crossed_ns = bpf_ktime_get_ns();
	line->by = (__u32)bpf_get_current_task_btf()->tgid;
	/* its interrupt is not to lie between the look and the process's taking the signal: another thread may change handlers meanwhile */
	send_event(MEMGAP_EVENT_CROSSED, line->by);
	line->result = ask_current(line);
	line->done_ns = bpf_ktime_get_ns();
	return 0;
}
