// SPDX-License-Identifier: GPL-2.0-only
/*
 * The files that a process has code of. Read here rather than from /proc/PID/maps because of overlayfs:
 * a container's libc has another device and inode number in each container of an image there (Linux 6.8 on),
 * while a uprobe sits on the one inode below, which is what vma->vm_file shows.
 */
#include "maps.bpf.h"

#define VM_EXEC 0x4UL /* include/linux/mm.h */
#define S_IFMT 0170000
#define S_IFREG 0100000

SEC("iter/task_vma")
int list_modules(struct bpf_iter__task_vma *ctx)
{
	struct vm_area_struct *vma = ctx->vma;
	struct memgap_module module = {};
	struct inode *inode;

	if (!vma || !(BPF_CORE_READ(vma, vm_flags) & VM_EXEC))
		return 0;
	inode = BPF_CORE_READ(vma, vm_file, f_inode);
	if (!inode || (BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFREG)
		return 0;
	module.start = BPF_CORE_READ(vma, vm_start);
	module.end = BPF_CORE_READ(vma, vm_end);
	module.device = BPF_CORE_READ(inode, i_sb, s_dev);
	module.inode = BPF_CORE_READ(inode, i_ino);
	bpf_seq_write(ctx->meta->seq, &module, sizeof(module));
	return 0;
}
