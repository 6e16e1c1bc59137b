// SPDX-License-Identifier: GPL-2.0-only
#include "user/allocator/messages.h"

#include <bpf/libbpf.h>
#include <stdio.h>

#include "user/base/log.h"

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_DEBUG || !log_debug_enabled())
		return 0;
	return vfprintf(stderr, format, args); /* the verifier's log is many lines */
}

void libbpf_says_at_debug(void)
{
	libbpf_set_print(print_libbpf);
}
