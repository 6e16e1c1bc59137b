// SPDX-License-Identifier: GPL-2.0-only
/* The same for kernels from 7.0 on, and for those that have no task work at all. */
#define HAS_IMPLICIT_ARGUMENTS
#include "gate.bpf.c" /* NOLINT(bugprone-suspicious-include): it is compiled twice */
