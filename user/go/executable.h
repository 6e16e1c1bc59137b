/* SPDX-License-Identifier: GPL-2.0-only */
/* The file that a process runs: what is at /proc/PID/exe (proc(5)), and where the kernel put it (/proc/PID/auxv). */
#ifndef MEMGAP_GO_EXECUTABLE_H
#define MEMGAP_GO_EXECUTABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "user/memory/elf_file.h"

/* dir_fd: /proc/PID. -ESRCH, -EACCES, -EPERM; -ENOEXEC when it is no ELF file of this machine. executable_close() releases it. */
int executable_open(int dir_fd, struct elf_file *ret);
void executable_close(struct elf_file *file);

/* What is to be added to the file's addresses: where a position-independent one was put. -ENOEXEC when that is not told. */
int executable_bias(int dir_fd, const struct elf_file *file, uint64_t *ret);

/* It needs shared libraries, or was linked by a C compiler's start files: libc is in it, or beside it. */
bool executable_has_c(struct elf_file *file);

#endif
