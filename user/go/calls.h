/* SPDX-License-Identifier: GPL-2.0-only */
/* Calls in machine code whose first argument is the address of a variable, as methods of a global one are called. */
#ifndef MEMGAP_GO_CALLS_H
#define MEMGAP_GO_CALLS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Tells each direct call after an address was put where Go passes the first argument (its ABIInternal: RAX; R0 on arm64), and
 * that address. Bytes in the middle of an instruction may look like either: what is told is likely, no more. Pure.
 */
void calls_scan(const uint8_t *code, size_t size, uint64_t address, void (*found)(void *data, uint64_t target, uint64_t argument),
		void *data);

#endif
