// SPDX-License-Identifier: GPL-2.0-only
#include "user/musl/group.h"

#include "user/memory/word.h"

/* what an address may be; a mapping is not larger */
#define ADDRESS_MAX (1ULL << 56)
#define MAPPING_MAX (1ULL << 47)

#define CLASSES 48
#define CLASS_NONE 63 /* of a large block, in a mapping of its own */
#define RESERVED_GROUP 6
/* In the header of a slot whose block does not start with it. */
#define MOVED (7 << 5)

/* size_classes[] in src/malloc/mallocng/malloc.c, in units */
static const uint16_t size_classes[CLASSES] = {
	1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 18, 20, 25, 31, 36, 42, 50, 63, 72, 84, 102, 127, 146, 170, 204, 255, 292, 340, 409,
	511, 584, 682, 818, 1023, 1169, 1364, 1637, 2047, 2340, 2730, 3276, 4095, 4680, 5460, 6552, 8191,
};

/* Whether the slots fit into what they lie in. */
static bool is_sound(const struct meta *meta, uint64_t size_class)
{
	if (meta->group % UNIT || meta->group >= ADDRESS_MAX)
		return false;
	if (!meta->map_bytes)
		return size_class < CLASSES;
	if (meta->group % 4096 || meta->map_bytes > MAPPING_MAX)
		return false;
	return meta->slots == 1 || (size_class < CLASSES && meta->stride * meta->slots + UNIT <= meta->map_bytes);
}

enum meta_kind meta_parse(const uint8_t *bytes, uint64_t address, struct meta *ret)
{
	uint64_t flags = word(bytes + 32), pages = flags >> 12, size_class = flags >> 6 & 63;
	uint32_t available = word32(bytes + 24), freed = word32(bytes + 28), all;
	struct meta meta = { .address = address, .group = word(bytes + 16) };

	if (!meta.group)
		return META_NONE;
	if (pages > MAPPING_MAX / 4096 || (size_class >= CLASSES && size_class != CLASS_NONE))
		return META_UNSOUND;
	meta.slots = (flags & 31) + 1;
	meta.map_bytes = pages * 4096;
	if (pages && meta.slots == 1)
		meta.stride = meta.map_bytes - UNIT;
	else if (size_class < CLASSES)
		meta.stride = UNIT * size_classes[size_class];
	meta.unused = available | freed;
	meta.is_given = !pages && !(flags & 32);
	all = (uint32_t)((1ULL << meta.slots) - 1);
	if (!is_sound(&meta, size_class) || available & freed || meta.unused & ~all)
		return META_UNSOUND;
	*ret = meta;
	return META_GROUP;
}

uint64_t slot_block(const struct meta *meta, unsigned int index, const uint8_t *before)
{
	uint64_t start = slot_start(meta, index);

	return before[BEFORE_BLOCK - 3] == MOVED ? start + UNIT * word16(before + BEFORE_BLOCK - 2) : start;
}

enum slot_kind slot_parse(const struct meta *meta, unsigned int index, uint64_t block, const uint8_t *before,
			  uint32_t *ret_reserved)
{
	uint64_t offset = (block - meta->group - UNIT) / UNIT;
	uint64_t low = word16(before + BEFORE_BLOCK - 2);
	uint8_t packed = before[BEFORE_BLOCK - 3];

	if (before[BEFORE_BLOCK - 4]) {
		if (low || offset <= UINT16_MAX || word32(before + BEFORE_BLOCK - 8) != offset)
			return SLOT_UNSOUND;
	} else if (low != offset) {
		return SLOT_UNSOUND;
	}
	if ((packed & 31) != index || packed >> 5 > RESERVED_GROUP)
		return SLOT_UNSOUND;
	*ret_reserved = packed >> 5;
	return *ret_reserved == RESERVED_GROUP ? SLOT_GROUP : SLOT_BLOCK;
}
