/* SPDX-License-Identifier: GPL-2.0-only */
/* Where to listen: "127.0.0.1:9435", "[::1]:9435", "localhost:9435"; ":9435" is every address that the host has. */
#ifndef MEMGAP_HTTP_ADDRESS_H
#define MEMGAP_HTTP_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

#include "user/base/error.h"

#define ADDRESS_TEXT_MAX 64

struct address {
	struct sockaddr_storage socket;
	socklen_t length;
	bool any; /* of both families, where the host has both */
};

/* Port 0: the kernel chooses. No name is looked up. Fails with EXIT_USAGE. */
int address_parse(const char *text, struct address *ret, struct error *err);

/* Nobody but this host reaches it. */
bool address_is_private(const struct address *address);

/* A listening socket, non-blocking; text: as the address was written. -1: EXIT_FAILED, and the remedy. */
int address_listen(const struct address *address, const char *text, struct error *err);

/* "127.0.0.1:9435": where a socket listens. */
void address_of(int fd, char ret_text[ADDRESS_TEXT_MAX]);

#endif
