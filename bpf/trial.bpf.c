// SPDX-License-Identifier: GPL-2.0-only
/* What the self-test of probes counts with (user/allocator/trial.h). */
#include "maps.bpf.h"

SEC("uprobe")
int trial_enter(void *ctx)
{
	__u32 key = 0;
	__u64 *n = bpf_map_lookup_elem(&trial_hits, &key);

	if (n)
		__sync_fetch_and_add(n, 1);
	return 0;
}
