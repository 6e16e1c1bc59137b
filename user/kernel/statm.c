// SPDX-License-Identifier: GPL-2.0-only
#include "user/kernel/statm.h"

#include <errno.h>

#include "user/base/units.h"
#include "user/kernel/keyed.h"

enum { SIZE, RESIDENT, SHARED, TEXT, LIB, DATA, DIRTY, N_FIGURES };

int statm_parse(const char *text, int64_t page_size, struct statm *ret)
{
	int64_t bytes[N_FIGURES];

	for (int i = 0; i < N_FIGURES; i++) {
		const char *end;
		int64_t pages = digits_parse(text, INT64_MAX / page_size, &end);

		if (!is_known(pages) || *end != (i + 1 < N_FIGURES ? ' ' : '\n'))
			return -EINVAL;
		bytes[i] = pages * page_size;
		text = end + 1;
	}
	if (!bytes[SIZE])
		return -ESRCH;
	*ret = (struct statm){ bytes[SIZE], bytes[RESIDENT], bytes[SHARED], bytes[TEXT], bytes[DATA] };
	return 0;
}
