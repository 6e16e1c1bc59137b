// SPDX-License-Identifier: GPL-2.0-only
#include "user/mimalloc/key.h"

#include <errno.h>
#include <string.h>

#include "user/memory/parts.h"
#include "user/memory/word.h"

/* "libmimalloc.so.2.0", "libmimalloc-secure.so.2.0" */
static bool is_library(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && strstr(name, "mimalloc");
}

struct search {
	uint64_t key, address;
};

static int look(void *data, uint64_t address, const uint8_t *bytes, size_t n)
{
	struct search *search = data;

	for (size_t at = 0; at + 8 <= n; at += 8) {
		if (word(bytes + at) != search->key)
			continue;
		search->address = address + at;
		return 0;
	}
	return -ENOENT;
}

int key_find(int dir_fd, const struct image *image, uint64_t key, uint64_t *ret_address)
{
	struct search search = { .key = key };
	struct parts parts;
	int result = parts_read(dir_fd, is_library, &parts);

	if (!result)
		result = parts_search(image, &parts, look, &search);
	if (!result)
		*ret_address = search.address;
	return result;
}

int key_check(const struct image *image, uint64_t address, uint64_t key)
{
	uint64_t value;
	int result = image_get(image, address, &value, sizeof(value));

	if (result)
		return result == -EFAULT ? -EAGAIN : result;
	return value == key ? 0 : -EAGAIN;
}
