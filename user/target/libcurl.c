// SPDX-License-Identifier: GPL-2.0-only
#include "user/target/libcurl.h"

#include <dlfcn.h>
#include <errno.h>

/* The ABI's name since 7.16 (2006). */
#define LIBCURL "libcurl.so.4"

int libcurl_load(struct libcurl *ret)
{
	void *library = dlopen(LIBCURL, RTLD_NOW | RTLD_LOCAL);
	const struct {
		const char *name;
		void *function; /* a pointer's address; dlsym() gives what C has no type for */
	} functions[] = {
		{ "curl_easy_init", &ret->easy_init },         { "curl_easy_setopt", &ret->easy_setopt },
		{ "curl_easy_perform", &ret->easy_perform },   { "curl_easy_getinfo", &ret->easy_getinfo },
		{ "curl_easy_strerror", &ret->easy_strerror }, { "curl_easy_cleanup", &ret->easy_cleanup },
	};

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		void *function = library ? dlsym(library, functions[i].name) : NULL;

		if (!function)
			return -ENOENT;
		*(void **)functions[i].function = function;
	}
	return 0;
}
