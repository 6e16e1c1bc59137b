/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of libcurl that is needed, loaded when it is needed: it brings thirty libraries and 12 MiB, which a memgap that asks no
 * container engine does not have to carry. Functions as in libcurl's manual.
 */
#ifndef MEMGAP_TARGET_LIBCURL_H
#define MEMGAP_TARGET_LIBCURL_H

#include <curl/curl.h>

struct libcurl {
	__typeof__(curl_easy_init) *easy_init;
	__typeof__(curl_easy_setopt) *easy_setopt;
	__typeof__(curl_easy_perform) *easy_perform;
	__typeof__(curl_easy_getinfo) *easy_getinfo;
	__typeof__(curl_easy_strerror) *easy_strerror;
	__typeof__(curl_easy_cleanup) *easy_cleanup;
};

/*
 * -ENOENT: it is not installed. Once loaded it stays. From any thread: its initialization locks since 7.84 (Debian 12 has 7.88).
 */
int libcurl_load(struct libcurl *ret);

#endif
