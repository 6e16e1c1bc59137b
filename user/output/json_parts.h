/* SPDX-License-Identifier: GPL-2.0-only */
/* What all objects of schema 1 have. */
#ifndef MEMGAP_OUTPUT_JSON_PARTS_H
#define MEMGAP_OUTPUT_JSON_PARTS_H

#include "user/gap/snapshot.h"
#include "user/output/json_writer.h"

#define JSON_SCHEMA 1

/* "2026-01-31T12:00:00.123Z" */
void json_write_time(struct json_writer *writer, const char *key, const struct timespec *time);
void json_write_target(struct json_writer *writer, const struct target_name *target);

#endif
