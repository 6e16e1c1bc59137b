// SPDX-License-Identifier: GPL-2.0-only
/* Programs that do nothing: what a probe costs before anybody has counted anything. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

SEC("uprobe")
int empty_enter(void *ctx)
{
	return 0;
}

SEC("uretprobe")
int empty_return(void *ctx)
{
	return 0;
}

SEC("uprobe")
int empty_free(void *ctx)
{
	return 0;
}

SEC("uprobe")
int empty_exit(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
