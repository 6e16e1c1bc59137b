// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/branch_targets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TARGETS 65536 /* a file can be made of nothing but branches */

static int compare_offsets(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The first of them that is greater than the offset, or their number. */
static size_t first_above(const uint64_t *sorted, size_t n, uint64_t offset)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (sorted[middle] <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool branch_targets_lead_into(const struct branch_targets *targets, uint64_t start, uint64_t last)
{
	size_t at = first_above(targets->offsets, targets->n, start);

	return at < targets->n && targets->offsets[at] <= last;
}

int branch_targets_init(struct branch_targets *ret, const uint64_t *functions, size_t n)
{
	*ret = (struct branch_targets){ .functions = malloc(n * sizeof(*functions)), .n_functions = n };
	if (!ret->functions)
		return -ENOMEM;
	memcpy(ret->functions, functions, n * sizeof(*functions));
	qsort(ret->functions, n, sizeof(*functions), compare_offsets);
	return 0;
}

/* The last of the functions that begin before the offset is the one in question. */
static bool is_near_function(const struct branch_targets *targets, uint64_t offset)
{
	size_t low = 0, high = targets->n_functions;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (targets->functions[middle] < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low && offset - targets->functions[low - 1] < BRANCH_TARGETS_RANGE;
}

int branch_targets_add(struct branch_targets *targets, uint64_t offset)
{
	uint64_t *offsets;

	if (!is_near_function(targets, offset))
		return 0;
	if (targets->n == MAX_TARGETS)
		return -E2BIG;
	offsets = realloc(targets->offsets, (targets->n + 1) * sizeof(*offsets));
	if (!offsets)
		return -ENOMEM;
	offsets[targets->n++] = offset;
	targets->offsets = offsets;
	return 0;
}

void branch_targets_sort(struct branch_targets *targets)
{
	if (targets->n)
		qsort(targets->offsets, targets->n, sizeof(*targets->offsets), compare_offsets);
}

void branch_targets_free(struct branch_targets *targets)
{
	free(targets->functions);
	free(targets->offsets);
	*targets = (struct branch_targets){ 0 };
}
