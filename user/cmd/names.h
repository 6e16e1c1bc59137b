/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the container engines call the containers that rows are of. They are asked in the background, and only when there is a
 * container whose name is not known: no line waits for an engine that hangs.
 */
#ifndef MEMGAP_CMD_NAMES_H
#define MEMGAP_CMD_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "user/base/loop.h"
#include "user/cmd/target_options.h"
#include "user/gap/snapshot.h"
#include "user/target/runtime.h"

struct names;

/* The options are the caller's, and stay. known may be NULL, or what was read already: names_close() frees it. 0 or -errno. */
int names_open(int proc_fd, const struct target_options *options, struct runtime_names *known, struct loop *loop,
	       struct names **ret);
/* NULL is allowed. false: an engine is still being waited for, and the options must stay. */
bool names_close(struct names *names);

/* At once: for who cannot go on without. Arguments and result as of runtime_names_read(). */
int names_read_now(int proc_fd, const struct target_options *options, struct runtime_names **ret, char *ret_note);

/*
 * Writes the container and the pod of a target whose cgroup is known. *asked_ns, 0 at first, is the caller's to keep for
 * each row: when its name was first asked for.
 */
void names_fill(struct names *names, struct target_name *target, uint64_t *asked_ns);

/* At each interval: asks, if a name is missing. */
void names_tick(struct names *names);

#endif
