/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program that is told of memory pressure trims itself as it knows best. The protocol is systemd's (docs/PRESSURE.md there,
 * which was MEMORY_PRESSURE.md; sd_event_add_memory_pressure(3)): who starts the program names, in its environment, what it
 * is to watch. memgap can tell it only where that is a FIFO.
 */
#ifndef MEMGAP_TRIM_PRESSURE_H
#define MEMGAP_TRIM_PRESSURE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "user/target/pid.h"
#include "user/trim/act.h"

/* An absolute path: of a FIFO, a socket, a PSI file of the kernel; or /dev/null, for a program that shall not listen. */
#define PRESSURE_WATCH "MEMORY_PRESSURE_WATCH"

/*
 * Writes one byte to the FIFO that the process has in its environment, if that very process has it open for reading and
 * somebody else holds it open for writing: for the end of its last writer is the end of the telling, after which sd-event
 * listens no more and others spin. A FIFO with something unread in it tells already: that is done, and nothing is written.
 *
 * ACT_REFUSED: it does not listen, or not at a FIFO; ACT_GONE; ACT_FAILED: that could not be found out, or done. why
 * (size bytes) gets the reason. Nothing waits for the process or for another end of the FIFO, and what it has open is looked at
 * without asking the file systems. But the path is looked up in the process's own root: where it leads through a file system that
 * does not answer (FUSE, NFS), that waits, and all of memgap with it. It is taken into the bargain: such a path is none for a FIFO,
 * which is of one host. SIGPIPE is to be ignored or blocked.
 */
enum act_result pressure_tell(int proc_fd, const struct pid_identity *id, bool dry_run, char *why, size_t size);

/* A FIFO for a program that memgap starts. */
struct pressure_fifo {
	char path[PATH_MAX]; /* absolute: for PRESSURE_WATCH in its environment */
	int fd;              /* both ends, so that the program never sees its end; -1: none */
	/*
	 * The end for writing alone, which the program is to inherit: being its own last writer it does not see a hangup, at which
	 * some spin, when memgap ends, however that may be. Who closes all that he inherits does see it.
	 */
	int gift_fd;
};

/*
 * Makes one, in a directory of its own below $XDG_RUNTIME_DIR, /run or /tmp, the first in which one can be made. Nobody but
 * memgap's user (and root) may open it: a program that becomes another user before it does so cannot listen. -errno.
 */
int pressure_offer(struct pressure_fifo *ret);

/*
 * Removes the file and its directory, and closes both ends. A program that goes on, and has inherited one, goes on listening to
 * what nobody writes to any more. Does nothing when there is none.
 */
void pressure_withdraw(struct pressure_fifo *fifo);

#endif
