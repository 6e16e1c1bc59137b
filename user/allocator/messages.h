/* SPDX-License-Identifier: GPL-2.0-only */
/* What libbpf itself has to say: with MEMGAP_DEBUG=1 on stderr, else nowhere. */
#ifndef MEMGAP_ALLOCATOR_MESSAGES_H
#define MEMGAP_ALLOCATOR_MESSAGES_H

/* For the whole program; before the first object is opened. */
void libbpf_says_at_debug(void);

#endif
