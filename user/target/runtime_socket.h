/* SPDX-License-Identifier: GPL-2.0-only */
/* The API of a container engine, over its UNIX socket (HTTP/1.1: Docker Engine API; Podman answers to the same). */
#ifndef MEMGAP_TARGET_RUNTIME_SOCKET_H
#define MEMGAP_TARGET_RUNTIME_SOCKET_H

#include <stddef.h>

#define RUNTIME_REASON_MAX 256
#define RUNTIME_ANSWER_MAX (16 << 20)
#define RUNTIME_CONNECT_MS 300L
#define RUNTIME_TOTAL_MS 1000L

/*
 * Asks for the running containers. socket_fd is the socket's file, opened with O_PATH: its path may be of any length, and
 * in another file system tree. *ret_text is the caller's to free, *ret_length its bytes. On failure -EPROTO, -ETIMEDOUT,
 * -EFBIG, -ECONNREFUSED, … and the reason in words that follow "the socket PATH ".
 *
 * The path has no version of the API in it: then the engine takes its own latest. Docker 29.0 refuses those below 1.44,
 * Docker before 25 those from 1.44 on, and what is read here is in all of them since 1.24.
 */
int runtime_socket_ask(int socket_fd, char **ret_text, size_t *ret_length, char ret_reason[RUNTIME_REASON_MAX]);

#endif
