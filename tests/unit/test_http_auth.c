// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include "user/http/auth.h"

struct scene {
	struct tree tree;
	char path[PATH_MAX];
	struct auth *auth;
	struct error err;
};

static struct scene scene_make(const char *text, mode_t mode)
{
	struct scene scene = { .tree = tree_make() };

	tree_write(&scene.tree, "users", text);
	tree_path(&scene.tree, "users", scene.path);
	assert_return_code(chmod(scene.path, mode), errno);
	auth_open(scene.path, &scene.auth, &scene.err);
	return scene;
}

static void scene_end(struct scene *scene)
{
	auth_close(scene->auth);
	tree_remove(&scene->tree);
}

/* "anna:secret", "bert:hashed", "carl:p:w" in base64, by hand. */
#define ANNA "Basic YW5uYTpzZWNyZXQ="
#define BERT "Basic YmVydDpoYXNoZWQ="
#define CARL "Basic Y2FybDpwOnc="

/* Of "hashed", by `openssl passwd -6 -salt abcdefgh hashed`. */
#define USERS "# who may ask\n\nanna:secret\r\nbert:" HASH "\ncarl:p:w\n"
#define HASH "$6$abcdefgh$4CfqSe4ofarFYJ1Dqjl0aw/Ugp3qaEDP5hw2fRHNlzJdxNXbxGPZ16sjvdktZ3dFd8nGGByQaONINVAnK4KO50"

static void a_user_with_the_right_password_may_ask(void **state)
{
	struct scene scene = scene_make(USERS, 0600);

	(void)state;
	assert_non_null(scene.auth);
	for (int i = 0; i < 3; i++) {
		assert_true(auth_check(scene.auth, ANNA));
		assert_true(auth_check(scene.auth, BERT));
		assert_true(auth_check(scene.auth, CARL));
		assert_true(auth_check(scene.auth, "basic   YW5uYTpzZWNyZXQ="));
	}
	scene_end(&scene);
}

static void nobody_else_may(void **state)
{
	static const char *const others[] = {
		"", "Basic", "Basic ", "Bearer YW5uYTpzZWNyZXQ=", "Basic YW5uYQ==" /* anna */, "Basic YW5uYTo=" /* anna: */,
		"Basic YW5uYTpzZWNyZQ==" /* anna:secre */, "Basic YW5uYTpzZWNyZXRz" /* anna:secrets */, "Basic OnNlY3JldA==" /* :secret */,
		"Basic YW46c2VjcmV0" /* an:secret */, "Basic YmVydDpzZWNyZXQ=" /* bert:secret */, "Basic YW5uYTpzZWNyZXQ=!",
		"Basic YW5uYTpzZWNyZXQAeA==" /* anna:secret, NUL, x */, "Basic Og==" /* : */,
	};
	struct scene scene = scene_make(USERS, 0600);

	(void)state;
	assert_false(auth_check(scene.auth, NULL));
	assert_true(auth_check(scene.auth, ANNA));
	for (size_t i = 0; i < COUNT_OF(others); i++)
		check_row(others[i], !auth_check(scene.auth, others[i]));
	scene_end(&scene);
}

static void a_hash_itself_is_no_password(void **state)
{
	struct scene scene = scene_make("anna:$6$abcdefgh$x\n", 0600);

	(void)state;
	assert_non_null(scene.auth);
	assert_false(auth_check(scene.auth, "Basic YW5uYTokNiRhYmNkZWZnaCR4"));
	scene_end(&scene);
}

static void a_long_header_is_refused(void **state)
{
	struct scene scene = scene_make(USERS, 0600);
	char header[4096];

	(void)state;
	memset(header, 'A', sizeof(header));
	memcpy(header, "Basic ", 6);
	header[sizeof(header) - 1] = '\0';
	assert_false(auth_check(scene.auth, header));
	scene_end(&scene);
}

static void a_file_that_will_not_do_is_refused_with_the_reason(void **state)
{
	static const struct {
		const char *text;
		mode_t mode;
		const char *reason;
	} rows[] = {
		{ USERS, 0604, "can be read by everyone on this host: chmod o-rwx it" },
		{ "", 0600, "nobody is in it" },
		{ "# nobody\n", 0600, "nobody is in it" },
		{ "anna\n", 0600, "line 1: not user:password" },
		{ "anna:x\n:y\n", 0600, "line 2: not user:password" },
		{ "anna\r:x\n", 0600, "line 1: not user:password" },
		{ "anna:\n", 0600, "line 1: not user:password" },
		{ "anna:{SHA}fEqNCco3Yq9h5ZUglD3CZJT4lBs=\n", 0600, "line 1: this host's libcrypt does not know that kind of hash" },
		{ "anna:$apr1$abcdefgh$y3Q0bQ0bQ0bQ0bQ0bQ0bQ/\n", 0600, "line 1: this host's libcrypt does not know that kind of hash" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct scene scene = scene_make(rows[i].text, rows[i].mode);

		check_row(rows[i].text, !scene.auth && scene.err.status == EXIT_USAGE);
		check_row(scene.err.text, strstr(scene.err.text, rows[i].reason));
		scene_end(&scene);
	}
}

static void a_file_that_is_not_there_is_told(void **state)
{
	struct auth *auth = NULL;
	struct error err;

	(void)state;
	assert_int_equal(auth_open("/nowhere/users", &auth, &err), -1);
	assert_string_equal(err.text, "cannot read /nowhere/users: No such file or directory");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_user_with_the_right_password_may_ask),
		cmocka_unit_test(nobody_else_may),
		cmocka_unit_test(a_hash_itself_is_no_password),
		cmocka_unit_test(a_long_header_is_refused),
		cmocka_unit_test(a_file_that_will_not_do_is_refused_with_the_reason),
		cmocka_unit_test(a_file_that_is_not_there_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
