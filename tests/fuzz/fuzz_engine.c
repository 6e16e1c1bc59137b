// SPDX-License-Identifier: GPL-2.0-only
/* What somebody answers on a container engine's socket, HTTP and all; libcurl reads it. */
#include "tests/fuzz/fuzz.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "user/target/runtime_json.h"
#include "user/target/runtime_socket.h"

static int listener, socket_file;
static const struct input *answer;

/* When a request has come: the answer, and no more. */
static void *serve(void *data)
{
	char request[4096];
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	(void)data;
	if (fd < 0)
		return NULL;
	if (recv(fd, request, sizeof(request), 0) > 0)
		send(fd, answer->at, answer->left, MSG_NOSIGNAL);
	shutdown(fd, SHUT_WR);
	close(fd);
	return NULL;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	const char *below = getenv("TMPDIR");

	(void)argc, (void)argv;
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/memgap-fuzz-%d.sock", below ? below : "/tmp", getpid());
	assert_true(listener >= 0 && !bind(listener, (struct sockaddr *)&at, sizeof(at)) && !listen(listener, 4));
	socket_file = open(at.sun_path, O_PATH | O_CLOEXEC);
	assert_true(socket_file >= 0 && !unlink(at.sun_path));
	return 0;
}

static int found(const struct container_info *info, void *data)
{
	(void)data;
	assert_true(container_id_is(info->id, strnlen(info->id, sizeof(info->id))));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct input input = { data, size };
	char reason[RUNTIME_REASON_MAX] = "", *text;
	pthread_t thread;
	size_t length;

	answer = &input;
	assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
	if (runtime_socket_ask(socket_file, &text, &length, reason)) {
		assert_true(reason[0] && memchr(reason, 0, sizeof(reason)) != NULL);
	} else {
		runtime_parse_api(text, length, found, NULL);
		free(text);
	}
	pthread_join(thread, NULL);
	return 0;
}
