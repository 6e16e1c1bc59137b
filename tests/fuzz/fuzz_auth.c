// SPDX-License-Identifier: GPL-2.0-only
/* Who may ask: a file of users and passwords, and the Authorization header of a request that anybody may send. */
#include "tests/fuzz/fuzz.h"

#include "user/http/auth.h"

static int file;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	file = memory_file();
	assert_int_equal(fchmod(file, 0600), 0);
	return 0;
}

/* A hash may ask for as much time as it likes: the file is the user's own. */
static bool has_hash(const char *text)
{
	return strchr(text, '$') || strchr(text, '{');
}

/* The file, ended by a form feed, then the header. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	char path[32], *text = take_text_until(&input, '\f'), *header = take_text(&input);
	struct error err = { .text = "" };
	struct auth *auth;

	memory_file_fill(file, text, strlen(text));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	if (auth_open(path, &auth, &err)) {
		assert_true(err.text[0] && err.status == EXIT_USAGE);
	} else {
		assert_true(!auth_check(auth, NULL) && !auth_check(auth, "Basic"));
		/* what was right stays right, what was not stays so */
		if (!has_hash(text))
			assert_true(auth_check(auth, header) == auth_check(auth, header));
		auth_close(auth);
	}
	free(text);
	free(header);
	return 0;
}
