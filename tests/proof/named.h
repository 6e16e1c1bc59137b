/* SPDX-License-Identifier: GPL-2.0-only */
/* The malloc family and the operators of C++ by their names alone: for a file that library_read() has nothing to do with. */
#ifndef MEMGAP_TESTS_PROOF_NAMED_H
#define MEMGAP_TESTS_PROOF_NAMED_H

#include "user/allocator/library.h"

/* With the sites that code_read() chooses, forwarders too. 0 or -errno. */
int named_read(int fd, struct library *ret);

/* All names that a file has for what is at the offset, commas between; "" when it has none. */
void named_at(int fd, uint64_t offset, char *ret, size_t size);

#endif
