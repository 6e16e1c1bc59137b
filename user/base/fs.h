/* SPDX-License-Identifier: GPL-2.0-only */
/* Small files (procfs, cgroupfs) read whole and bounded, below a directory fd. */
#ifndef MEMGAP_BASE_FS_H
#define MEMGAP_BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Reads at most size - 1 bytes of a file into buffer and ends them with NUL. Returns their number, or
 * -errno; -EFBIG when the file is longer than that.
 */
ssize_t read_file_at(int dir_fd, const char *path, char *buffer, size_t size);

/* Reads a whole file of up to max bytes, else -EFBIG; *ret_text is NUL-terminated and the caller's to free. */
int read_whole_file_at(int dir_fd, const char *path, size_t max, char **ret_text);

/* -errno that tells nothing of the file: this process, or the host, has no memory or descriptors left. */
bool fs_is_short(int error);

/* CLOCK_MONOTONIC, as BPF's bpf_ktime_get_ns() has it. */
uint64_t monotonic_ns(void);

#endif
