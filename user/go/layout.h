/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where Go's runtime keeps what of its memory, on 64-bit machines: runtime.gcController (gcControllerState in runtime/mgcpacer.go)
 * and runtime.memstats (mstats in runtime/mstats.go). Which layout it is, its own books tell: they balance in one alone.
 */
#ifndef MEMGAP_GO_LAYOUT_H
#define MEMGAP_GO_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "user/go/go.h"

struct go_layout;

/* As far as they are read, in any layout. */
#define CONTROLLER_BYTES 352
#define MEMSTATS_BYTES 7708

/*
 * What the two hold. -EAGAIN: the books do not balance, since they were read amid a change or this is not their layout. *ret
 * is then as it was. Pure.
 */
int layout_view(const struct go_layout *layout, const uint8_t controller[CONTROLLER_BYTES], const uint8_t memstats[MEMSTATS_BYTES],
		struct go_view *ret);

/* The newest layout in which they balance, or NULL. Pure. */
const struct go_layout *layout_find(const uint8_t controller[CONTROLLER_BYTES], const uint8_t memstats[MEMSTATS_BYTES]);

/* Whether the runtime has not set them up yet: no layout is found then. Pure. */
bool layout_is_unset(const uint8_t controller[CONTROLLER_BYTES]);

/* The versions of Go that have it, for people. */
const char *layout_versions(const struct go_layout *layout);

#endif
