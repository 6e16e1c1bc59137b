/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages on stderr, a line each, "memgap: …". stdout belongs to the data. */
#ifndef MEMGAP_BASE_LOG_H
#define MEMGAP_BASE_LOG_H

#include <stdbool.h>

/* Debug messages are shown when MEMGAP_DEBUG is set in the environment. */
void log_init(void);
bool log_debug_enabled(void);

/*
 * From now on messages, without "memgap: ", are given to take(), by whichever thread has them; NULL: to stderr again. Another thread
 * that is in the midst of one may call it a last time after that.
 */
void log_divert(void (*take)(const char *text, void *data), void *data);

void log_message(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
