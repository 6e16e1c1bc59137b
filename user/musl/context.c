// SPDX-License-Identifier: GPL-2.0-only
#include "user/musl/context.h"

#include <errno.h>

#include "user/memory/word.h"

/* Each time twice as many pages are fetched for meta data. */
#define SHIFT_MAX 40
#define CLASSES 48

/* Offsets without the page size, which would come right behind the secret. */
#define INIT_DONE 8
#define AVAIL_META 24
#define AVAIL_META_COUNT 32
#define AVAIL_AREA_COUNT 40
#define META_ALLOC_SHIFT 48
#define AREA_HEAD 56
#define AREA_TAIL 64
#define AVAIL_AREAS 72
#define ACTIVE 80

static bool is_page_size(uint64_t value)
{
	return value >= 4096 && value <= 65536 && !(value & (value - 1));
}

static bool is_area(uint64_t address)
{
	return address && address % AREA_BYTES == 0;
}

/* NULL, or a place for meta data in one of its pages. */
static bool may_be_meta(uint64_t address)
{
	uint64_t offset = address % AREA_BYTES;

	return !address || (offset >= AREA_HEADER && (offset - AREA_HEADER) % META_BYTES == 0);
}

bool context_parse(const uint8_t *bytes, bool has_page_size, struct context *ret)
{
	const uint8_t *at = bytes + (has_page_size ? 8 : 0);
	uint64_t count = word(at + AVAIL_META_COUNT), head = word(at + AREA_HEAD), tail = word(at + AREA_TAIL);

	if (word32(at + INIT_DONE) != 1 || (has_page_size && !is_page_size(word(bytes + 8))))
		return false;
	/* those that are left are the last ones of the last page */
	if (!is_area(head) || !is_area(tail) || count > AREA_SLOTS ||
	    word(at + AVAIL_META) != tail + AREA_HEADER + META_BYTES * (AREA_SLOTS - count))
		return false;
	if (word(at + META_ALLOC_SHIFT) > SHIFT_MAX || word(at + AVAIL_AREA_COUNT) > 32ULL << SHIFT_MAX ||
	    word(at + AVAIL_AREAS) % AREA_BYTES)
		return false;
	for (unsigned int i = 0; i < CLASSES; i++)
		if (!may_be_meta(word(at + ACTIVE + 8ULL * i)))
			return false;
	ret->has_page_size = has_page_size;
	ret->secret = word(bytes);
	ret->first_area = head;
	ret->last_area = tail;
	return true;
}

bool area_parse(const uint8_t *bytes, uint64_t secret, uint64_t *ret_next)
{
	*ret_next = word(bytes + 8);
	return word(bytes) == secret && word32(bytes + 16) == AREA_SLOTS && (!*ret_next || is_area(*ret_next));
}

static int check_area(const struct image *image, uint64_t address, uint64_t secret)
{
	uint8_t bytes[AREA_HEADER];
	uint64_t next;
	int result = image_get(image, address, bytes, sizeof(bytes));

	if (result)
		return result == -EFAULT ? -EAGAIN : result;
	return area_parse(bytes, secret, &next) ? 0 : -EAGAIN;
}

int context_read(const struct image *image, struct context *context)
{
	uint8_t bytes[CONTEXT_BYTES_MAX];
	struct context found = { .address = context->address };
	int result = image_get(image, context->address, bytes, sizeof(bytes));

	if (result)
		return result;
	if (!context_parse(bytes, context->has_page_size, &found))
		return -EAGAIN;
	result = check_area(image, found.first_area, found.secret);
	if (!result)
		result = check_area(image, found.last_area, found.secret);
	if (!result)
		*context = found;
	return result;
}
