/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Basic authentication (RFC 7617) against a file: a line "user:password" each, the password as it is or as crypt(5) has it ("$2y$…",
 * "$5$…", "$6$…", "$y$…": what `htpasswd -B` and `mkpasswd` write). Empty lines and such with '#' first are left out.
 */
#ifndef MEMGAP_HTTP_AUTH_H
#define MEMGAP_HTTP_AUTH_H

#include <stdbool.h>

#include "user/base/error.h"

struct auth;

/*
 * Fails with EXIT_USAGE: not there, readable by everyone, a line that is none, a kind of hash that this host's libcrypt does not know,
 * nobody in it.
 */
int auth_open(const char *path, struct auth **ret, struct error *err);
/* Overwrites what is secret in it. NULL is allowed. */
void auth_close(struct auth *auth);

/*
 * Whether the value of an Authorization header (NULL: there is none) is somebody's in the file. How long it takes does not tell how
 * much of a password was right. A hash takes its time: what was right last is remembered.
 */
bool auth_check(struct auth *auth, const char *header);

#endif
