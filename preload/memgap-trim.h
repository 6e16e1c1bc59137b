/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libmemgap-trim: at a signal the process gives back the memory that it has free.
 *
 * To have it in a process, one of:
 *   LD_PRELOAD=/usr/local/lib/libmemgap-trim.so program      nothing is built anew
 *   cc ... -Wl,--no-as-needed -lmemgap-trim                  linked
 *   cc ... -Wl,-u,memgap_trim_start libmemgap-trim.a         linked statically (or --whole-archive)
 *   memgap_trim_start() in the program, with either library  needs no option
 *
 * MEMGAP_TRIM_SIGNAL in the environment names the signal: "USR1" (the default), "USR2", "RTMIN+2" (each with or without "SIG"), or its
 * number. RTMIN is signal 34, as glibc, memgap and kill(1) have it, with musl too. Others are not taken: programs and libraries have their
 * own uses for them. What is not taken costs one line on stderr, and the library does nothing more.
 *
 * Before the signal. A constructor starts one thread, "memgap-trim", and sets a handler for the signal, if that had its default effect (it
 * would have ended the process). A program that handles, ignores, or waits for the signal itself is left alone, whether it begins so before
 * or after: its handler replaces this one; the thread blocks the signal, so it takes none from a sigwait() or a signalfd. The signal mask of
 * the program is not changed; exec() resets the handler as any other.
 *
 * At the signal. The handler wakes up the thread, nothing else; it may come at any time, in any thread. The thread calls, in this order: the
 * functions that are registered, then what the process has of glibc's malloc_trim(0), jemalloc's mallctl("arena.4096.purge"), tcmalloc's
 * MallocExtension_ReleaseFreeMemory(), mimalloc's mi_collect(true). Signals that come meanwhile cause one more trim, not one each. As with
 * any handled signal, what SA_RESTART does not cover (poll, epoll_wait, nanosleep: signal(7)) returns EINTR in the thread which took it.
 *
 * After fork() the child gets a thread of its own before fork() returns in it; if none can be had, the signal has its default effect again.
 * Children by vfork(), posix_spawn(), or clone() itself have none.
 *
 * What it costs before the signal: a block of 280 bytes in a glibc heap (libc's own for the thread; none in a child), 128 KiB of address
 * space. A process with a thread more is one with threads: its malloc() takes locks; unshare(CLONE_NEWUSER), and setns() to a user
 * namespace, fail; what Linux keeps for each thread (a seccomp filter without SECCOMP_FILTER_FLAG_TSYNC, capset()) does not apply to that
 * thread, if it is set later. docs/trimmable.md has figures.
 */
#ifndef MEMGAP_TRIM_H
#define MEMGAP_TRIM_H

#ifdef __cplusplus
extern "C" {
#endif

#define MEMGAP_TRIM_FUNCTIONS 32 /* so many can be registered at a time */

/*
 * What the constructor does, again: for a program that is linked statically, or that had set a handler and has given it up. Does nothing
 * if all is as it should be. Any thread may call it; no signal handler may.
 *
 * 0, or -EINVAL: MEMGAP_TRIM_SIGNAL is none that is taken. -EBUSY: the signal is handled or ignored by the program. -EAGAIN: no thread
 * could be had.
 */
int memgap_trim_start(void);

/*
 * Has function(data) called at each signal, before the allocator is asked: to drop a cache, say. It is called in the thread "memgap-trim":
 * it takes locks as any other thread would, may allocate and free (with glibc the thread then gets an arena of its own), and may use
 * 100 KiB of stack. It blocks all signals but those of its own faults (SIGSEGV and such). While it runs no other function does; the order
 * is not promised. Functions may register and unregister functions.
 *
 * Any thread may call these, before main() too; no signal handler may. What is registered stays so in the children of fork().
 *
 * register: 0, -EINVAL: no function. -EEXIST: it is registered with that data. -ENOSPC: there are MEMGAP_TRIM_FUNCTIONS.
 * unregister: 0: it does not run and will not (but where it unregisters itself); waits until it has ended. -ENOENT: it was not registered.
 */
int memgap_trim_register(void (*function)(void *), void *data);
int memgap_trim_unregister(void (*function)(void *), void *data);

#ifdef __cplusplus
}
#endif

#endif
