// SPDX-License-Identifier: GPL-2.0-only
/* A threshold that is crossed in the midst of an allocation: the process is asked to trim at once. */
#include "accounting.bpf.h"
#include "expects.bpf.h"

/* As of 6.1: counts that threads add theirs to (include/linux/mm_types_task.h). */
struct mm_rss_stat___6_1 {
	atomic_long_t count[4];
} __attribute__((preserve_access_index));

struct mm_struct___6_1 {
	struct mm_rss_stat___6_1 rss_stat;
} __attribute__((preserve_access_index));

/* What the loader could read of it later may be what is left after the trim. get_mm_rss(), include/linux/mm.h. */
static __always_inline void keep_rss(struct memgap_line *line, struct task_struct *task)
{
	struct mm_struct *mm = task->mm;
	struct mm_struct___6_1 *old = (void *)mm;

	line->rss_pages = -1;
	if (mm && bpf_core_field_exists(mm->rss_stat[0].count)) {
		line->lagging_threads = 0;
		line->rss_pages = BPF_CORE_READ(mm, rss_stat[MM_FILEPAGES].count) + BPF_CORE_READ(mm, rss_stat[MM_ANONPAGES].count) +
				  BPF_CORE_READ(mm, rss_stat[MM_SHMEMPAGES].count);
	} else if (mm && bpf_core_field_exists(old->rss_stat.count)) {
		line->lagging_threads = (__u32)BPF_CORE_READ(task, signal, nr_threads);
		line->rss_pages = BPF_CORE_READ(old, rss_stat.count[MM_FILEPAGES].counter) +
				  BPF_CORE_READ(old, rss_stat.count[MM_ANONPAGES].counter) +
				  BPF_CORE_READ(old, rss_stat.count[MM_SHMEMPAGES].counter);
	}
}

/* The signal goes to the thread that runs here. Where that blocks it, and another one would take it, the loader has it asked (the gate). */
static __always_inline __u32 ask_current(const struct memgap_line *line, struct task_struct *task)
{
	bool takes = signal_taken_by(task, line->signal);

	if ((__u32)task->tgid != line->pid)
		return MEMGAP_CROSSED_BY_OTHER;
	switch (signal_expected(task, line->signal)) {
	case SIGNAL_EXPECTED_ELSEWHERE:
		return MEMGAP_CROSSED_BY_OTHER;
	case SIGNAL_EXPECTED:
		break;
	default:
		return MEMGAP_CROSSED_UNEXPECTED;
	}
	if (takes ? bpf_send_signal_thread(line->signal) : bpf_send_signal(line->signal))
		return MEMGAP_CROSSED_FAILED;
	return MEMGAP_CROSSED_SENT;
}

int line_cross(__u32 index)
{
	struct memgap_line *line = bpf_map_lookup_elem(&lines, &index);
	struct task_struct *task = bpf_get_current_task_btf();

	/* threads may reach it together */
	if (!line || __sync_val_compare_and_swap(&line->armed, 1, 0) != 1)
		return 0;
	line->crossed_ns = bpf_ktime_get_ns();
	line->by = (__u32)task->tgid;
	keep_rss(line, task);
	/* its interrupt is not to lie between the look and the process's taking the signal: another thread may change handlers meanwhile */
	send_event(MEMGAP_EVENT_CROSSED, line->by);
	line->result = ask_current(line, task);
	line->done_ns = bpf_ktime_get_ns();
	return 0;
}
