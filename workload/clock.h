/* SPDX-License-Identifier: GPL-2.0-only */
/* CLOCK_MONOTONIC in ns, the clock that BPF's bpf_ktime_get_ns() shows as well. */
#ifndef WORKLOAD_CLOCK_H
#define WORKLOAD_CLOCK_H

#include <stdint.h>

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

uint64_t clock_now_ns(void);

/* Returns at that time, or at once when it is past. */
void clock_sleep_until(uint64_t time_ns);

#endif
