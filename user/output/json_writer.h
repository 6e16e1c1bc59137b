/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * JSON (RFC 8259), written straight to a stream: nothing is allocated. With -c probes sit on the libc that memgap itself
 * uses, and each call of malloc() would trap.
 *
 * key: of a member of the object that was opened last; NULL in a list, and for the outermost value.
 */
#ifndef MEMGAP_OUTPUT_JSON_WRITER_H
#define MEMGAP_OUTPUT_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json_writer {
	FILE *stream;
	bool follows; /* another value of the same object or list */
};

void writer_open_object(struct json_writer *writer, const char *key);
void writer_close_object(struct json_writer *writer);
void writer_open_list(struct json_writer *writer, const char *key);
void writer_close_list(struct json_writer *writer);

void writer_null(struct json_writer *writer, const char *key);
void writer_boolean(struct json_writer *writer, const char *key, bool value);
/* UNKNOWN is null. */
void writer_number(struct json_writer *writer, const char *key, int64_t value);
/* With so many decimals at most; what is not finite is null. */
void writer_real(struct json_writer *writer, const char *key, double value, int decimals);
/* Text from outside, too: what is not UTF-8 shows as '?' (of the first TARGET_PATH_MAX bytes, then). */
void writer_text(struct json_writer *writer, const char *key, const char *value);
/* "" is null. */
void writer_text_or_null(struct json_writer *writer, const char *key, const char *value);

#endif
