// SPDX-License-Identifier: GPL-2.0-only
#include "user/http/auth.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "user/base/fs.h"

#define FILE_MAX (64 << 10)
#define CREDENTIALS_MAX 512 /* "user:password" */
#define USERS_MAX 256

#define usage(err, ...) error_set(err, EXIT_USAGE, __VA_ARGS__)

struct auth {
	char *text; /* of the file, cut into lines that end with NUL */
	size_t size;
	char *users[USERS_MAX]; /* "user:password" */
	size_t n;
	char last[CREDENTIALS_MAX]; /* that were right; "" before */
};

/* Of all its bytes, whatever they are: the time tells the length of `given` alone. */
static bool is_equal(const char *given, const char *secret)
{
	size_t length = strlen(given), other = strlen(secret);
	unsigned int difference = length != other;

	for (size_t i = 0; i < length; i++)
		difference |= (unsigned char)given[i] ^ (unsigned char)secret[other ? i % other : 0];
	return !difference;
}

static bool is_hash(const char *password)
{
	return password[0] == '$' || password[0] == '{';
}

/* Whether this host's libcrypt knows that kind of hash. */
static bool is_known_hash(const char *password)
{
	return crypt_checksalt(password) == CRYPT_SALT_OK || crypt_checksalt(password) == CRYPT_SALT_METHOD_LEGACY;
}

static bool is_password(const char *given, const char *password)
{
	struct crypt_data *data;
	const char *hash;
	bool right;

	if (!is_hash(password))
		return is_equal(given, password);
	data = calloc(1, sizeof(*data));
	hash = data ? crypt_r(given, password, data) : NULL;
	right = hash && hash[0] != '*' && is_equal(hash, password);
	free(data);
	return right;
}

static int add_line(struct auth *auth, char *line, int number, const char *path, struct error *err)
{
	const char *colon;

	line[strcspn(line, "\r")] = '\0';
	colon = strchr(line, ':');
	if (!line[0] || line[0] == '#')
		return 0;
	if (!colon || colon == line || !colon[1] || strlen(line) >= CREDENTIALS_MAX)
		return usage(err, "%s, line %d: not user:password", path, number);
	if (is_hash(colon + 1) && !is_known_hash(colon + 1))
		return usage(err, "%s, line %d: this host's libcrypt does not know that kind of hash: make one with `htpasswd -B`", path, number);
	if (auth->n == USERS_MAX)
		return usage(err, "%s: more than %d users", path, USERS_MAX);
	auth->users[auth->n++] = line;
	return 0;
}

static int parse(struct auth *auth, const char *path, struct error *err)
{
	char *rest = auth->text, *line;
	int number = 0;

	while ((line = strsep(&rest, "\n")))
		if (add_line(auth, line, ++number, path, err))
			return -1;
	return auth->n ? 0 : usage(err, "%s: nobody is in it: a line user:password each", path);
}

int auth_open(const char *path, struct auth **ret, struct error *err)
{
	struct auth *auth = calloc(1, sizeof(*auth));
	struct stat st = { 0 };
	int result;

	if (!auth)
		return error_set(err, EXIT_FAILED, "out of memory");
	result = read_whole_file_at(AT_FDCWD, path, FILE_MAX, &auth->text);
	if (!result && stat(path, &st))
		result = -errno;
	if (result)
		error_set(err, fs_is_short(result) ? EXIT_FAILED : EXIT_USAGE, "cannot read %s: %s", path, strerror(-result));
	else if (st.st_mode & (S_IROTH | S_IWOTH))
		result = usage(err, "%s can be read by everyone on this host: chmod o-rwx it", path);
	if (!result) {
		auth->size = strlen(auth->text);
		result = parse(auth, path, err);
	}
	if (result) {
		auth_close(auth);
		return -1;
	}
	*ret = auth;
	return 0;
}

void auth_close(struct auth *auth)
{
	if (!auth)
		return;
	if (auth->text)
		explicit_bzero(auth->text, auth->size);
	free(auth->text);
	explicit_bzero(auth, sizeof(*auth));
	free(auth);
}

/* -1: it is none. */
static int base64_digit(char digit)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = digit ? strchr(digits, digit) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* "user:password" out of "Basic dXNlcjpwYXNzd29yZA==". */
static bool decode(const char *header, char ret[CREDENTIALS_MAX])
{
	uint32_t bits = 0;
	size_t n = 0;
	int have = 0;

	if (!header || strncasecmp(header, "Basic ", 6))
		return false;
	for (header += 6 + strspn(header + 6, " "); base64_digit(*header) >= 0; header++) {
		bits = bits << 6 | (uint32_t)base64_digit(*header);
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		ret[n] = (char)(bits >> have & 0xff);
		if (!ret[n++] || n == CREDENTIALS_MAX)
			return false;
	}
	ret[n] = '\0';
	return !header[strspn(header, "= ")] && strchr(ret, ':');
}

/* Also for a user that is not there a password is compared. */
static bool check_all(const struct auth *auth, const char *given)
{
	size_t name = (size_t)(strchr(given, ':') - given) + 1;
	const char *password = strchr(auth->users[0], ':') + 1;
	bool found = false;

	for (size_t i = 0; i < auth->n && !found; i++) {
		found = !strncmp(auth->users[i], given, name);
		if (found)
			password = auth->users[i] + name;
	}
	return is_password(given + name, password) && found;
}

bool auth_check(struct auth *auth, const char *header)
{
	char given[CREDENTIALS_MAX] = "";
	bool right = false;

	if (decode(header, given)) {
		right = is_equal(given, auth->last) || check_all(auth, given);
		if (right)
			strcpy(auth->last, given);
	}
	explicit_bzero(given, sizeof(given));
	return right;
}
