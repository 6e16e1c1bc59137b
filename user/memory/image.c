// SPDX-License-Identifier: GPL-2.0-only
#include "user/memory/image.h"

#include <errno.h>

int image_get(const struct image *image, uint64_t address, void *buffer, size_t size)
{
	ssize_t n = image->read(image->data, address, buffer, size);

	if (n < 0)
		return (int)n;
	return (size_t)n == size ? 0 : -EFAULT;
}
