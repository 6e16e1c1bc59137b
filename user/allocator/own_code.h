/* SPDX-License-Identifier: GPL-2.0-only */
/* memgap's own code, to be probed in a throw-away child of its own. */
#ifndef MEMGAP_ALLOCATOR_OWN_CODE_H
#define MEMGAP_ALLOCATOR_OWN_CODE_H

#include <stdint.h>

/* Where in memgap's own executable a function of it is: its distance from the mapping that holds it. 0 or -errno. */
int own_code_offset(const void *function, uint64_t *ret_offset);

#endif
