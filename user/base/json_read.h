/* SPDX-License-Identifier: GPL-2.0-only */
/* JSON, taken apart by jansson. */
#ifndef MEMGAP_BASE_JSON_READ_H
#define MEMGAP_BASE_JSON_READ_H

#include <jansson.h>
#include <stddef.h>

/*
 * As json_loadb(). 0: *ret is the caller's to json_decref(). Else it is NULL: -EPROTO, it is no JSON; -ENOMEM. jansson does not tell the two apart
 * (load.c has no json_error_out_of_memory), and what it had no memory for may be missing. where: as json_loadb()'s error, may be NULL.
 */
int json_read(const char *text, size_t n, size_t flags, json_t **ret, json_error_t *where);

#endif
