// SPDX-License-Identifier: GPL-2.0-only
#include "tests/unit/helpers.h"

#include <pthread.h>

#include "tests/unit/engine_files.h"
#include "tests/unit/engine_server.h"

static void check_info(const struct container_info *info, const char *id, const char *name, const char *pod,
		       const char *image)
{
	assert_non_null(info);
	assert_string_equal(info->id, id);
	assert_string_equal(info->name, name);
	assert_string_equal(info->pod, pod);
	assert_string_equal(info->pod_namespace, pod[0] ? "shop" : "");
	assert_string_equal(info->image, image);
}

static void a_host_without_an_engine_has_no_names_and_nothing_to_note(void **state)
{
	char note[RUNTIME_NOTE_MAX] = "before";
	struct runtime_names *names = read_tree(note);
	const struct container_info *found[1];

	(void)state;
	assert_int_equal(runtime_names_count(names), 0);
	assert_null(runtime_names_get(names, A));
	assert_null(runtime_names_at(names, 0));
	assert_int_equal(runtime_names_find(names, "web", found, 1), 0);
	assert_string_equal(note, "");
	runtime_names_free(names);
	names = read_from((struct runtime_sources){ .root_fd = -1 }, note);
	assert_int_equal(runtime_names_count(names), 0);
	assert_string_equal(note, "");
	runtime_names_free(names);
	runtime_names_free(NULL);
}

static void names_are_read_from_the_files_of_each_engine(void **state)
{
	char note[RUNTIME_NOTE_MAX];
	struct runtime_names *names;

	(void)state;
	put(STORAGE_LIB "/containers.json", "[" WEB_ENTRY "]");
	put(STORAGE_LIB "/volatile-containers.json",
	    "[{\"id\":\"" C "\",\"names\":[\"k8s_redis_cache-0_shop_1_0\"],\"metadata\":\"{\\\"image-name\\\":\\\"redis:7\\\"}\"}]");
	put(STORAGE_RUN "/volatile-containers.json", "[{\"id\":\"" AB "\",\"names\":[\"passing\"]}]");
	put(STORAGE_RUN "/" C "/userdata/config.json", CRIO_BUNDLE);
	put(TASKS "/k8s.io/" D "/config.json", CONTAINERD_BUNDLE);
	put(K3S_TASKS "/k8s.io/" E "/config.json", CONTAINERD_BUNDLE);
	names = read_tree(note);
	assert_string_equal(note, "");
	assert_int_equal(runtime_names_count(names), 5);
	check_info(runtime_names_at(names, 0), A, "web", "", "web:1");
	check_info(runtime_names_at(names, 1), AB, "passing", "", "");
	check_info(runtime_names_at(names, 2), C, "redis", "cache-0", "redis:7"); /* put together of both */
	check_info(runtime_names_at(names, 3), D, "nginx", "front-0", "");
	check_info(runtime_names_at(names, 4), E, "nginx", "front-0", "");
	assert_null(runtime_names_at(names, 5));
	runtime_names_free(names);
}

static void what_is_no_container_on_disk_is_passed_over_without_a_word(void **state)
{
	char note[RUNTIME_NOTE_MAX];
	struct runtime_names *names;

	(void)state;
	put(STORAGE_RUN "/not-an-id/userdata/config.json", CRIO_BUNDLE);
	put(STORAGE_RUN "/" A "/userdata/pidfile", "1"); /* Podman's: no config.json here */
	put(STORAGE_RUN "/" C, "a file");
	put(TASKS "/moby/" A "/config.json", "{\"annotations\":{}}");
	put(TASKS "/default/short/config.json", CONTAINERD_BUNDLE);
	put(TASKS "/a-file", "");
	put(STORAGE_LIB "/containers.json", "");
	names = read_tree(note);
	assert_string_equal(note, "");
	assert_int_equal(runtime_names_count(names), 0);
	runtime_names_free(names);
}

static void broken_files_are_noted_and_the_others_are_read(void **state)
{
	char note[RUNTIME_NOTE_MAX];
	struct runtime_names *names;

	(void)state;
	put(STORAGE_LIB "/containers.json", "[{\"id\":\"" A "\",\"names\":[\"web\"]},");
	put(STORAGE_LIB "/volatile-containers.json/", NULL); /* a directory */
	put(STORAGE_RUN "/" C "/userdata/config.json", "garbage");
	put(TASKS "/k8s.io/" D "/config.json", CONTAINERD_BUNDLE);
	names = read_tree(note);
	assert_non_null(strstr(note, "/" STORAGE_LIB "/containers.json is not as container engines write it"));
	assert_non_null(strstr(note, "/" STORAGE_LIB "/volatile-containers.json is no regular file"));
	assert_non_null(strstr(note, "/" STORAGE_RUN "/" C "/userdata/config.json is not as container engines write it; "));
	assert_int_equal(runtime_names_count(names), 2);
	check_info(runtime_names_get(names, A), A, "web", "", "");
	check_info(runtime_names_get(names, D), D, "nginx", "front-0", "");
	runtime_names_free(names);
}

static void a_hosts_usual_sockets_are_asked_below_its_root(void **state)
{
	char path[PATH_MAX], note[RUNTIME_NOTE_MAX];
	struct runtime_names *names;
	pid_t server;

	(void)state;
	put("run/podman/", NULL);
	put("var/", NULL);
	assert_int_equal(symlinkat("/run", tree.fd, "var/run"), 0); /* leads to the host's, not to ours */
	put(STORAGE_LIB "/containers.json", "[" WEB_ENTRY ",{\"id\":\"" C "\",\"names\":[\"stopped\"]}]");
	server = server_start((struct behaviour){ .path = tree_path(&tree, "run/docker.sock", path),
						  .say = HTTP_OK "\r\n[{\"Id\":\"" A "\",\"Names\":[\"/web\"]}]" });
	close(socket_listen(tree_path(&tree, "run/podman/podman.sock", path), 1)); /* stale */
	names = read_tree(note);
	child_kill(server);
	assert_string_equal(note, "the socket /run/podman/podman.sock let nobody connect: Connection refused");
	assert_int_equal(runtime_names_count(names), 2);
	check_info(runtime_names_get(names, A), A, "web", "", "web:1");
	check_info(runtime_names_get(names, C), C, "stopped", "", "");
	runtime_names_free(names);
}

static void sockets_that_the_user_names_are_the_only_ones_asked(void **state)
{
	char usual[PATH_MAX], named[PATH_MAX], note[RUNTIME_NOTE_MAX], docker_host[PATH_MAX + 8];
	const char *const sockets[] = { named, "/nowhere/engine.sock", tree.path };
	struct runtime_names *names;
	pid_t servers[2];

	(void)state;
	put("run/podman/", NULL);
	servers[0] = server_start((struct behaviour){ .path = tree_path(&tree, "run/podman/podman.sock", usual),
						      .say = HTTP_OK "\r\n[{\"Id\":\"" A "\"}]" });
	servers[1] = server_start((struct behaviour){ .path = tree_path(&tree, "named", named),
						      .say = HTTP_OK "\r\n[{\"Id\":\"" C "\"}]" });
	names = read_from((struct runtime_sources){ .root_fd = tree.fd, .docker_host = "tcp://x",
						    .sockets = sockets, .n_sockets = 3 }, note);
	assert_int_equal(runtime_names_count(names), 1);
	assert_non_null(runtime_names_get(names, C));
	assert_non_null(strstr(note, "the socket /nowhere/engine.sock cannot be opened: No such file or directory; "));
	assert_non_null(strstr(note, " is no socket"));
	assert_null(strstr(note, "DOCKER_HOST"));
	runtime_names_free(names);
	/* DOCKER_HOST names one more */
	snprintf(docker_host, sizeof(docker_host), "unix://%s", named);
	names = read_from((struct runtime_sources){ .root_fd = tree.fd, .docker_host = docker_host }, note);
	assert_string_equal(note, "");
	assert_int_equal(runtime_names_count(names), 2);
	runtime_names_free(names);
	for (int i = 0; i < 2; i++)
		child_kill(servers[i]);
}

static void an_address_in_docker_host_that_is_no_socket_is_noted(void **state)
{
	char note[RUNTIME_NOTE_MAX];

	(void)state;
	runtime_names_free(read_from((struct runtime_sources){ .root_fd = -1, .docker_host = "tcp://10.0.0.1:2375" }, note));
	assert_string_equal(note, "DOCKER_HOST tcp://10.0.0.1:2375 is no unix:// address: it is not asked");
	runtime_names_free(read_from((struct runtime_sources){ .root_fd = -1, .docker_host = "" }, note));
	assert_string_equal(note, "");
}

static void an_engine_that_answers_something_else_is_noted_and_its_good_entries_are_kept(void **state)
{
	char path[PATH_MAX], note[RUNTIME_NOTE_MAX];
	const char *const sockets[] = { path };
	struct runtime_names *names;
	pid_t server;

	(void)state;
	server = server_start((struct behaviour){ .path = tree_path(&tree, "engine", path),
						  .say = HTTP_OK "\r\n[{\"Id\":\"" A "\",\"Names\":[\"/web\"]},7" });
	names = read_from((struct runtime_sources){ .root_fd = -1, .sockets = sockets, .n_sockets = 1 }, note);
	child_kill(server);
	assert_non_null(strstr(note, "/engine did not answer with a list of containers"));
	check_info(runtime_names_get(names, A), A, "web", "", "");
	runtime_names_free(names);
}

/* ids with the number in front, and names by it */
static void write_many(int n)
{
	FILE *file;
	int fd;

	put(STORAGE_LIB "/containers.json", "");
	fd = openat(tree.fd, STORAGE_LIB "/containers.json", O_WRONLY | O_CLOEXEC);
	file = fdopen(fd, "w");
	fputc('[', file);
	for (int i = 0; i < n; i++)
		fprintf(file, "%s{\"id\":\"%08x%s\",\"names\":[\"n%d\"]}", i ? "," : "", n - i, &A[8], i);
	fputc(']', file);
	assert_int_equal(fclose(file), 0);
}

static void more_containers_than_any_host_has_are_noted_and_left_out(void **state)
{
	char note[RUNTIME_NOTE_MAX];
	struct runtime_names *names;

	(void)state;
	write_many(RUNTIME_CONTAINERS_MAX);
	names = read_tree(note);
	assert_string_equal(note, "");
	assert_int_equal(runtime_names_count(names), 10000);
	runtime_names_free(names);
	write_many(RUNTIME_CONTAINERS_MAX + 1);
	names = read_tree(note);
	assert_string_equal(note, "more than 10000 containers are known: those beyond have no names");
	assert_int_equal(runtime_names_count(names), 10000);
	runtime_names_free(names);
}

static void any_number_of_notes_fits(void **state)
{
	char note[RUNTIME_NOTE_MAX + 1];

	(void)state;
	for (int i = 0; i < 10; i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), STORAGE_RUN "/%d%s/userdata/config.json", i, &A[1]);
		put(path, "garbage");
	}
	note[RUNTIME_NOTE_MAX] = 'x';
	runtime_names_free(read_tree(note));
	assert_int_equal(strlen(note), RUNTIME_NOTE_MAX - 1);
	assert_int_equal(note[RUNTIME_NOTE_MAX], 'x');
}

static void *read_in_a_thread(void *list)
{
	char note[RUNTIME_NOTE_MAX];

	(void)list;
	return read_tree(note);
}

static void names_may_be_read_in_several_threads_of_a_small_stack_at_once(void **state)
{
	pthread_t threads[4];
	pthread_attr_t attributes;
	char *deep = malloc(100000), path[PATH_MAX];
	pid_t server;

	(void)state;
	memset(deep, '[', 99999);
	memcpy(deep, "{\"annotations\":", 15);
	deep[99999] = '\0';
	put(STORAGE_RUN "/" D "/userdata/config.json", deep);
	put(STORAGE_LIB "/containers.json", "[{\"id\":\"" A "\",\"names\":[\"web\"]}]");
	server = server_start((struct behaviour){ .path = tree_path(&tree, "run/docker.sock", path),
						  .say = HTTP_OK "\r\n[{\"Id\":\"" C "\",\"Names\":[\"/db\"]}]" });
	put("var/", NULL);
	assert_int_equal(symlinkat("../run", tree.fd, "var/run"), 0);
	assert_int_equal(pthread_attr_init(&attributes), 0);
	assert_int_equal(pthread_attr_setstacksize(&attributes, 1 << 20), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		assert_int_equal(pthread_create(&threads[i], &attributes, read_in_a_thread, NULL), 0);
	for (size_t i = 0; i < COUNT_OF(threads); i++) {
		void *names;

		assert_int_equal(pthread_join(threads[i], &names), 0);
		assert_int_equal(runtime_names_count(names), 2);
		runtime_names_free(names);
	}
	pthread_attr_destroy(&attributes);
	child_kill(server);
	free(deep);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_host_without_an_engine_has_no_names_and_nothing_to_note, setup, teardown),
		cmocka_unit_test_setup_teardown(names_are_read_from_the_files_of_each_engine, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_container_on_disk_is_passed_over_without_a_word, setup, teardown),
		cmocka_unit_test_setup_teardown(broken_files_are_noted_and_the_others_are_read, setup, teardown),
		cmocka_unit_test_setup_teardown(a_hosts_usual_sockets_are_asked_below_its_root, setup, teardown),
		cmocka_unit_test_setup_teardown(sockets_that_the_user_names_are_the_only_ones_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(an_address_in_docker_host_that_is_no_socket_is_noted, setup, teardown),
		cmocka_unit_test_setup_teardown(an_engine_that_answers_something_else_is_noted_and_its_good_entries_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(more_containers_than_any_host_has_are_noted_and_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(any_number_of_notes_fits, setup, teardown),
		cmocka_unit_test_setup_teardown(names_may_be_read_in_several_threads_of_a_small_stack_at_once, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
