// SPDX-License-Identifier: GPL-2.0-only
#include "user/musl/find.h"

#include <errno.h>
#include <string.h>

#include "user/memory/parts.h"

/* It is taken for none while it changes; what is linked statically seldom is musl. */
#define TRIES 20
#define TRIES_OF_STATIC 3

_Static_assert(CONTEXT_BYTES_MAX <= PARTS_OVERLAP, "a context is seen whole");

/* "ld-musl-x86_64.so.1", or "libc.so", which Debian's links to; also once it was deleted */
static bool is_libc(const char *path)
{
	const char *name = strrchr(path, '/');

	return name && (!strncmp(name, "/ld-musl-", 9) || !strcmp(name, "/libc.so") || !strcmp(name, "/libc.so (deleted)"));
}

struct search {
	const struct image *image;
	struct context *context;
};

/* One that its pages of meta data confirm. */
static int look(void *data, uint64_t address, const uint8_t *bytes, size_t n)
{
	struct search *search = data;

	for (size_t at = 0; at + CONTEXT_BYTES_MAX <= n; at += 8) {
		for (int has_page_size = 0; has_page_size < 2; has_page_size++) {
			struct context context;
			int result;

			if (!context_parse(bytes + at, has_page_size, &context))
				continue;
			context.address = address + at;
			result = context_read(search->image, &context);
			if (!result)
				*search->context = context;
			if (!result || result == -ESRCH)
				return result;
		}
	}
	return -ENOENT;
}

int find_in_range(const struct image *image, uint64_t start, uint64_t end, struct context *ret)
{
	struct search search = { image, ret };

	return part_search(image, &(struct part){ start, end }, look, &search);
}

int find_context(int dir_fd, const struct image *image, struct context *ret, const char **ret_why)
{
	struct search search = { image, ret };
	struct parts parts;
	int result = parts_read(dir_fd, is_libc, &parts);

	*ret_why = "its mappings cannot be read";
	if (result)
		return result;
	result = -ENOENT;
	for (unsigned int i = 0; i < (parts.has_wanted ? TRIES : TRIES_OF_STATIC) && result == -ENOENT; i++) {
		image_pause(image, i);
		result = parts_search(image, &parts, look, &search);
	}
	if (result == -ENOENT)
		*ret_why = parts.has_wanted ? "the state of its malloc was not found in its musl" :
					      "it has no musl, or has allocated nothing yet";
	return result;
}
