/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines on stdout, each in a single write(2) and without stdio, whose buffer would be a block on the heap
 * that nobody counts.
 */
#ifndef WORKLOAD_OUTPUT_H
#define WORKLOAD_OUTPUT_H

/* Longest line, its newline included. */
#define OUTPUT_LINE_MAX 1024

/* Writes the line, which ends in a newline. Returns 0, -EPIPE when the reader is gone, or another -errno. */
int output_line(const char *line);

/* The same, of at most OUTPUT_LINE_MAX - 1 bytes. */
int output_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
