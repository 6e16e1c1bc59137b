// SPDX-License-Identifier: GPL-2.0-only
#include "user/target/runtime_socket.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define URL "http://localhost/containers/json"
#define HEADERS_MAX (64 * 1024)

struct answer {
	char *text;
	size_t length, room;
	size_t headers;
	bool too_long;
};

/* libcurl's callbacks: anything but size * n ends the transfer. */
static size_t take_body(char *bytes, size_t size, size_t n, void *data)
{
	struct answer *answer = data;
	size_t length = size * n, room = answer->room ? answer->room : 16 * 1024;

	if (length > RUNTIME_ANSWER_MAX - answer->length) {
		answer->too_long = true;
		return 0;
	}
	while (room < answer->length + length)
		room *= 2;
	if (room != answer->room) {
		char *text = realloc(answer->text, room);

		if (!text)
			return 0;
		answer->text = text;
		answer->room = room;
	}
	memcpy(answer->text + answer->length, bytes, length);
	answer->length += length;
	return length;
}

static size_t take_header(char *bytes, size_t size, size_t n, void *data)
{
	struct answer *answer = data;

	(void)bytes;
	answer->headers += size * n;
	answer->too_long = answer->headers > HEADERS_MAX;
	return answer->too_long ? 0 : size * n;
}

static int fail(char *ret_reason, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int fail(char *ret_reason, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(ret_reason, RUNTIME_REASON_MAX, format, args);
	va_end(args);
	return error;
}

/* With a UNIX socket libcurl takes no notice of a proxy that the environment names (CURLOPT_UNIX_SOCKET_PATH(3)). */
static void set_options(CURL *curl, const char *path, struct answer *answer)
{
	curl_easy_setopt(curl, CURLOPT_URL, URL);
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, path);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, RUNTIME_CONNECT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, RUNTIME_TOTAL_MS);
	curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "memgap");
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, answer);
}

/* What came of it, in words. */
static int judge(CURL *curl, CURLcode code, const struct answer *answer, char *ret_reason)
{
	long status = 0, os_error = 0;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &os_error);
	if (code == CURLE_WRITE_ERROR && answer->too_long)
		return fail(ret_reason, -EFBIG, "answered more than %d MiB", RUNTIME_ANSWER_MAX >> 20);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return fail(ret_reason, -ETIMEDOUT, "did not answer within %ld s", RUNTIME_TOTAL_MS / 1000);
	if (code == CURLE_COULDNT_CONNECT)
		return fail(ret_reason, os_error ? -(int)os_error : -ECONNREFUSED, "let nobody connect: %s",
			    os_error ? strerrordesc_np((int)os_error) : curl_easy_strerror(code));
	if (code)
		return fail(ret_reason, -EPROTO, "did not answer as a container engine does: %s", curl_easy_strerror(code));
	if (status != 200)
		return fail(ret_reason, -EPROTO, "answered with HTTP status %ld", status);
	return 0;
}

int runtime_socket_ask(int socket_fd, char **ret_text, size_t *ret_length, char ret_reason[RUNTIME_REASON_MAX])
{
	struct answer answer = { 0 };
	char path[32]; /* connect(2) follows the link of an O_PATH file */
	struct stat st;
	CURL *curl;
	int error;

	if (fstat(socket_fd, &st) || !S_ISSOCK(st.st_mode))
		return fail(ret_reason, -ENOTSOCK, "is no socket");
	curl = curl_easy_init();
	if (!curl)
		return fail(ret_reason, -ENOMEM, "was not asked: out of memory");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", socket_fd);
	set_options(curl, path, &answer);
	error = judge(curl, curl_easy_perform(curl), &answer, ret_reason);
	curl_easy_cleanup(curl);
	if (error) {
		free(answer.text);
		return error;
	}
	*ret_text = answer.text;
	*ret_length = answer.length;
	return 0;
}
