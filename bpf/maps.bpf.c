// SPDX-License-Identifier: GPL-2.0-only
/* Defines the maps. Linked first: bpftool resolves a map only if its definition came before its uses. */
#define MAP_LINKAGE
#include "maps.bpf.h"

char LICENSE[] SEC("license") = "GPL";

const volatile bool makes_tail_calls = false;
volatile __u32 probes_epoch = 0;
