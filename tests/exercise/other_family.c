// SPDX-License-Identifier: GPL-2.0-only
/* What some allocators have besides: C++'s operators, jemalloc's own calls. Where they are not there, nothing is done. */
#include "tests/exercise/ledger.h"

#include <malloc.h>
#include <stdlib.h>

/* C++'s, where there are any: operator new and delete, for arrays, with an alignment, sized, not throwing. */
void *operator_new(size_t size) __asm__("_Znwm") __attribute__((weak));
void *operator_new_array(size_t size) __asm__("_Znam") __attribute__((weak));
void *operator_new_nothrow(size_t size, const void *tag) __asm__("_ZnwmRKSt9nothrow_t") __attribute__((weak));
void operator_delete(void *block) __asm__("_ZdlPv") __attribute__((weak));
void operator_delete_sized(void *block, size_t size) __asm__("_ZdlPvm") __attribute__((weak));
void operator_delete_array(void *block) __asm__("_ZdaPv") __attribute__((weak));

static void new_and_delete(void)
{
	if (!operator_new || !operator_new_array || !operator_new_nothrow || !operator_delete || !operator_delete_sized ||
	    !operator_delete_array)
		return;
	for (size_t i = 1; i < 40000; i += i / 3 + 1) {
		void *one = got(operator_new(i)), *array = got(operator_new_array(i * 2)), *other = got(operator_new_nothrow(i, ""));

		taken_back(one);
		taken_back(array);
		taken_back(other);
		operator_delete(one);
		operator_delete_array(array);
		operator_delete_sized(other, i);
	}
}

/* jemalloc's own, where it is there: mallocx(3). */
void *mallocx(size_t size, int flags) __attribute__((weak));
void *rallocx(void *block, size_t size, int flags) __attribute__((weak));
size_t xallocx(void *block, size_t size, size_t extra, int flags) __attribute__((weak));
void dallocx(void *block, int flags) __attribute__((weak));
void sdallocx(void *block, size_t size, int flags) __attribute__((weak));

#define LG_ALIGN_256 8 /* MALLOCX_LG_ALIGN(8) */

static void jemalloc_calls(void)
{
	for (size_t i = 1; mallocx && i < 100000; i += i / 2 + 1) {
		void *one = got(mallocx(i, 0)), *aligned = got(mallocx(i, LG_ALIGN_256));

		taken_back(one);
		one = got(rallocx(one, i * 3, 0));
		taken_back(aligned);
		xallocx(aligned, i * 2, 0, LG_ALIGN_256);
		got(aligned);
		taken_back(one);
		taken_back(aligned);
		sdallocx(aligned, malloc_usable_size(aligned), LG_ALIGN_256);
		dallocx(one, 0);
	}
}

const struct action other_family_actions[] = {
	{ "new_and_delete", new_and_delete },
	{ "jemalloc_calls", jemalloc_calls },
	{ NULL, NULL },
};
