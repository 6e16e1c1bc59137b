/* SPDX-License-Identifier: GPL-2.0-only */
/* The BPF object: opened, set up and loaded in the way that this kernel has, which is found out by trying. */
#ifndef MEMGAP_ALLOCATOR_OBJECT_H
#define MEMGAP_ALLOCATOR_OBJECT_H

#include "user/allocator/probes.h"
#include "user/allocator/trial.h"
#include "user/base/error.h"

struct memgap_bpf;

/* Nothing is attached yet. Fails with EXIT_HOST and the remedy. memgap_bpf__destroy() releases it. */
int object_load(const struct probes_limits *limits, struct memgap_bpf **ret, struct probes_features *ret_features, struct error *err);

/* After a failure: whether it is for want of the cookies of uprobes, which Linux 5.15 has. */
bool object_is_beyond_kernel(void);

struct trial_programs object_trial_programs(const struct memgap_bpf *bpf);

#endif
