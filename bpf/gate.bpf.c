// SPDX-License-Identifier: GPL-2.0-only
/*
 * A signal is sent where it is known that the process expects it: an object of its own, since only newer kernels have it.
 *
 * send_now looks at a process, which may be running on another CPU, and sends. post makes a thread that would take the signal, its
 * first if that would, come out of what it does, to look and send itself (send_posted): from there it goes straight on to its handlers
 * (get_signal() in kernel/signal.c runs task work before it takes a signal), and cannot have changed them in between.
 */
#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "expects.bpf.h"
#include "gate.h"

extern void bpf_rcu_read_lock(void) __ksym __weak;
extern void bpf_rcu_read_unlock(void) __ksym __weak;
extern struct task_struct *bpf_task_from_vpid(int pid) __ksym __weak;
extern struct task_struct *bpf_task_from_pid(int pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;
extern int bpf_send_signal_task(struct task_struct *task, int signal, enum pid_type type, __u64 value) __ksym __weak;

/* From 7.0 on the verifier puts in the last argument. A declaration that is not the kernel's is refused even where nobody calls it. */
#ifdef HAS_IMPLICIT_ARGUMENTS
extern int bpf_task_work_schedule_signal(struct task_struct *task, struct bpf_task_work *work, void *map,
					 bpf_task_work_callback_t callback) __ksym __weak;
#define schedule_in(task, work, map, callback) bpf_task_work_schedule_signal(task, work, map, callback)
#else
extern int bpf_task_work_schedule_signal_impl(struct task_struct *task, struct bpf_task_work *work, void *map,
					      bpf_task_work_callback_t callback, void *aux) __ksym __weak;
#define schedule_in(task, work, map, callback) bpf_task_work_schedule_signal_impl(task, work, map, callback, NULL)
#endif

struct posted {
	struct bpf_task_work work;
	__u64 ticket;
};

/* One at a time. Whoever deletes or replaces it takes it back. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct posted);
} posts SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} answers SEC(".maps");

/* The ticket of what was posted. Whoever makes it 0 has it: the process, or the caller when he has waited long enough. */
volatile __u64 pending_ticket;
/* What came of it, in one word: its ticket with enum memgap_gate_result in the signal's place. */
volatile __u64 outcome;
volatile __u32 last_number;

char LICENSE[] SEC("license") = "GPL";

#define NS_PER_SECOND 1000000000ULL
#define NS_PER_TICK (NS_PER_SECOND / 100) /* USER_HZ */

/* do_task_stat() in fs/proc/array.c: in the time namespace of who reads it. */
static __always_inline __u64 start_ticks(struct task_struct *task)
{
	struct task_struct *reader = bpf_get_current_task_btf();
	__u64 ns = BPF_CORE_READ(task, start_boottime);

	if (bpf_core_field_exists(reader->nsproxy->time_ns))
		ns += (__u64)BPF_CORE_READ(reader, nsproxy, time_ns, offsets.boottime.tv_sec) * NS_PER_SECOND +
		      (__u64)BPF_CORE_READ(reader, nsproxy, time_ns, offsets.boottime.tv_nsec);
	return ns / NS_PER_TICK;
}

/* Whether it is the first thread of that process, and a thread of it is alive. */
static __always_inline bool is_asked_for(struct task_struct *task, const struct memgap_gate_request *request)
{
	return BPF_CORE_READ(task, pid) == BPF_CORE_READ(task, tgid) && start_ticks(task) == request->start_time &&
	       BPF_CORE_READ(task, signal, live.counter) > 0;
}

static __always_inline enum memgap_gate_result check(struct task_struct *task, __u32 signal)
{
	enum signal_expectation expectation;

	bpf_rcu_read_lock();
	expectation = signal_expected(task, signal);
	bpf_rcu_read_unlock();
	if (expectation == SIGNAL_UNSURE)
		return MEMGAP_GATE_UNABLE;
	return expectation == SIGNAL_UNEXPECTED ? MEMGAP_GATE_UNEXPECTED : MEMGAP_GATE_SENT;
}

/* The kernel refuses for its own threads and the system's init, and where too many signals wait (RLIMIT_SIGPENDING). */
static __always_inline enum memgap_gate_result check_and_send(struct task_struct *task, __u32 signal, enum pid_type type)
{
	enum memgap_gate_result result = check(task, signal);

	if (result == MEMGAP_GATE_SENT && bpf_send_signal_task(task, (int)signal, type, 0))
		return MEMGAP_GATE_UNABLE;
	return result;
}

/*
 * Runs in a thread of the process, on its way back to user mode. The caller is woken before it looks: nothing is to lie
 * between that and its taking the signal, for other threads may change handlers as well.
 */
static int send_posted(struct bpf_map *map, void *key, void *value)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct posted *posted = value;
	union memgap_gate_ticket ticket = { .value = posted->ticket };
	__u32 signal = ticket.signal;

	/* its element may be the next one's by now */
	if (ticket.pid != (__u32)task->tgid || __sync_val_compare_and_swap(&pending_ticket, ticket.value, 0) != ticket.value)
		return 0;
	bpf_ringbuf_output(&answers, &ticket.value, sizeof(ticket.value), BPF_RB_FORCE_WAKEUP);
	if (signal_taken_by(task, signal))
		ticket.signal = check_and_send(task, signal, PIDTYPE_PID);
	else if (BPF_CORE_READ(task, signal, nr_threads) == 1)
		ticket.signal = check_and_send(task, signal, PIDTYPE_TGID);
	else
		ticket.signal = MEMGAP_GATE_UNABLE; /* it has come to block it meanwhile */
	outcome = ticket.value;
	return 0;
}

/* In include/linux/sched.h: TASK_RUNNING; TASK_UNINTERRUPTIBLE, __TASK_STOPPED, __TASK_TRACED. */
#define TASK_RUNS 0
#define NOT_WOKEN (0x2 | 0x4 | 0x8)

/*
 * The pid, as the initial namespace has it, of a thread that would take the signal, the first if it would. 0: none that is looked at, or
 * the first waits for it in sigtimedwait(): the kernel gives it to that (complete_signal() in kernel/signal.c).
 */
static __always_inline __u32 thread_that_takes(struct task_struct *first, __u32 signal)
{
	struct thread_walk walk = {};
	struct task_struct *last;
	__u32 pid = 0;

	if (BPF_CORE_READ(first, real_blocked.sig[0]) & signal_bit(signal))
		return 0;
	bpf_rcu_read_lock();
	look_at_threads(BPF_CORE_READ(first, signal), signal, &walk);
	last = walk.last;
	if (walk.open)
		pid = (__u32)BPF_CORE_READ(last, pid);
	bpf_rcu_read_unlock();
	return pid;
}

/*
 * Whether the signal would interrupt the thread anyway: who blocks it is not to be disturbed for nothing, epoll_wait() would return
 * EINTR. What is being waited for in sigtimedwait() is as good as blocked. The only thread, when it blocks the signal and is not
 * asleep, is mostly within the handler.
 */
static __always_inline bool can_come(struct task_struct *thread, __u32 signal)
{
	__u32 state = BPF_CORE_READ(thread, __state);

	if (!signal_taken_by(thread, signal))
		return state == TASK_RUNS && BPF_CORE_READ(thread, signal, nr_threads) == 1;
	return !(state & NOT_WOKEN);
}

static __always_inline enum memgap_gate_result post_in(struct task_struct *thread, struct memgap_gate_request *request)
{
	union memgap_gate_ticket ticket = { .signal = request->signal, .number = ++last_number, .pid = (__u32)thread->tgid };
	struct posted new = { .ticket = ticket.value }, *posted;
	__u32 key = 0;

	if (!can_come(thread, request->signal))
		return MEMGAP_GATE_UNABLE;
	bpf_map_update_elem(&posts, &key, &new, BPF_ANY);
	posted = bpf_map_lookup_elem(&posts, &key);
	if (!posted)
		return MEMGAP_GATE_UNABLE;
	pending_ticket = request->ticket = ticket.value;
	if (!schedule_in(thread, &posted->work, &posts, send_posted))
		return MEMGAP_GATE_POSTED;
	pending_ticket = 0;
	return MEMGAP_GATE_UNABLE;
}

static __always_inline enum memgap_gate_result post_to(struct task_struct *first, struct memgap_gate_request *request)
{
	__u32 pid = thread_that_takes(first, request->signal);
	struct task_struct *thread = bpf_task_from_pid(pid ? (int)pid : first->pid);
	enum memgap_gate_result result = MEMGAP_GATE_UNABLE;

	if (!thread)
		return result;
	if (thread->signal == first->signal) /* else its pid is another's by now */
		result = post_in(thread, request);
	bpf_task_release(thread);
	return result;
}

/* Between a look from another CPU and a thread's taking the signal: long, where that does not run. */
static __always_inline bool may_change_meanwhile(struct task_struct *first, __u32 signal)
{
	return BPF_CORE_READ(first, signal, nr_threads) > 1 && thread_that_takes(first, signal);
}

static __always_inline enum memgap_gate_result send_to(struct task_struct *first, const struct memgap_gate_request *request)
{
	if (request->posts && may_change_meanwhile(first, request->signal) && check(first, request->signal) == MEMGAP_GATE_SENT)
		return MEMGAP_GATE_BUSY;
	return check_and_send(first, request->signal, PIDTYPE_TGID);
}

SEC("syscall")
int send_now(struct memgap_gate_request *request)
{
	struct task_struct *task = bpf_task_from_vpid((int)request->pid);

	request->result = MEMGAP_GATE_GONE;
	if (!task)
		return 0;
	if (is_asked_for(task, request))
		request->result = send_to(task, request);
	bpf_task_release(task);
	return 0;
}

SEC("syscall")
int post(struct memgap_gate_request *request)
{
	struct task_struct *task = bpf_task_from_vpid((int)request->pid);

	request->result = MEMGAP_GATE_GONE;
	if (!task)
		return 0;
	if (is_asked_for(task, request)) {
		request->result = check(task, request->signal);
		if (request->result == MEMGAP_GATE_SENT)
			request->result = post_to(task, request);
	}
	bpf_task_release(task);
	return 0;
}
