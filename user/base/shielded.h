/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A system call that goes on to its end when this process is killed (SIGKILL) meanwhile, or its process group. There are those that the
 * kernel cannot undo with such a signal pending: uprobe_register() fails then, and on its way back so does uprobe_unregister()
 * (kernel/events/uprobes.c, "leaking uprobe"): a breakpoint stays in the target.
 *
 * A child makes the call, which shares this process's memory and file descriptors, as vfork()'s and posix_spawn()'s do. What it opens is
 * ours; if we are gone by then, it goes with the child, which nobody has killed. Who kills all that is in a cgroup or in a pid
 * namespace kills the child too.
 */
#ifndef MEMGAP_BASE_SHIELDED_H
#define MEMGAP_BASE_SHIELDED_H

#define SHIELDED_ARGUMENTS 5

/*
 * What the call returns, or -errno. The calling thread waits for it. Where there can be no child the call is made without one. In any thread.
 */
long shielded_call(long number, const long arguments[SHIELDED_ARGUMENTS]);

/* close(), of what takes probes away. */
void shielded_close(int fd);

#endif
