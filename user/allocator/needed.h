/* SPDX-License-Identifier: GPL-2.0-only */
/* Which files with code a program is going to run, found out before it does. */
#ifndef MEMGAP_ALLOCATOR_NEEDED_H
#define MEMGAP_ALLOCATOR_NEEDED_H

#include <limits.h>

/*
 * Calls visit with the path of each library that the program's own dynamic loader would map now, in this
 * environment (`LOADER --list PROGRAM`, ld.so(8): nothing of the program is run), and with that of the program itself, which may
 * have an allocator linked in; a script stands for its interpreter. Returns 0, or -errno when the program's file cannot be read.
 */
int needed_libraries(const char *program, void (*visit)(const char *path, void *data), void *data);

/* The loader in PT_INTERP, or the interpreter after "#!": 1 and 2; 0 when there is neither; -errno. */
int needed_interpreter(const char *program, char ret_path[PATH_MAX]);

#endif
