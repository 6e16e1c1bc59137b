/* SPDX-License-Identifier: GPL-2.0-only */
/* The CPU time that all threads of a process have used (clock_getcpuclockid(3)): exact, unlike that in /proc/PID/stat. */
#ifndef MEMGAP_KERNEL_CPU_CLOCK_H
#define MEMGAP_KERNEL_CPU_CLOCK_H

#include <stdint.h>
#include <sys/types.h>

/* ns; UNKNOWN (base/units.h) when it is gone. */
int64_t cpu_clock_of(pid_t pid);

#endif
