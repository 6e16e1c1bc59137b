/* SPDX-License-Identifier: GPL-2.0-only */
/* Little-endian words that may be at any address. */
#ifndef MEMGAP_MEMORY_WORD_H
#define MEMGAP_MEMORY_WORD_H

#include <stdint.h>
#include <string.h>

static inline uint64_t word(const uint8_t *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static inline uint32_t word32(const uint8_t *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

static inline uint16_t word16(const uint8_t *bytes)
{
	uint16_t value;

	memcpy(&value, bytes, sizeof(value));
	return value;
}

#endif
