/* SPDX-License-Identifier: GPL-2.0-only */
/* What the store gives, as the API's JSON (api.h): data in, text out. */
#ifndef MEMGAP_HTTP_API_JSON_H
#define MEMGAP_HTTP_API_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "user/store/store.h"

/* picture: NULL when no interval is over yet. */
void api_write_targets(FILE *body, const struct picture *picture, const struct stored_target *targets, size_t n);
void api_write_series(FILE *body, uint64_t id, const struct series_point *points, size_t n);
void api_write_trims(FILE *body, const struct stored_trim *trims, size_t n, bool more);
/* A whole event, with the empty line that ends it. */
void api_write_event(FILE *body, const struct picture *picture, const struct stored_trim *trims, size_t n);

/* The number of the last trim that the picture knows of. */
uint64_t api_trims_so_far(const struct picture *picture);

#endif
