/* SPDX-License-Identifier: GPL-2.0-only */
/* What an executable file is, as far as it matters for its allocator. The file may be hostile: every read is bounded. */
#ifndef MEMGAP_ALLOCATOR_PROGRAM_H
#define MEMGAP_ALLOCATOR_PROGRAM_H

#include <stdbool.h>

struct program {
	bool known;       /* it could be read, and is an ELF file of this machine; else nothing below is */
	bool is_go;       /* it carries the Go linker's build information (debug/buildinfo of Go's library) */
	bool is_static;   /* it asks for no dynamic loader */
	bool has_symbols; /* not stripped */
};

/* Reads the file behind fd; what cannot be read is not known. */
void program_read(int fd, struct program *ret);

#endif
