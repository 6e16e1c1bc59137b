/* SPDX-License-Identifier: GPL-2.0-only */
/* The certificate and the key of the server, looked at before anybody connects. */
#ifndef MEMGAP_HTTP_TLS_H
#define MEMGAP_HTTP_TLS_H

#include "user/base/error.h"

struct tls_files {
	char *certificate, *key; /* PEM; NULL: there is no TLS */
};

/* Fails with EXIT_USAGE: a file cannot be read, is no such thing, or the key is not the certificate's. */
int tls_files_read(const char *certificate, const char *key, struct tls_files *ret, struct error *err);
/* Overwrites the key. */
void tls_files_free(struct tls_files *files);

#endif
