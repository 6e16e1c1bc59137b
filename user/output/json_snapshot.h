/* SPDX-License-Identifier: GPL-2.0-only */
/* A snapshot as an object of schema 1: for --format json, and as a part of what the HTTP API answers. */
#ifndef MEMGAP_OUTPUT_JSON_SNAPSHOT_H
#define MEMGAP_OUTPUT_JSON_SNAPSHOT_H

#include "user/output/json_writer.h"
#include "user/gap/snapshot.h"

/* key: as in json_writer.h. No newline at its end. */
void json_write_snapshot(struct json_writer *writer, const char *key, const struct snapshot *snapshot);

#endif
