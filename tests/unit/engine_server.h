/* SPDX-License-Identifier: GPL-2.0-only */
/* A container engine's socket, served by a child that behaves as it is told. After helpers.h. */
#ifndef MEMGAP_TESTS_UNIT_ENGINE_SERVER_H
#define MEMGAP_TESTS_UNIT_ENGINE_SERVER_H

#include <sys/socket.h>
#include <sys/un.h>

#define HTTP_OK "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

struct behaviour {
	const char *path;     /* of the socket */
	const char *say;      /* to each that connects, after its request */
	const char *repeat;   /* then this, for ever */
	bool hang;            /* then nothing, and the connection stays open */
	bool accept_nobody;
	const char *request;  /* a file that takes the last request */
};

/* Set before the child is forked, which has a copy. */
static struct behaviour behaviour;

static inline int socket_listen(const char *path, int backlog)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, backlog))
		_exit(98);
	return fd;
}

static inline bool send_text(int fd, const char *text)
{
	size_t length = strlen(text);

	while (length) {
		ssize_t n = send(fd, text, length, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		text += n;
		length -= (size_t)n;
	}
	return true;
}

static inline void serve_one(int fd)
{
	char request[4096];
	ssize_t n = read(fd, request, sizeof(request));

	if (n > 0 && behaviour.request) {
		int file = open(behaviour.request, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

		if (write(file, request, (size_t)n) != n || close(file))
			_exit(97);
	}
	if (behaviour.say && !send_text(fd, behaviour.say))
		return;
	while (behaviour.repeat && send_text(fd, behaviour.repeat))
		;
	while (behaviour.hang)
		pause();
}

static inline void serve(int ready_fd)
{
	int listener = socket_listen(behaviour.path, 16);

	child_is_ready(ready_fd);
	while (behaviour.accept_nobody)
		pause();
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			_exit(96);
		serve_one(fd);
		close(fd);
	}
}

static inline pid_t server_start(struct behaviour how)
{
	behaviour = how;
	return child_start(serve);
}

#endif
